//! What a server's answers mean for its hostgroups.
//!
//! No clock and no sockets: whoever asks the servers gives answers in, with the time, and works by what comes out.
//!
//! - [`replication`]: which server of a replication hostgroup is written to, and which are read from
//! - [`check_type`]: by which variables a server says that it may not be written
//! - [`gtid`]: MariaDB's positions in the replicated history

pub mod check_type;
pub mod gtid;
pub mod replication;

/// Milliseconds since a moment that the caller chose once.
pub type Millis = u64;
