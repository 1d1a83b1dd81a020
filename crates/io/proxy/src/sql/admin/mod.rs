//! The admin interface: ProxySQL's tables in SQLite, and its commands.
