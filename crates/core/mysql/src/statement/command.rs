//! The command of a statement, by its first words, and what every statement of that command does.

use super::scan::Current;
use super::words::Keyword::{self, *};
use super::{Effects, Reason, Verb};

/// Names the command and adds its effects; what is no query is refused as a read.
pub(super) fn decide(current: &mut Current) -> Verb {
    let (verb, effects) = match current.head {
        [Select | With | Values | Table, ..] => return query(current),
        [Show, ..] => return show(current),
        [Explain | Desc | Describe | Analyze, ..] => return explain(current),
        [Help, ..] => return Verb::Unknown,
        [Create | Alter | Drop, ..] => definition(current),
        [Set, ..] => (Verb::Set, Effects::NONE),
        head => plain(head, current),
    };
    current.effects.insert(effects);
    current.reason = Some(Reason::Command);
    verb
}

fn query(current: &Current) -> Verb {
    match current.writes {
        Some(verb) => verb,
        None if current.locks_rows => Verb::SelectForUpdate,
        None => Verb::Select,
    }
}

/// Data and definitions replicate; status, processes, variables and replication are the server's own.
fn show(current: &mut Current) -> Verb {
    let what = match current.head[1] {
        Full | Extended => current.head[2],
        what => what,
    };
    match what {
        Warnings | Errors | Count => current.effects.insert(Effects::DIAGNOSTICS),
        Profile | Profiles => current.effects.insert(Effects::PROFILING),
        // A replica disables events, and says so.
        Create if current.head[2] == Event => current.reason = current.reason.or(Some(Reason::ServerSpecific)),
        Tables | Databases | Schemas | Columns | Fields | Index | Indexes | Keys | Create | Triggers | Procedure
        | Function | Package | Character | Charset | Collation | Table | Grants | Privileges | Engines | Storage => {}
        _ => current.reason = current.reason.or(Some(Reason::ServerSpecific)),
    }
    if current.head[1..3] == [Table, Status] { Verb::ShowTableStatus } else { Verb::Show }
}

fn explain(current: &mut Current) -> Verb {
    let analyze = current.head[0] == Analyze;
    let reason = match current.object {
        Some(Select | With | Values) => None,
        // A table is described, or another connection's statement is.
        None if !analyze => None,
        Some(Table) if !analyze => None,
        Some(For) => Some(Reason::ServerSpecific),
        _ => Some(Reason::Command),
    };
    current.reason = current.reason.or(reason);
    if analyze && matches!(current.object, Some(Table) | None) {
        current.effects.insert(Effects::IMPLICIT_COMMIT);
        return Verb::AnalyzeTable;
    }
    if current.head[0] == Explain || analyze { Verb::Explain } else { Verb::Describe }
}

const DEFINITION: Effects = Effects::DEFINES.union(Effects::IMPLICIT_COMMIT);
const USERS: Effects = Effects::CHANGES_USERS.union(Effects::IMPLICIT_COMMIT);

fn definition(current: &Current) -> (Verb, Effects) {
    let object = current.object.unwrap_or(Keyword::NoWord);
    if current.temporary {
        // They do not end the transaction.
        return match current.head[0] {
            Create => (Verb::CreateTemporary, Effects::TEMPORARY_TABLE.union(Effects::DEFINES)),
            _ => (Verb::DropTable, Effects::DROPS_TEMPORARY_TABLE),
        };
    }
    let effects = if matches!(object, User | Role) { USERS } else { DEFINITION };
    let verb = match (current.head[0], object) {
        (Create, Database | Schema) => Verb::CreateDatabase,
        (Create, Index) => Verb::CreateIndex,
        (Create, Table) => Verb::CreateTable,
        (Create, Trigger) => Verb::CreateTrigger,
        (Create, User) => Verb::CreateUser,
        (Create, View) => Verb::CreateView,
        (Alter, Table) => Verb::AlterTable,
        (Alter, View) => Verb::AlterView,
        (Drop, Database | Schema) => Verb::DropDatabase,
        (Drop, Index) => Verb::DropIndex,
        (Drop, Table) => Verb::DropTable,
        (Drop, Trigger) => Verb::DropTrigger,
        (Drop, User) => Verb::DropUser,
        (Drop, View) => Verb::DropView,
        // `DROP TABLES`, and `DROP PREPARE name`.
        (Drop, _) if current.head[1] == Tables => Verb::DropTable,
        (Drop, _) if current.head[1] == Prepare => return (Verb::Deallocate, Effects::DEALLOCATE),
        _ => Verb::Unknown,
    };
    (verb, effects)
}

