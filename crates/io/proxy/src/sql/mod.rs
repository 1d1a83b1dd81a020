//! The SQL proxy: ProxySQL's job. Deciding is in `mysql`; here are sockets, pools and the admin interface.

pub mod admin;
