//! Session state that a server tells in its OK packets (CLIENT_SESSION_TRACK).

use super::Malformed;
use super::packet::{Reader, put_lenenc_bytes};

/// Kinds of entries, as numbered by the protocol.
mod kind {
    pub const SYSTEM_VARIABLES: u8 = 0;
    pub const SCHEMA: u8 = 1;
    pub const STATE_CHANGE: u8 = 2;
}

/// One entry of the state block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// `last_gtid` is among them.
    Variable {
        name: &'a [u8],
        value: &'a [u8],
    },
    Schema(&'a [u8]),
    /// Something of the session changed: a user variable, a temporary table, a variable.
    State,
    /// GTIDs, transaction characteristics and state: not asked for.
    Other,
}

/// Calls `heard` for each entry of a state block.
pub fn read<'a>(block: &'a [u8], mut heard: impl FnMut(Change<'a>)) -> Result<(), Malformed> {
    let mut reader = Reader::new(block);
    while !reader.is_empty() {
        let kind = reader.u8("kind of state")?;
        let mut entry = Reader::new(reader.lenenc_bytes("state")?);
        match kind {
            // Several variables in one entry: MariaDB; one: MySQL.
            kind::SYSTEM_VARIABLES => {
                while !entry.is_empty() {
                    let name = entry.lenenc_bytes("variable's name")?;
                    heard(Change::Variable { name, value: entry.lenenc_bytes("variable's value")? });
                }
            }
            kind::SCHEMA => heard(Change::Schema(entry.lenenc_bytes("schema")?)),
            kind::STATE_CHANGE => heard(Change::State),
            _ => heard(Change::Other),
        }
    }
    Ok(())
}

/// What a server tracks where nobody asked for more (MariaDB, MySQL: `session_track_system_variables`).
const BY_DEFAULT: [&[u8]; 5] =
    [b"autocommit", b"character_set_client", b"character_set_connection", b"character_set_results", b"time_zone"];

/// The block as a client expects that has asked for nothing: schema and a few variables.
pub fn for_client(block: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::new();
    let mut entry = Vec::new();
    read(block, |change| {
        entry.clear();
        let kind = match change {
            Change::Variable { name, value } if BY_DEFAULT.contains(&name) => {
                put_lenenc_bytes(&mut entry, name);
                put_lenenc_bytes(&mut entry, value);
                kind::SYSTEM_VARIABLES
            }
            Change::Schema(name) => {
                put_lenenc_bytes(&mut entry, name);
                kind::SCHEMA
            }
            _ => return,
        };
        out.push(kind);
        put_lenenc_bytes(&mut out, &entry);
    })?;
    Ok(out)
}
