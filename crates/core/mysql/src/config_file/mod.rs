//! `proxysql.cnf` as rows and variables, with all that is wrong with it said at once.
//!
//! Nothing is dropped in silence: ProxySQL ignores `apply=true` or an unknown key; here it is taken, or it is a problem.

mod cross;
mod report;
mod rows;

#[cfg(test)]
mod tests;

pub use report::report;

use crate::libconfig::{self, Include, Node, Place, Setting, Value};
use crate::tables::{self, Row, Table};
use crate::variables::{self, Fate, Variables};
use std::fmt;

const NO_PLUGINS: &str = "no plugins are loaded";

const NO_COPIES: &str = "proxies do not copy each other's configuration: give each the same file";

const RESTARTS: &str = "systemd or Kubernetes starts the process again when it ends";

/// Single settings of the top level, and what becomes of each. Source: ProxySQL 2.7.
pub const TOP: &[(&str, Fate)] = &[
    ("datadir", Fate::Done),
    ("errorlog", Fate::Done),
    ("pidfile", Fate::Done),
    ("cluster_sync_interfaces", Fate::Ignored(NO_COPIES)),
    ("execute_on_exit_failure", Fate::Ignored(RESTARTS)),
    ("ldap_auth_plugin", Fate::Ignored(NO_PLUGINS)),
    ("restart_on_missing_heartbeats", Fate::Ignored(RESTARTS)),
    ("sqlite3_plugin", Fate::Ignored(NO_PLUGINS)),
    ("uuid", Fate::Ignored(NO_COPIES)),
    ("web_interface_plugin", Fate::Ignored(NO_PLUGINS)),
];

const NO_POSTGRES: &str = "of ProxySQL 3.0: PostgreSQL is not spoken";

/// Sections of other modules of ProxySQL: left out, for this reason.
pub const FOREIGN: &[(&str, &str)] = &[
    ("clickhouse_users", "ClickHouse is not spoken"),
    ("clickhouse_variables", "ClickHouse is not spoken"),
    ("ldap_variables", NO_PLUGINS),
    ("mysql_ldap_mapping", NO_PLUGINS),
    ("pgsql_query_rules", NO_POSTGRES),
    ("pgsql_replication_hostgroups", NO_POSTGRES),
    ("pgsql_servers", NO_POSTGRES),
    ("pgsql_users", NO_POSTGRES),
    ("pgsql_variables", NO_POSTGRES),
    ("sqliteserver_variables", "there is no SQLite server for clients"),
];

/// Groups of variables, and the prefix that each gives its names.
const GROUPS: &[(&str, &str)] = &[("admin_variables", "admin-"), ("mysql_variables", "mysql-")];

/// What a file says.
#[derive(Debug, Clone, PartialEq, std::default::Default)]
pub struct Parsed {
    pub top: Top,
    /// Full names (`mysql-threads`) and values as text, as `global_variables` has them.
    pub variables: Vec<(String, String, Place)>,
    /// Name of the table, a row of it, and where it stands.
    pub rows: Vec<(&'static str, Row, Place)>,
    pub problems: Vec<Problem>,
}

impl Parsed {
    /// Whether nothing has to be mended before this can run.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.problems.iter().all(|problem| problem.level != Level::Error)
    }
}

/// Single settings of the top level.
#[derive(Debug, Clone, PartialEq, Eq, std::default::Default)]
pub struct Top {
    /// Where the database is. Default: `/var/lib/proxysql`.
    pub datadir: Option<String>,
    pub errorlog: Option<String>,
    pub pidfile: Option<String>,
    /// The others, as they are written: name and value.
    pub others: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub place: Place,
    pub level: Level,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        };
        write!(f, "{}: {level}: {}", self.place, self.message)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Has to be mended.
    Error,
    /// Left out, or likely not what is meant.
    Warning,
    /// Taken, though ProxySQL would not have.
    Note,
}

/// Reads a configuration; `path` is for messages, `include` gives texts of further files.
#[must_use]
pub fn parse(path: &str, text: &str, include: Include<'_>) -> Parsed {
    let mut parsed = Parsed::default();
    match libconfig::parse(path, text, include) {
        Ok(settings) => {
            parsed.sections(settings);
            cross::check(&mut parsed);
        }
        Err(error) => parsed.say(&error.place, Level::Error, error.message),
    }
    parsed
}

impl Parsed {
    fn say(&mut self, place: &Place, level: Level, message: impl Into<String>) {
        self.problems.push(Problem { place: place.clone(), level, message: message.into() });
    }

    /// libconfig itself takes no name twice, and which of two would count nobody can know.
    fn sections(&mut self, settings: Vec<Setting>) {
        let mut seen: Vec<(String, Place)> = Vec::new();
        for setting in settings {
            let name = table(&setting.name).map_or(setting.name.as_str(), |table| table.name).to_owned();
            if let Some((_, first)) = seen.iter().find(|(other, _)| *other == name) {
                let message = format!("{} is there twice, first at {first}; make one of them", setting.name);
                self.say(&setting.place, Level::Error, message);
                continue;
            }
            seen.push((name, setting.place.clone()));
            self.section(setting);
        }
    }

