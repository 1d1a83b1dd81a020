//! What a statement of a person may do, decided while SQLite prepares it.

use super::{AdminError, Role, Session};
use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A statement that works longer is ended.
const PATIENCE: Duration = Duration::from_secs(5);
/// Instructions of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;
/// Table of `disk` with the clear text of secrets.
pub const SECRETS: &str = "barque_secrets";

#[derive(Debug)]
pub struct Facts {
    /// `None` while the engine itself works: everything is allowed.
    session: Option<Session>,
    read_only: bool,
    /// `disk` has passwords in clear that another program wrote: they are not shown.
    sealed: bool,
    /// Tables that the statement names.
    pub touched: BTreeSet<String>,
    pub writes: bool,
    refusal: Option<String>,
    until: Option<Instant>,
}

#[derive(Debug, Clone)]
pub struct Guard(Arc<Mutex<Facts>>);

impl Guard {
    /// Watches over `connection` from now on.
    pub fn set(connection: &mut Connection) -> rusqlite::Result<Self> {
        let guard = Self(Arc::new(Mutex::new(Facts {
            session: None,
            read_only: false,
            sealed: false,
            touched: BTreeSet::new(),
            writes: false,
            refusal: None,
            until: None,
        })));
        let judge = guard.clone();
        connection.authorizer(Some(move |context: AuthContext<'_>| judge.facts().judge(&context)))?;
        let clock = guard.clone();
        connection
            .progress_handler(STEPS, Some(move || clock.facts().until.is_some_and(|until| Instant::now() > until)))?;
        Ok(guard)
    }

    pub fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next statement is this person's.
    pub fn enter(&self, session: &Session) {
        let mut facts = self.facts();
        facts.session = Some(session.clone());
        facts.until = Some(Instant::now() + PATIENCE);
        facts.refusal = None;
        facts.touched.clear();
        facts.writes = false;
    }

    /// The engine does something for itself within the person's statement.
    pub fn pause(&self) {
        self.facts().session = None;
    }

    /// The person's statement goes on, after the engine did something in between.
    pub fn resume(&self, session: &Session) {
        self.facts().session = Some(session.clone());
    }

    /// The engine works for itself again.
    pub fn leave(&self) {
        let mut facts = self.facts();
        facts.session = None;
        facts.until = None;
    }

    pub fn set_read_only(&self, read_only: bool) {
        self.facts().read_only = read_only;
    }

    pub fn set_sealed(&self, sealed: bool) {
        self.facts().sealed = sealed;
    }

    pub fn is_sealed(&self) -> bool {
        self.facts().sealed
    }

    pub fn is_read_only(&self) -> bool {
        self.facts().read_only
    }

    /// SQLite's error, or the reason why the guard made it.
    pub fn explain(&self, error: rusqlite::Error) -> AdminError {
        if let Some(refusal) = self.facts().refusal.take() {
            return AdminError::refused(refusal);
        }
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::OperationInterrupted) => AdminError {
                code: 1317,
                sqlstate: "70100",
                message: format!("the statement was ended after {} seconds", PATIENCE.as_secs()),
            },
            _ => error.into(),
        }
    }

    /// What a function of SQL says about the person.
    pub fn session(&self) -> Option<Session> {
        self.facts().session.clone()
    }
}

impl Facts {
    fn judge(&mut self, context: &AuthContext<'_>) -> Authorization {
        let Some(session) = &self.session else { return Authorization::Allow };
        let schema = context.database_name.unwrap_or("main");
        let verdict = match context.action {
            AuthAction::Select | AuthAction::Recursive => Ok(()),
            AuthAction::Function { function_name } if function_name.eq_ignore_ascii_case("load_extension") => {
                Err("load_extension() is not here".to_owned())
            }
            AuthAction::Function { .. } => Ok(()),
            AuthAction::Read { table_name, .. } => {
                self.touched.insert(table_name.to_owned());
                may_read(session.role, schema, table_name).and_then(|()| unsealed(self.sealed, schema, table_name))
            }
            AuthAction::Insert { table_name }
            | AuthAction::Delete { table_name }
            | AuthAction::Update { table_name, .. } => {
                self.touched.insert(table_name.to_owned());
                self.writes = true;
                may_write(session.role, self.read_only, schema, table_name)
                    .and_then(|()| unsealed(self.sealed, schema, table_name))
            }
            _ => Err("this interface reads and writes rows of its own tables; other statements of SQLite (ATTACH, \
                      PRAGMA, CREATE, DROP, ALTER, VACUUM) are refused"
                .to_owned()),
        };
        match verdict {
            Ok(()) => Authorization::Allow,
            Err(reason) => {
                self.refusal = Some(reason);
                Authorization::Deny
            }
        }
    }
}

fn may_read(role: Role, schema: &str, table: &str) -> Result<(), String> {
    if table.eq_ignore_ascii_case(SECRETS) {
        return Err(format!("{SECRETS} is never shown"));
    }
    if role == Role::Stats && !matches!(schema, "stats" | "monitor" | "information_schema") {
        return Err(format!("users of admin-stats_credentials read stats and monitor, not {schema}.{table}"));
    }
    Ok(())
}

fn unsealed(sealed: bool, schema: &str, table: &str) -> Result<(), String> {
    if sealed && schema == "disk" && matches!(table, "mysql_users" | "global_variables") {
        return Err(format!(
            "disk.{table} was written by another program, passwords in clear, and is not shown; it is read by LOAD … FROM \
             DISK and written anew by SAVE MYSQL USERS TO DISK, SAVE MYSQL VARIABLES TO DISK, SAVE ADMIN VARIABLES TO DISK"
        ));
    }
    Ok(())
}

fn may_write(role: Role, read_only: bool, schema: &str, table: &str) -> Result<(), String> {
    if role == Role::Stats {
        return Err("users of admin-stats_credentials cannot write".to_owned());
    }
    if read_only {
        return Err("the admin interface is read-only; PROXYSQL READWRITE ends that".to_owned());
    }
    if !matches!(schema, "main" | "disk") || table.starts_with("runtime_") || table.starts_with("sqlite_") {
        return Err(format!("{schema}.{table} is filled by the running proxy and cannot be written"));
    }
    if table.eq_ignore_ascii_case(SECRETS) {
        return Err(format!("{SECRETS} cannot be written"));
    }
    Ok(())
}
