//! The tables of ProxySQL's admin interface: columns, defaults and checks, each once.
//!
//! The admin database is created from them, the configuration file's lists are read by them, and the documentation's
//! tables are printed from them.

pub mod stats;

/// A value of a row, as SQLite holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    Null,
    Integer(i64),
    Text(String),
}

/// One row: a value for each column of its table, in order.
pub type Row = Vec<Value>;

/// A table of `main` that people write (`runtime_` and `disk` copies have the same columns).
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [Column],
    /// Columns of the primary key.
    pub key: &'static [&'static str],
    /// Further constraints of the whole table, as SQL: `UNIQUE (reader_hostgroup)`, `CHECK (a<>b)`.
    pub constraints: &'static [&'static str],
    /// The list of `proxysql.cnf` that fills it; `None` where ProxySQL's file has none.
    pub section: Option<&'static str>,
}

#[derive(Debug)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    /// Absent: the column has to be given (or may be NULL, where `nullable`).
    pub default: Option<Default>,
    pub nullable: bool,
    /// A condition, as SQL: `status IN ('ONLINE',...)`.
    pub check: Option<&'static str>,
    /// Other words of the file for it: `address` for `hostname`, `hostgroup` for `hostgroup_id`.
    pub aliases: &'static [&'static str],
    /// What the file takes where the setting is absent, if that is not `default` (a rule of the file is active).
    pub file_default: Option<Default>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Integer,
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    Integer(i64),
    Text(&'static str),
}
