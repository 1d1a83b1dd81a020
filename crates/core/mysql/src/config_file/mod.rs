//! `proxysql.cnf` as rows and variables, with all that is wrong with it said at once.
//!
//! Nothing is dropped in silence: ProxySQL ignores `apply=true` or an unknown key; here it is taken, or it is a problem.

mod rows;

#[cfg(test)]
mod tests;

use crate::libconfig::{self, Include, Node, Place, Setting, Value};
use crate::tables::{self, Row, Table};
use crate::variables::{self, Fate, Variables};
use std::fmt;

/// Single settings of the top level. Source: ProxySQL 2.7.
const TOP: &[&str] = &[
    "datadir",
    "errorlog",
    "pidfile",
    "uuid",
    "restart_on_missing_heartbeats",
    "execute_on_exit_failure",
    "cluster_sync_interfaces",
    "ldap_auth_plugin",
    "web_interface_plugin",
    "sqlite3_plugin",
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
        Ok(settings) => settings.into_iter().for_each(|setting| parsed.section(setting)),
        Err(error) => parsed.say(&error.place, Level::Error, error.message),
    }
    parsed
}

impl Parsed {
    fn say(&mut self, place: &Place, level: Level, message: impl Into<String>) {
        self.problems.push(Problem { place: place.clone(), level, message: message.into() });
    }

    fn section(&mut self, setting: Setting) {
        let name = setting.name.as_str();
        if let Some((_, prefix)) = GROUPS.iter().find(|(group, _)| *group == name) {
            self.variables(prefix, setting);
        } else if let Some(table) = table(name) {
            self.table(table, &setting);
        } else if TOP.contains(&name) {
            self.top(setting);
        } else {
            let known = TOP.iter().copied().chain(GROUPS.iter().map(|(group, _)| *group)).chain(sections());
            let message = format!("unknown section {name}{}; it is left out", suggestion(name, known));
            self.say(&setting.place, Level::Warning, message);
        }
    }

    fn top(&mut self, Setting { name, place, value }: Setting) {
        let Some(value) = scalar(&value.value) else {
            return self.say(&place, Level::Error, format!("{name} is {}; write one value", value.value.kind()));
        };
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
                Some(text) => self.variable(full, text, place),
                None => self.say(&place, Level::Error, format!("{name} is {}; write one value", value.value.kind())),
            }
        }
    }

    fn variable(&mut self, name: String, text: String, place: Place) {
        let known = variables::ALL.iter().map(|variable| variable.name);
        match variables::find(&name).map(|variable| variable.fate) {
            None => {
                let message = format!("unknown variable {name}{}; it is left out", suggestion(&name, known));
                return self.say(&place, Level::Warning, message);
            }
            Some(Fate::Ignored(why)) => self.say(&place, Level::Note, format!("{name} has no effect: {why}")),
            Some(Fate::Done | Fate::Refused(_)) => {}
        }
        match Variables::default().set(&name, &text) {
            Ok(()) => self.variables.push((name, text, place)),
            Err(message) => self.say(&place, Level::Error, message),
        }
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