fn plain(head: [Keyword; 4], current: &Current) -> (Verb, Effects) {
    const COMMITS: Effects = Effects::IMPLICIT_COMMIT;
    match head {
        [Insert, ..] => (Verb::Insert, Effects::NONE),
        [Update, ..] => (Verb::Update, Effects::NONE),
        [Delete, ..] => (Verb::Delete, Effects::NONE),
        [Replace, ..] => (Verb::Replace, Effects::NONE),
        [Call, ..] => (Verb::Call, Effects::CALL),
        [Use, ..] => (Verb::Use, Effects::USE),
        [Kill, ..] => (Verb::Kill, Effects::KILL),
        [Handler, ..] => (Verb::Unknown, Effects::HANDLER),
        [Get, ..] => (Verb::Unknown, Effects::DIAGNOSTICS),
        [Load, Index, ..] => (Verb::Load, COMMITS),
        [Load, ..] if head.contains(&Local) => (Verb::Load, Effects::LOAD_LOCAL),
        [Load, ..] => (Verb::Load, Effects::NONE),
        [Prepare, ..] => (Verb::Prepare, Effects::TEXT_PREPARE),
        [Execute, ..] => (Verb::Execute, Effects::TEXT_EXECUTE),
        [Deallocate, ..] => (Verb::Deallocate, Effects::DEALLOCATE),
        [Grant, ..] => (Verb::Grant, USERS),
        [Revoke, ..] => (Verb::Revoke, USERS),
        [Rename, User, ..] => (Verb::Unknown, USERS),
        [Rename, ..] => (Verb::RenameTable, DEFINITION),
        [Truncate, ..] => (Verb::TruncateTable, DEFINITION),
        [Optimize, ..] => (Verb::Optimize, COMMITS),
        [Purge, ..] => (Verb::Purge, Effects::NONE),
        [Change, ..] => (Verb::ChangeMaster, COMMITS),
        [Reset, Master, ..] => (Verb::ResetMaster, COMMITS),
        [Reset, Slave | Replica, ..] => (Verb::ResetSlave, COMMITS),
        // Who counts what its next statements cost wants them on this connection.
        [Flush, ..] if head.contains(&Status) => (Verb::Flush, COMMITS.union(Effects::SET_UNTOLD)),
        [Flush, ..] => (Verb::Flush, COMMITS),
        [Repair | Check | Cache | Reset | Install | Uninstall | Stop, ..] => (Verb::Unknown, COMMITS),
        [Lock | Unlock | Backup, ..] => tables(head),
        _ => transaction(head, current),
    }
}

fn tables(head: [Keyword; 4]) -> (Verb, Effects) {
    const LOCKS: Effects = Effects::TABLE_LOCK.union(Effects::IMPLICIT_COMMIT);
    match head {
        [Lock, ..] => (Verb::LockTable, LOCKS),
        [Unlock, ..] => (Verb::UnlockTables, Effects::UNLOCK_TABLES.union(Effects::IMPLICIT_COMMIT)),
        [Backup, Unlock, ..] => (Verb::Unknown, Effects::UNLOCK_TABLES),
        [Backup, Stage, End, ..] => (Verb::Unknown, LOCKS.union(Effects::UNLOCK_TABLES)),
        _ => (Verb::Unknown, LOCKS),
    }
}

fn transaction(head: [Keyword; 4], current: &Current) -> (Verb, Effects) {
    const BEGINS: Effects = Effects::BEGIN.union(Effects::IMPLICIT_COMMIT);
    match head {
        // A block, which was seen as such.
        [Begin, Not, ..] => (Verb::Unknown, Effects::COMPOUND),
        [Begin, ..] => (Verb::Begin, BEGINS),
        [Start, Transaction, ..] => (Verb::StartTransaction, BEGINS),
        [Start, ..] => (Verb::Unknown, Effects::IMPLICIT_COMMIT),
        [Commit, ..] => (Verb::Commit, Effects::COMMIT),
        [Rollback, To, ..] | [Rollback, Work, To, ..] => (Verb::RollbackSavepoint, Effects::SAVEPOINT),
        [Rollback, ..] => (Verb::Rollback, Effects::ROLLBACK),
        [Savepoint, ..] => (Verb::Savepoint, Effects::SAVEPOINT),
        [Release, Savepoint, ..] => (Verb::ReleaseSavepoint, Effects::SAVEPOINT),
        [Xa, ..] => (Verb::Unknown, Effects::XA),
        _ => (Verb::Unknown, current.effects),
    }
}
