//! What the SQL proxy decides: its configuration, what a statement is, where it goes, what a server's state means.
//!
//! No clock, no I/O, no async. Sockets are in `proxy::sql`; ProxySQL's words are kept where it has one.
//!
//! - [`libconfig`], [`config_file`]: his `proxysql.cnf`, with places and problems
//! - [`tables`], [`variables`]: every table and variable of ProxySQL, once; file, admin database and docs are made of them
//! - [`settings`]: rows as types, what a running proxy works by
//! - [`statement`], [`digest`]: what a statement does, and what it looks like without its values
//! - [`rules`]: query rules, hints in comments, fast routing
//! - [`protocol`]: packets, handshakes, where an answer ends
//! - [`cache`]: which answers may be given again
//! - [`session`]: what a client's session carries, and what that pins
//! - [`take_over`]: which of a server's accounts become users here
//! - [`monitor`]: what a server's answers mean for its hostgroups

pub mod cache;
pub mod config_file;
pub mod digest;
pub mod libconfig;
pub mod monitor;
pub mod protocol;
pub mod rules;
pub mod session;
pub mod settings;
pub mod statement;
pub mod tables;
pub mod take_over;
pub mod variables;
