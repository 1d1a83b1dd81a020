//! The first byte of what a client sends.

/// A client's command; names are the protocol's without `COM_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Command {
    Quit = 0x01,
    InitDb = 0x02,
    Query = 0x03,
    FieldList = 0x04,
    Statistics = 0x09,
    ProcessInfo = 0x0a,
    ProcessKill = 0x0c,
    Debug = 0x0d,
    Ping = 0x0e,
    ChangeUser = 0x11,
    BinlogDump = 0x12,
    RegisterSlave = 0x15,
    StmtPrepare = 0x16,
    StmtExecute = 0x17,
    StmtSendLongData = 0x18,
    StmtClose = 0x19,
    StmtReset = 0x1a,
    SetOption = 0x1b,
    StmtFetch = 0x1c,
    BinlogDumpGtid = 0x1e,
    ResetConnection = 0x1f,
    /// MariaDB: several executions in one packet.
    StmtBulkExecute = 0xfa,
}

const ALL: [Command; 22] = {
    use Command::*;
    [
        Quit,
        InitDb,
        Query,
        FieldList,
        Statistics,
        ProcessInfo,
        ProcessKill,
        Debug,
        Ping,
        ChangeUser,
        BinlogDump,
        RegisterSlave,
        StmtPrepare,
        StmtExecute,
        StmtSendLongData,
        StmtClose,
        StmtReset,
        SetOption,
        StmtFetch,
        BinlogDumpGtid,
        ResetConnection,
        StmtBulkExecute,
    ]
};

impl Command {
    pub fn of(byte: u8) -> Option<Self> {
        ALL.into_iter().find(|command| *command as u8 == byte)
    }
}
