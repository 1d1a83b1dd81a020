//! The conditions of columns, without SQLite: `a IN (0,1)`, `a BETWEEN 1 AND 2`, `a>=0`, `UPPER(a) IN ('X','Y')`, those on
//! several columns, and what has to be single.

use super::{Column, Row, Table, Value};

impl Column {
    /// Whether `value` meets the condition of this column. True where the condition is about more than one plain
    /// comparison (other columns, JSON): those are left to the database.
    #[must_use]
    pub fn allows(&self, value: &Value) -> bool {
        match value {
            Value::Null => self.nullable,
            Value::Integer(number) => {
                self.check.and_then(|check| number_fits(self.name, check, *number)).unwrap_or(true)
            }
            Value::Text(text) => self.check.and_then(|check| word_fits(check, text)).unwrap_or(true),
        }
    }
}

impl Column {
    /// What it takes, in words.
    #[must_use]
    pub fn wanted(&self) -> String {
        let Some(rest) = self.check.map(|check| check.strip_prefix(self.name).unwrap_or(check)) else {
            return "another value".to_owned();
        };
        if self.name == "check_type" {
            "read_only, innodb_read_only, super_read_only, or two of them joined by | or &".to_owned()
        } else if let Some((low, high)) = rest.strip_prefix(" BETWEEN ").and_then(|range| range.split_once(" AND ")) {
            format!("{low} to {high}")
        } else if let Some(list) = rest.split_once(" IN (").and_then(|(_, list)| list.strip_suffix(')')) {
            list.replace('\'', "").split(',').collect::<Vec<_>>().join(", ").replacen(
                ", ",
                " or ",
                usize::from(list.matches(',').count() == 1),
            )
        } else if let Some(least) = rest.strip_prefix(">=") {
            format!("{least} or more")
        } else if let Some(least) = rest.strip_prefix('>') {
            format!("more than {least}")
        } else {
            rest.trim().to_owned()
        }
    }
}

/// Pairs of columns that may not be equal.
const DIFFER: &[(&str, &str)] = &[
    ("reader_hostgroup", "writer_hostgroup"),
    ("backup_writer_hostgroup", "writer_hostgroup"),
    ("backup_writer_hostgroup", "reader_hostgroup"),
    ("offline_hostgroup", "writer_hostgroup"),
    ("offline_hostgroup", "reader_hostgroup"),
    ("offline_hostgroup", "backup_writer_hostgroup"),
    ("gtid_port", "port"),
];

/// Columns that hold JSON, or nothing.
const JSON: &[&str] = &["attributes", "ignore_session_variables", "hostgroup_settings", "servers_defaults"];

impl Table {
    /// Sets of columns that no two rows may have alike: the primary key first.
    #[must_use]
    pub fn unique(&self) -> Vec<Vec<&'static str>> {
        let others = self.constraints.iter().filter_map(|constraint| {
            let list = constraint.strip_prefix("UNIQUE (")?.strip_suffix(')')?;
            Some(list.split(", ").collect())
        });
        std::iter::once(self.key.to_vec()).chain(others).filter(|columns| !columns.is_empty()).collect()
    }

    /// What is wrong with a row whose columns are right one by one, and what to do.
    #[must_use]
    pub fn disagreement(&self, row: &Row) -> Option<String> {
        let cell = |name: &str| self.column_at(name).and_then(|at| row.get(at));
        for (one, other) in DIFFER {
            if let (Some(Value::Integer(a)), Some(Value::Integer(b))) = (cell(one), cell(other))
                && a == b
                && (*one != "gtid_port" || *a != 0)
            {
                return Some(format!("{one} and {other} are both {a}; they have to differ"));
            }
        }
        for name in JSON {
            if let Some(Value::Text(text)) = cell(name)
                && !text.is_empty()
                && let Err(error) = serde_json::from_str::<serde_json::Value>(text)
            {
                return Some(format!("{name} is no JSON ({error}); write JSON or leave it out"));
            }
        }
        if let (Some(Value::Text(_)), Some(Value::Null)) = (cell("replace_pattern"), cell("match_pattern")) {
            return Some("replace_pattern has no match_pattern that it could replace; write one".to_owned());
        }
        let negative = |name: &str| matches!(cell(name), Some(Value::Integer(number)) if *number < 0);
        let wrong = DIFFER.iter().flat_map(|(one, other)| [*one, *other]).find(|name| negative(name));
        wrong.map(|name| format!("{name} is less than 0; write 0 or more"))
    }

    fn column_at(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

fn number_fits(name: &str, check: &str, number: i64) -> Option<bool> {
    let rest = check.strip_prefix(name)?;
    if let Some(range) = rest.strip_prefix(" BETWEEN ") {
        let (low, high) = range.split_once(" AND ")?;
        return Some((low.parse().ok()?..=high.parse().ok()?).contains(&number));
    }
    if let Some(list) = rest.strip_prefix(" IN (") {
        let list: Result<Vec<i64>, _> = list.strip_suffix(')')?.split(',').map(str::parse).collect();
        return Some(list.ok()?.contains(&number));
    }
    if let Some(least) = rest.strip_prefix(">=") {
        return Some(number >= least.parse().ok()?);
    }
    Some(number > rest.strip_prefix('>')?.parse().ok()?)
}

fn word_fits(check: &str, text: &str) -> Option<bool> {
    let (left, list) = check.strip_suffix(')')?.split_once(" IN (")?;
    let any_case = left.starts_with("UPPER(") || left.starts_with("LOWER(");
    let fits = |word: &str| if any_case { word.eq_ignore_ascii_case(text) } else { word == text };
    Some(list.split(',').any(|word| fits(word.trim_matches('\''))))
}
