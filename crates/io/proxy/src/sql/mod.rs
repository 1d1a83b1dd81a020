//! The SQL proxy: ProxySQL's job. Deciding is in `mysql`; here are sockets, pools and the admin interface.

pub mod admin;
pub mod client;
pub mod compress;
pub mod latency;
pub mod listener;
pub mod log;
pub mod monitor;
pub mod placing;
pub mod report;
pub mod run;
pub mod runtime;
pub mod server;
pub mod sessions;
pub mod settled;
pub mod shared;
pub mod start;
pub mod stats;
pub mod stream;
pub mod tls;
pub mod tuning;
pub mod values;
pub mod web;
pub mod wire;
pub mod worker;
