//! The MySQL client/server protocol as bytes: framing, greetings, logins, replies, and where an answer ends.
//!
//! Source: MariaDB Knowledge Base "Client/Server Protocol"; MySQL internals "Client/Server Protocol" (`page_protocol_*`).

pub mod answer;
pub mod auth;
pub mod capability;
pub mod change_user;
pub mod command;
pub mod execute;
pub mod greeting;
pub mod login;
pub mod packet;
pub mod reply;
pub mod rows;
pub mod tracked;

/// Why bytes are no packet of this protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("the packet ends inside its {0}")]
    Short(&'static str),
    #[error("{what} is {value}, which this protocol does not have")]
    Unknown { what: &'static str, value: u64 },
}
