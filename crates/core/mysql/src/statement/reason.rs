//! Why a statement is not known to only read.

use std::fmt;

/// Why a text may not run on a replica in the place of the master. Its `Display` follows "not sent to a reader: ".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It holds no statement.
    Empty,
    /// Its command writes, changes the session, or is not known.
    Command,
    /// `FOR UPDATE`, `FOR SHARE`, `LOCK IN SHARE MODE`.
    LocksRows,
    /// `INTO OUTFILE`, `INTO DUMPFILE`, `INTO @x`.
    Into,
    /// `:=`, `LAST_INSERT_ID(expression)`.
    Assigns,
    Sequence,
    NamedLock,
    /// A stored or loadable function, or one that we do not know.
    Function,
    /// `PROCEDURE ANALYSE()`.
    Procedure,
    /// Status, processes, replication: every server has its own.
    ServerSpecific,
    /// What it means depends on whether the server skips an executable comment.
    ExecutableComment,
    /// A string, name or comment has no end.
    Malformed,
    /// Its character set may hide quotes in letters.
    Charset,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it holds no statement",
            Self::Command => "its command is not one that only reads",
            Self::LocksRows => "it locks the rows it reads",
            Self::Into => "it writes its result into a file or variable",
            Self::Assigns => "it assigns a value to the session",
            Self::Sequence => "it uses a sequence",
            Self::NamedLock => "it uses named locks, which each server has its own of",
            Self::Function => "it calls a function that may write",
            Self::Procedure => "it calls a procedure",
            Self::ServerSpecific => "each server has its own answer to it",
            Self::ExecutableComment => "an executable comment decides what it does",
            Self::Malformed => "a string, name or comment in it has no certain end",
            Self::Charset => "its character set may hide quotes inside of letters",
        })
    }
}
