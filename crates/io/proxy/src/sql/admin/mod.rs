//! The admin interface's engine: the text of a statement in, its answer out. The protocol around it is [`wire`].
//!
//! SQLite holds the rows: `main` (what people edit, and `runtime_` copies), `disk` (`proxysql.db`), `stats` and
//! `monitor` (filled when a statement reads them).
//!
//! What always holds
//! - A password in clear is in no answer: tables hold its `*…` form, the clear text stands in the [`secrets`] beside them.
//! - A load to runtime is all or nothing, and says all that is wrong.
//! - Whatever the text, no panic; at most 5 seconds and 64 MiB an answer.

mod catalog;
mod commands;
mod configuration;
mod engine;
mod guard;
mod layers;
mod run;
mod secrets;
mod settings;
mod shared;
mod shims;
mod show;
mod take_over;
#[cfg(test)]
mod tests;
mod text;
pub mod wire;

use mysql::config_file::{Level, Parsed};
use mysql::tables::{Row, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

pub use commands::{Command, Direction, Module};
pub use engine::Admin;
pub use shared::{Engine, Shared};
pub use take_over::Backend;

/// Rows by the name of their table (`mysql_servers`, `global_variables`).
pub type Rows = BTreeMap<String, Vec<Row>>;

/// What a configuration file says, as [`Options::config`] gives it; all its errors where it has any.
pub fn rows_of(parsed: &Parsed) -> Result<Rows, Vec<String>> {
    if !parsed.is_usable() {
        let errors = parsed.problems.iter().filter(|problem| problem.level == Level::Error);
        return Err(errors.map(ToString::to_string).collect());
    }
    let mut rows = Rows::new();
    for (table, row, _) in &parsed.rows {
        rows.entry((*table).to_owned()).or_default().push(row.clone());
    }
    let variables =
        parsed.variables.iter().map(|(name, value, _)| vec![Value::Text(name.clone()), Value::Text(value.clone())]);
    rows.insert("global_variables".to_owned(), variables.collect());
    Ok(rows)
}

/// What the engine asks of the running proxy. All calls are quick and wait for nothing.
pub trait Runtime: Send + Sync {
    /// `LOAD … TO RUNTIME`: takes all of `tables`, or none of it and says everything that is wrong. Values of secrets are
    /// in clear where they are known. Variables come as rows of `global_variables` with their whole names.
    fn load(&self, module: Module, tables: &Rows) -> Result<(), Vec<String>>;
    /// Rows of `table` as the proxy works by them; `table` is without `runtime_`. Secrets may be in clear.
    fn runtime_rows(&self, table: &str) -> Vec<Row>;
    /// Rows of a table of [`mysql::tables::stats`]; `table` is without `_reset`. With `reset` they are cleared by this call.
    fn stats_rows(&self, table: &str, reset: bool) -> Vec<Row>;
    /// Carries out `command`; what is said either way is shown to the person.
    fn command(&self, command: Command) -> Result<String, String>;
    /// Accounts of the server that writes go to. Waits for it, some seconds at most.
    fn backend(&self) -> Result<Backend, String>;
    /// Prometheus' text format.
    fn metrics(&self) -> String;
}

/// What an [`Admin`] starts from.
pub struct Options {
    /// Folder of `proxysql.db`; without it `disk` lives in memory.
    pub datadir: Option<PathBuf>,
    /// ProxySQL's rule: the file is read only where there is no database. Otherwise the file is the truth at each start.
    pub compat: bool,
    /// With `compat`: the database is not read, but written anew from the file.
    pub initial: bool,
    /// With `compat`: rows of the file are added to those of the database, in place of those of the same key.
    pub reload: bool,
    /// Reads the configuration file; called at the start and by `LOAD … FROM CONFIG`.
    pub config: Box<dyn Fn() -> Result<Rows, Vec<String>> + Send>,
    /// What `VERSION()` answers.
    pub version: String,
}

/// Who speaks, and the schema he chose by `USE`: what `SHOW` speaks of and `DATABASE()` answers. A table without its
/// schema is looked for in `main` first whatever was chosen, as ProxySQL does.
#[derive(Debug, Clone)]
pub struct Session {
    pub role: Role,
    pub user: String,
    pub schema: String,
    pub connection_id: u64,
}

impl Session {
    pub fn new(role: Role, user: &str, connection_id: u64) -> Self {
        let schema = if role == Role::Admin { "main" } else { "stats" };
        Self { role, user: user.to_owned(), schema: schema.to_owned(), connection_id }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Admin,
    /// Reads `stats` and `monitor`.
    Stats,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Ok {
        affected: u64,
        last_insert_id: u64,
        info: String,
    },
    /// `None` is NULL.
    Rows {
        columns: Vec<String>,
        rows: Vec<Vec<Option<Vec<u8>>>>,
    },
}

impl Answer {
    pub fn done() -> Self {
        Self::told("")
    }

    fn told(info: impl Into<String>) -> Self {
        Self::Ok { affected: 0, last_insert_id: 0, info: info.into() }
    }

    /// One column, one value a row.
    fn column(name: &str, values: impl IntoIterator<Item = String>) -> Self {
        let rows = values.into_iter().map(|value| vec![Some(value.into_bytes())]).collect();
        Self::Rows { columns: vec![name.to_owned()], rows }
    }
}

/// As a packet of the protocol tells it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ERROR {code} ({sqlstate}): {message}")]
pub struct AdminError {
    pub code: u16,
    pub sqlstate: &'static str,
    pub message: String,
}

impl AdminError {
    /// ProxySQL gives all of SQLite's errors under this number and beginning.
    fn admin(message: impl std::fmt::Display) -> Self {
        Self { code: 1045, sqlstate: "28000", message: format!("ProxySQL Admin Error: {message}") }
    }

    fn unknown_variable(name: &str) -> Self {
        Self { code: 1193, sqlstate: "HY000", message: format!("Unknown system variable '{name}'") }
    }

    fn refused(message: impl Into<String>) -> Self {
        Self { code: 1227, sqlstate: "42000", message: message.into() }
    }

    fn too_long(message: impl Into<String>) -> Self {
        Self { code: 1153, sqlstate: "08S01", message: message.into() }
    }
}

impl From<rusqlite::Error> for AdminError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(_, Some(message)) => Self::admin(message),
            rusqlite::Error::SqlInputError { msg, .. } => Self::admin(msg),
            other => Self::admin(other),
        }
    }
}
