//! What a statement does to its session, or needs of it.

use std::fmt;

/// A set of effects, of all statements of a text together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Effects(u64);

macro_rules! effects {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Bit { $($name,)* }

        impl Effects {
            $($(#[$doc])* pub const $name: Self = Self(1 << Bit::$name as u64);)*

            const NAMES: &[(Self, &str)] = &[$((Self::$name, stringify!($name)),)*];
        }
    };
}

effects! {
    /// Mentions `@x`.
    USER_VARIABLE,
    /// `@x := …`, `SET @x`, `INTO @x`, or hands `@x` to a procedure.
    ASSIGNS_USER_VARIABLE,
    /// `CREATE [OR REPLACE] TEMPORARY`.
    TEMPORARY_TABLE,
    /// `DROP TEMPORARY`.
    DROPS_TEMPORARY_TABLE,
    /// `GET_LOCK` and its relatives.
    NAMED_LOCK,
    /// `LOCK TABLES`, `FLUSH TABLES … WITH READ LOCK | FOR EXPORT`, `BACKUP STAGE | LOCK`.
    TABLE_LOCK,
    /// `UNLOCK TABLES`, `BACKUP UNLOCK`, `BACKUP STAGE END` (which has [`Self::TABLE_LOCK`] too).
    UNLOCK_TABLES,
    CALC_FOUND_ROWS,
    USES_FOUND_ROWS,
    USES_ROW_COUNT,
    /// `LAST_INSERT_ID()`, `@@last_insert_id`, `@@identity`, `@@insert_id`.
    USES_LAST_INSERT_ID,
    /// `LAST_INSERT_ID(expression)`.
    ASSIGNS_LAST_INSERT_ID,
    /// Reads the warnings or errors of the statement before: `SHOW WARNINGS`, `GET DIAGNOSTICS`, `@@warning_count`.
    DIAGNOSTICS,
    /// `PREPARE name FROM`.
    TEXT_PREPARE,
    /// `EXECUTE name`, `EXECUTE IMMEDIATE`: may do anything.
    TEXT_EXECUTE,
    DEALLOCATE,
    /// Sets variables of the session: `SET x`, `SET NAMES`, `SET SESSION TRANSACTION`.
    SET_VARIABLES,
    /// `SET @@x` without a scope, which sets the session's as well, but which MariaDB 10.11 does not tell; FLUSH STATUS.
    SET_UNTOLD,
    SET_GLOBAL,
    /// `SET TRANSACTION` without scope: for the next transaction only.
    SET_TRANSACTION_NEXT,
    /// `SET autocommit`, in whatever spelling.
    SET_AUTOCOMMIT,
    /// `SET STATEMENT … FOR …`: variables for this statement alone; the other effects are the inner statement's.
    SET_STATEMENT,
    SET_ROLE,
    /// `BEGIN`, `START TRANSACTION`.
    BEGIN,
    /// `START TRANSACTION READ ONLY`.
    BEGIN_READ_ONLY,
    COMMIT,
    /// `ROLLBACK`, but not `ROLLBACK TO`.
    ROLLBACK,
    /// `COMMIT | ROLLBACK … AND CHAIN`: another transaction is open behind it.
    CHAIN,
    /// `COMMIT | ROLLBACK … RELEASE`: the server closes the connection.
    RELEASE,
    /// `SAVEPOINT`, `ROLLBACK TO`, `RELEASE SAVEPOINT`.
    SAVEPOINT,
    XA,
    /// `LOAD DATA LOCAL`, `LOAD XML LOCAL`: the client is asked for a file.
    LOAD_LOCAL,
    KILL,
    HANDLER,
    CONNECTION_ID,
    USE,
    /// Ends the open transaction: definitions of data, `LOCK TABLES`, `BEGIN` and more.
    IMPLICIT_COMMIT,
    /// Definitions of data: tables, views, routines.
    DEFINES,
    /// `CALL`: may do anything.
    CALL,
    /// A block of a stored program outside of one (`BEGIN NOT ATOMIC`, `IF … THEN`): may do anything.
    COMPOUND,
    CHANGES_USERS,
    /// Reads or moves a sequence.
    SEQUENCE,
    PROFILING,
    /// Its answer changes without a write: clock, chance, who asks, settings of the server.
    VOLATILE,
}

impl Effects {
    pub const NONE: Self = Self(0);

    /// All of `other` are in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Some of `other` is in it.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Names with ` | ` between them.
impl fmt::Debug for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (effect, name) in Self::NAMES.iter().filter(|(effect, _)| self.contains(*effect)) {
            debug_assert!(!effect.is_empty());
            write!(f, "{separator}{name}")?;
            separator = " | ";
        }
        Ok(())
    }
}
