//! Words with a meaning, found without regard to case and without allocation.

/// An open hash table of constant words, built at compile time.
pub(crate) struct Index {
    slots: [u16; SLOTS],
}

/// Four times as many as the largest table has words.
const SLOTS: usize = 2048;
const EMPTY: u16 = u16::MAX;

impl Index {
    pub const fn new(words: &[&str]) -> Self {
        let mut slots = [EMPTY; SLOTS];
        let mut number = 0;
        while number < words.len() {
            let mut slot = hash(words[number].as_bytes());
            while slots[slot] != EMPTY {
                slot = (slot + 1) % SLOTS;
            }
            slots[slot] = number as u16;
            number += 1;
        }
        Self { slots }
    }

    /// The number of `word` in `words`, which the index was made of.
    #[inline]
    pub fn find(&self, words: &[&str], word: &[u8]) -> Option<usize> {
        let mut slot = hash(word);
        loop {
            let number = self.slots[slot];
            if number == EMPTY {
                return None;
            }
            if words[usize::from(number)].as_bytes().eq_ignore_ascii_case(word) {
                return Some(usize::from(number));
            }
            slot = (slot + 1) % SLOTS;
        }
    }
}

/// Of a word in either case.
const fn hash(word: &[u8]) -> usize {
    let mut hash: u32 = 0x811c_9dc5;
    let mut at = 0;
    while at < word.len() {
        hash = (hash ^ (word[at] & 0xdf) as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    (hash ^ hash >> 15) as usize % SLOTS
}

macro_rules! keywords {
    ($($variant:ident $name:literal,)*) => {
        /// A word that decides something. `Other` is any other word or name, `NoWord` anything else.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Keyword {
            $($variant,)*
            Other,
            NoWord,
        }

        const NAMES: &[&str] = &[$($name,)*];
        const KEYWORDS: &[Keyword] = &[$(Keyword::$variant,)*];
    };
}

keywords! {
    Aggregate "AGGREGATE", Algorithm "ALGORITHM", All "ALL", Alter "ALTER", Analyze "ANALYZE", And "AND", Any "ANY", As "AS",
    Atomic "ATOMIC", Autocommit "AUTOCOMMIT", Backup "BACKUP", Begin "BEGIN", Between "BETWEEN", Binary "BINARY",
    Binlog "BINLOG", By "BY", Cache "CACHE", Call "CALL", Case "CASE", Chain "CHAIN", Change "CHANGE",
    Character "CHARACTER", Charset "CHARSET", Check "CHECK", Checksum "CHECKSUM", Collation "COLLATION",
    Columns "COLUMNS", Commit "COMMIT", Connection "CONNECTION", Count "COUNT", Create "CREATE", Cross "CROSS",
    CurrVal "CURRVAL", Data "DATA", Database "DATABASE", Databases "DATABASES", Deallocate "DEALLOCATE",
    Default "DEFAULT", Definer "DEFINER", Delete "DELETE", Desc "DESC", Describe "DESCRIBE",
    Diagnostics "DIAGNOSTICS", Distinct "DISTINCT", Div "DIV", Do "DO", Drop "DROP", Dumpfile "DUMPFILE", Else "ELSE",
    End "END", Engines "ENGINES", Errors "ERRORS", Event "EVENT", Events "EVENTS", Except "EXCEPT", Execute "EXECUTE",
    Exists "EXISTS", Explain "EXPLAIN", Export "EXPORT", Extended "EXTENDED", Fields "FIELDS", Flush "FLUSH", For "FOR",
    Force "FORCE", From "FROM", Full "FULL", Function "FUNCTION", Get "GET", Global "GLOBAL", Grant "GRANT",
    Grants "GRANTS", Group "GROUP", Handler "HANDLER", Having "HAVING", Help "HELP", If "IF", Ignore "IGNORE",
    Ignored "IGNORED", Immediate "IMMEDIATE", In "IN", Index "INDEX", Indexes "INDEXES", Inner "INNER",
    Insert "INSERT", Install "INSTALL", Intersect "INTERSECT", Interval "INTERVAL", Into "INTO", Is "IS",
    Join "JOIN", Key "KEY", Keys "KEYS", Kill "KILL", LastInsertId "LAST_INSERT_ID", LastVal "LASTVAL", Lateral "LATERAL",
    Like "LIKE", Limit "LIMIT", Load "LOAD", Local "LOCAL", Lock "LOCK", Locked "LOCKED", Loop "LOOP",
    Materialized "MATERIALIZED", Minus "MINUS", Mod "MOD", Mode "MODE", Names "NAMES", Next "NEXT", NextVal "NEXTVAL",
    Not "NOT", Nowait "NOWAIT", Of "OF", Offset "OFFSET", On "ON", Online "ONLINE", Only "ONLY", Open "OPEN",
    Optimize "OPTIMIZE", Or "OR", Order "ORDER", Outfile "OUTFILE", Over "OVER", Package "PACKAGE", Partition "PARTITION",
    Password "PASSWORD", Persist "PERSIST", PersistOnly "PERSIST_ONLY", Prepare "PREPARE", Previous "PREVIOUS",
    Privileges "PRIVILEGES", Procedure "PROCEDURE", Profile "PROFILE", Profiles "PROFILES", Profiling "PROFILING",
    Purge "PURGE", Quick "QUICK", Read "READ", Recursive "RECURSIVE", Regexp "REGEXP", Release "RELEASE",
    Rename "RENAME", Repair "REPAIR", Repeat "REPEAT", Replace "REPLACE", Reset "RESET", Resignal "RESIGNAL",
    Return "RETURN", Returning "RETURNING", Revoke "REVOKE", Rlike "RLIKE", Role "ROLE", Rollback "ROLLBACK", Row "ROW",
    Savepoint "SAVEPOINT", Schema "SCHEMA", Schemas "SCHEMAS", Security "SECURITY", Select "SELECT", Sequence "SEQUENCE",
    Session "SESSION", Set "SET", Share "SHARE", Show "SHOW", Shutdown "SHUTDOWN", Signal "SIGNAL", Skip "SKIP",
    Slave "SLAVE", Replica "REPLICA", SomeOf "SOME", SqlCalcFoundRows "SQL_CALC_FOUND_ROWS", Stage "STAGE",
    Start "START", Statement "STATEMENT", Status "STATUS", Stop "STOP", Storage "STORAGE", Straight "STRAIGHT_JOIN",
    Table "TABLE", Tables "TABLES", Temporary "TEMPORARY", Then "THEN", To "TO", Transaction "TRANSACTION",
    Trigger "TRIGGER", Triggers "TRIGGERS", Truncate "TRUNCATE", Undo "UNDO", Uninstall "UNINSTALL", Union "UNION",
    Unique "UNIQUE", Unlock "UNLOCK", Until "UNTIL", Update "UPDATE", Use "USE", User "USER", Using "USING",
    Value "VALUE", Values "VALUES", View "VIEW", Warnings "WARNINGS", When "WHEN", Where "WHERE", While "WHILE",
    Window "WINDOW", With "WITH", Within "WITHIN", Work "WORK", Xa "XA", Xml "XML", Xor "XOR", Master "MASTER",
    InformationSchema "INFORMATION_SCHEMA", PerformanceSchema "PERFORMANCE_SCHEMA", Sys "SYS", Null "NULL",
    CurrentDate "CURRENT_DATE", CurrentRole "CURRENT_ROLE", CurrentTime "CURRENT_TIME",
    CurrentTimestamp "CURRENT_TIMESTAMP", CurrentUser "CURRENT_USER", LocalTime "LOCALTIME",
    LocalTimestamp "LOCALTIMESTAMP", UtcDate "UTC_DATE", UtcTime "UTC_TIME", UtcTimestamp "UTC_TIMESTAMP",
    Escape "ESCAPE", Collate "COLLATE", Fulltext "FULLTEXT", Spatial "SPATIAL",
}

/// Reserved words that a parenthesis may follow without making them a call.
const PARENTHESIS: &[Keyword] = {
    use Keyword::*;
    &[
        All, And, As, Between, By, Case, Cross, Distinct, Div, Else, Except, Exists, From, Group, Having, In, Index,
        Inner, Intersect, Interval, Is, Join, Key, Like, Limit, Mod, Not, On, Or, Over, Partition, Regexp, Rlike, Row,
        Select, Straight, Then, Union, Using, Value, Values, When, Where, Xor, Explain, Desc, Describe, Analyze, Set,
        Binary, For,
    ]
};

static INDEX: Index = Index::new(NAMES);

impl Keyword {
    #[inline]
    pub fn of(word: &[u8]) -> Self {
        INDEX.find(NAMES, word).map_or(Self::Other, |number| KEYWORDS[number])
    }

    /// A parenthesis behind it begins an expression, a list or a subquery: it is not a call.
    pub fn takes_parenthesis(self) -> bool {
        PARENTHESIS.contains(&self)
    }

    /// What follows is an operand: a sign there belongs to the number behind it.
    pub fn precedes_operand(self) -> bool {
        PARENTHESIS.contains(&self) && !matches!(self, Self::Index | Self::Key | Self::Partition)
            || matches!(self, Self::Offset | Self::Escape | Self::Of | Self::Return)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_in_either_case() {
        for (name, keyword) in NAMES.iter().zip(KEYWORDS) {
            assert_eq!(Keyword::of(name.as_bytes()), *keyword);
            assert_eq!(Keyword::of(name.to_lowercase().as_bytes()), *keyword);
        }
        assert_eq!(Keyword::of(b"selec"), Keyword::Other);
    }
}
