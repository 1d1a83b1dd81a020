//! The plain conditions of columns, without SQLite: `a IN (0,1)`, `a BETWEEN 1 AND 2`, `a>=0`, `UPPER(a) IN ('X','Y')`.

use super::{Column, Value};

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
