//! What one row says of others: hostgroups that nobody is in, patterns that do not compile, users without a second half.

use super::{Level, Parsed};
use crate::libconfig::Place;
use crate::rules::Rules;
use crate::settings::Settings;
use crate::tables::{self, Row, Value};
use std::collections::BTreeSet;

/// Columns that name a hostgroup to which statements go, by table.
const TARGETS: &[(&str, &str)] = &[
    ("mysql_users", "default_hostgroup"),
    ("mysql_query_rules", "destination_hostgroup"),
    ("mysql_query_rules", "mirror_hostgroup"),
    ("mysql_query_rules_fast_routing", "destination_hostgroup"),
];

/// Columns that put servers into a hostgroup.
const SOURCES: &[(&str, &[&str])] = &[
    ("mysql_servers", &["hostgroup_id"]),
    ("mysql_replication_hostgroups", &["writer_hostgroup", "reader_hostgroup"]),
];

pub(super) fn check(parsed: &mut Parsed) {
    let rows = std::mem::take(&mut parsed.rows);
    unreadable(parsed, &rows);
    patterns(parsed, &rows);
    empty_hostgroups(parsed, &rows);
    halves(parsed, &rows);
    parsed.rows = rows;
}

type Rows = [(&'static str, Row, Place)];

fn cell<'a>(table: &str, row: &'a Row, column: &str) -> Option<&'a Value> {
    tables::find(table).and_then(|table| table.position(column)).and_then(|at| row.get(at))
}

fn number(table: &str, row: &Row, column: &str) -> Option<i64> {
    match cell(table, row, column) {
        Some(Value::Integer(number)) => Some(*number),
        _ => None,
    }
}

/// Numbers that the database would take and no proxy can: a hostgroup of 5,000,000,000.
fn unreadable(parsed: &mut Parsed, rows: &Rows) {
    for (table, row, place) in rows {
        let errors = Settings::from_rows([(*table, row)]).err().unwrap_or_default();
        errors.iter().for_each(|error| parsed.say(place, Level::Error, error.to_string()));
    }
}

fn patterns(parsed: &mut Parsed, rows: &Rows) {
    for (table, row, place) in rows.iter().filter(|(table, ..)| *table == "mysql_query_rules") {
        let Ok(settings) = Settings::from_rows([(*table, row)]) else { continue };
        let errors = Rules::compile(&settings.query_rules, &[]).err().unwrap_or_default();
        errors.iter().for_each(|error| parsed.say(place, Level::Error, error.to_string()));
    }
}

fn empty_hostgroups(parsed: &mut Parsed, rows: &Rows) {
    let filled: BTreeSet<i64> = SOURCES
        .iter()
        .flat_map(|(source, columns)| {
            let mine = rows.iter().filter(move |(table, ..)| table == source);
            mine.flat_map(move |(_, row, _)| columns.iter().filter_map(move |column| number(source, row, column)))
        })
        .collect();
    // A file without servers leaves them to the database.
    if filled.is_empty() {
        return;
    }
    for (table, row, place) in rows {
        for (_, column) in TARGETS.iter().filter(|(target, _)| target == table) {
            if let Some(hostgroup) = number(table, row, column)
                && !filled.contains(&hostgroup)
            {
                let message = format!("{column} is {hostgroup}, where no server is; add one to mysql_servers");
                parsed.say(place, Level::Warning, message);
            }
        }
    }
}

/// A user whose client's half and server's half are rows of their own.
fn halves(parsed: &mut Parsed, rows: &Rows) {
    let users: Vec<_> = rows.iter().filter(|(table, ..)| *table == "mysql_users").collect();
    let has = |row: &Row, column: &str| number("mysql_users", row, column) == Some(1);
    for (table, row, place) in &users {
        let same = |other: &Row| cell(table, other, "username") == cell(table, row, "username");
        let pair = |column: &str| users.iter().any(|(_, other, _)| same(other) && has(other, column));
        let message = match (has(row, "frontend"), has(row, "backend")) {
            (true, false) if !pair("backend") => {
                "no row of this user has backend=1: servers are given the password that the client gave"
            }
            (false, true) if !pair("frontend") => {
                "no row of this user has frontend=1: nobody can log in by this one; leave frontend out"
            }
            (false, false) => "frontend and backend are both 0: nobody uses this row; leave them out",
            _ => continue,
        };
        parsed.say(place, Level::Warning, message);
    }
}
