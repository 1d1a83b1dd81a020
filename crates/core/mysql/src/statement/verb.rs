//! Commands, by the names of ProxySQL's `stats_mysql_commands_counters`.

macro_rules! verbs {
    ($($variant:ident $name:literal,)*) => {
        /// The command of a statement. Source of the names: ProxySQL 2.7, `stats_mysql_commands_counters`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Verb {
            $($variant,)*
        }

        impl Verb {
            /// Every verb, in the order of their counters.
            pub const ALL: &[Verb] = &[$(Verb::$variant,)*];

            /// The name ProxySQL counts it under.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

verbs! {
    AlterTable "ALTER_TABLE",
    AlterView "ALTER_VIEW",
    AnalyzeTable "ANALYZE_TABLE",
    Begin "BEGIN",
    Call "CALL",
    ChangeMaster "CHANGE_MASTER",
    Commit "COMMIT",
    CreateDatabase "CREATE_DATABASE",
    CreateIndex "CREATE_INDEX",
    CreateTable "CREATE_TABLE",
    CreateTemporary "CREATE_TEMPORARY",
    CreateTrigger "CREATE_TRIGGER",
    CreateUser "CREATE_USER",
    CreateView "CREATE_VIEW",
    Deallocate "DEALLOCATE",
    Delete "DELETE",
    Describe "DESCRIBE",
    DropDatabase "DROP_DATABASE",
    DropIndex "DROP_INDEX",
    DropTable "DROP_TABLE",
    DropTrigger "DROP_TRIGGER",
    DropUser "DROP_USER",
    DropView "DROP_VIEW",
    Execute "EXECUTE",
    Explain "EXPLAIN",
    Flush "FLUSH",
    Grant "GRANT",
    Insert "INSERT",
    Kill "KILL",
    Load "LOAD",
    LockTable "LOCK_TABLE",
    Optimize "OPTIMIZE",
    Prepare "PREPARE",
    Purge "PURGE",
    ReleaseSavepoint "RELEASE_SAVEPOINT",
    RenameTable "RENAME_TABLE",
    Replace "REPLACE",
    ResetMaster "RESET_MASTER",
    ResetSlave "RESET_SLAVE",
    Revoke "REVOKE",
    Rollback "ROLLBACK",
    RollbackSavepoint "ROLLBACK_SAVEPOINT",
    Savepoint "SAVEPOINT",
    Select "SELECT",
    SelectForUpdate "SELECT_FOR_UPDATE",
    Set "SET",
    Show "SHOW",
    ShowTableStatus "SHOW_TABLE_STATUS",
    StartTransaction "START_TRANSACTION",
    TruncateTable "TRUNCATE_TABLE",
    UnlockTables "UNLOCK_TABLES",
    Update "UPDATE",
    Use "USE",
    Unknown "UNKNOWN",
}
