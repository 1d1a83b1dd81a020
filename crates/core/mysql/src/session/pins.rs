//! Why a session has to stay on the connection it has.

use std::fmt;

/// A set of reasons. While it is not empty, all of the session's statements go to one connection of the writer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pins(u16);

impl Pins {
    pub const TRANSACTION: Self = Self(1);
    pub const AUTOCOMMIT_OFF: Self = Self(1 << 1);
    pub const TEMPORARY_TABLE: Self = Self(1 << 2);
    pub const USER_VARIABLE: Self = Self(1 << 3);
    pub const TABLE_LOCK: Self = Self(1 << 4);
    pub const NAMED_LOCK: Self = Self(1 << 5);
    /// SQL_CALC_FOUND_ROWS, warnings, an insert id: what the next statement may ask about this one.
    pub const LAST_STATEMENT: Self = Self(1 << 6);
    /// PREPARE as a statement.
    pub const TEXT_PREPARED: Self = Self(1 << 7);
    /// Parts of a parameter were sent ahead, or a cursor is open.
    pub const STATEMENT_OPEN: Self = Self(1 << 8);
    /// The server says that the session changed, and nothing tells what.
    pub const OPAQUE: Self = Self(1 << 9);
    /// A query rule's `multiplex=0`.
    pub const RULE: Self = Self(1 << 10);
    /// SET TRANSACTION: for the next transaction only.
    pub const NEXT_TRANSACTION: Self = Self(1 << 11);
    /// An open HANDLER.
    pub const HANDLER: Self = Self(1 << 12);

    /// START TRANSACTION READ ONLY, until COMMIT or ROLLBACK: MariaDB leaves the connection read-only where SET autocommit ends
    /// that transaction, and does not tell.
    pub const READ_ONLY: Self = Self(1 << 13);

    /// With a transaction these are over.
    pub const OF_TRANSACTION: Self = Self(Self::TRANSACTION.0 | Self::NEXT_TRANSACTION.0);

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }

    pub fn set(&mut self, other: Self, on: bool) {
        if on { self.insert(other) } else { self.remove(other) }
    }

    /// Something is lost with the connection that a client cannot know of: it has to be told by losing its own.
    pub fn is_lost_with_connection(self) -> bool {
        self.0 & !(Self::LAST_STATEMENT.0 | Self::RULE.0) != 0
    }
}

/// With each name as people read it in logs and in the process list.
const NAMES: [(Pins, &str); 14] = [
    (Pins::TRANSACTION, "transaction"),
    (Pins::AUTOCOMMIT_OFF, "autocommit=0"),
    (Pins::TEMPORARY_TABLE, "temporary table"),
    (Pins::USER_VARIABLE, "user variable"),
    (Pins::TABLE_LOCK, "table lock"),
    (Pins::NAMED_LOCK, "named lock"),
    (Pins::LAST_STATEMENT, "last statement"),
    (Pins::TEXT_PREPARED, "prepared by text"),
    (Pins::STATEMENT_OPEN, "open statement"),
    (Pins::OPAQUE, "unnamed state"),
    (Pins::RULE, "rule"),
    (Pins::NEXT_TRANSACTION, "next transaction"),
    (Pins::HANDLER, "handler"),
    (Pins::READ_ONLY, "read-only transaction"),
];

impl fmt::Display for Pins {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let mut names = NAMES.iter().filter(|(pin, _)| self.contains(*pin)).map(|(_, name)| *name);
        out.write_str(names.next().unwrap_or("none"))?;
        names.try_for_each(|name| write!(out, ", {name}"))
    }
}