    fn section(&mut self, setting: Setting) {
        let name = setting.name.as_str();
        if let Some((_, prefix)) = GROUPS.iter().find(|(group, _)| *group == name) {
            self.variables(prefix, setting);
        } else if let Some(table) = table(name) {
            self.table(table, &setting);
        } else if TOP.iter().any(|(top, _)| *top == name) {
            self.top(setting);
        } else if let Some((_, why)) = FOREIGN.iter().find(|(foreign, _)| *foreign == name) {
            self.say(&setting.place, Level::Warning, format!("{name} is left out: {why}"));
        } else {
            let known = TOP.iter().map(|(top, _)| *top).chain(GROUPS.iter().map(|(group, _)| *group)).chain(sections());
            let message = format!("unknown section {name}{}; it is left out", suggestion(name, known));
            self.say(&setting.place, Level::Warning, message);
        }
    }

    fn top(&mut self, Setting { name, place, value }: Setting) {
        let Some(value) = scalar(&value.value) else {
            return self.say(&place, Level::Error, format!("{name} is {}; write one value", value.value.kind()));
        };
        if let Some((_, Fate::Ignored(why))) = TOP.iter().find(|(top, _)| *top == name) {
            self.say(&place, Level::Note, format!("{name} has no effect: {why}"));
        }
        match name.as_str() {
            "datadir" => self.top.datadir = Some(value),
            "errorlog" => self.top.errorlog = Some(value),
            "pidfile" => self.top.pidfile = Some(value),
            _ => self.top.others.push((name, value)),
        }
    }

    fn variables(&mut self, prefix: &str, setting: Setting) {
        let Value::Group(settings) = setting.value.value else {
            let message = format!("{} is {}; write a group {{ }}", setting.name, setting.value.value.kind());
            return self.say(&setting.value.place, Level::Error, message);
        };
        for Setting { name, place, value } in settings {
            // The admin interface's full name is understood too.
            let full = format!("{prefix}{}", name.strip_prefix(prefix).unwrap_or(&name));
            match scalar(&value.value) {
                Some(text) => self.variable(&full, text, &value.value, place),
                None => self.say(&place, Level::Error, format!("{name} is {}; write one value", value.value.kind())),
            }
        }
    }

    fn variable(&mut self, name: &str, text: String, written: &Value, place: Place) {
        let Some(variable) = variables::find(name) else {
            let known = variables::ALL.iter().map(|variable| variable.name);
            let message = format!("unknown variable {name}{}; it is left out", suggestion(name, known));
            return self.say(&place, Level::Warning, message);
        };
        if let Some((.., first)) = self.variables.iter().find(|(other, ..)| other == variable.name) {
            let message = format!("{} is set twice, first at {first}; keep one", variable.name);
            return self.say(&place, Level::Error, message);
        }
        if let Err(message) = Variables::default().set(variable.name, &text) {
            return self.say(&place, Level::Error, message);
        }
        if let Fate::Ignored(why) = variable.fate {
            self.say(&place, Level::Note, format!("{} has no effect: {why}", variable.name));
        } else if let Some(taken) = variable.kind.taken_for(&text, written) {
            let taken = if variable.secret { "text".to_owned() } else { taken };
            let message = format!("{} is {}; taken as {taken}", variable.name, written.kind());
            self.say(&place, Level::Note, message);
        }
        self.variables.push((variable.name.to_owned(), text, place));
    }

    fn table(&mut self, table: &'static Table, setting: &Setting) {
        let (Value::List(nodes) | Value::Array(nodes)) = &setting.value.value else {
            let message = format!("{} is {}; write a list ( {{ }}, {{ }} )", setting.name, setting.value.value.kind());
            return self.say(&setting.value.place, Level::Error, message);
        };
        for Node { place, value } in nodes {
            match value {
                Value::Group(settings) => self.row(table, settings, place),
                _ => {
                    self.say(place, Level::Error, format!("{} in {}; write a group {{ }}", value.kind(), setting.name))
                }
            }
        }
    }
}

/// The table that a section fills; its own name is understood where the file has another word.
fn table(section: &str) -> Option<&'static Table> {
    tables::ALL
        .iter()
        .copied()
        .find(|table| table.section == Some(section) || (table.section.is_some() && table.name == section))
}

fn sections() -> impl Iterator<Item = &'static str> {
    tables::ALL.iter().filter_map(|table| table.section)
}

/// A scalar as the text that `global_variables` has.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Int(value) => Some(value.to_string()),
        Value::Float(value) => Some(value.to_string()),
        Value::Text(text) => Some(text.clone()),
        Value::Group(_) | Value::List(_) | Value::Array(_) => None,
    }
}

/// ` (did you mean x?)`, where something known is near.
fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known.map(|word| (strsim::jaro_winkler(name, word), word)).max_by(|a, b| a.0.total_cmp(&b.0));
    near.filter(|(score, _)| *score > 0.85).map(|(_, word)| format!(" (did you mean {word}?)")).unwrap_or_default()
}
