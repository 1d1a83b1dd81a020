//! Groups of a section as rows of its table.

use super::{Level, Parsed, suggestion};
use crate::libconfig::{Place, Setting, Value as Written};
use crate::tables::{Column, Kind, Row, Table, Value};

impl Parsed {
    /// Adds one row; one with an error is left out.
    pub(super) fn row(&mut self, table: &'static Table, settings: &[Setting], place: &Place) {
        let mut given: Vec<Option<Value>> = vec![None; table.columns.len()];
        let errors = self.errors();
        for setting in settings {
            self.cell(table, setting, &mut given);
        }
        let row: Row =
            table.columns.iter().zip(given).map(|(column, value)| self.filled(table, column, value, place)).collect();
        if self.errors() == errors && self.is_first(table, &row, place) {
            self.rows.push((table.name, row, place.clone()));
        }
    }

    fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.level == Level::Error).count()
    }

    fn cell(&mut self, table: &Table, Setting { name, place, value }: &Setting, given: &mut [Option<Value>]) {
        let Some(position) = table.position(name) else {
            let known = table.columns.iter().map(|column| column.name);
            let message = format!("{} has no {name}{}; it is left out", table.name, suggestion(name, known));
            return self.say(place, Level::Warning, message);
        };
        let Some(column) = table.columns.get(position) else { return };
        let Some(taken) = self.taken(column, &value.value, place) else {
            let wanted = if column.kind == Kind::Integer { "an integer" } else { "a string" };
            return self.say(place, Level::Error, format!("{name} is {}; write {wanted}", value.value.kind()));
        };
        if !column.allows(&taken) {
            let message = format!("{name} is out of its range: {}", column.check.unwrap_or_default());
            return self.say(place, Level::Error, message);
        }
        if let Some(cell) = given.get_mut(position)
            && cell.replace(taken).is_some()
        {
            self.say(place, Level::Error, format!("{} is set twice in one row; keep one", column.name));
        }
    }

    fn taken(&mut self, column: &Column, value: &Written, place: &Place) -> Option<Value> {
        let taken = match (column.kind, value) {
            (Kind::Integer, Written::Int(number)) => return Some(Value::Integer(*number)),
            (Kind::Text, Written::Text(text)) => return Some(Value::Text(text.clone())),
            (Kind::Integer, Written::Bool(value)) => Value::Integer(i64::from(*value)),
            (Kind::Integer, Written::Text(text)) => Value::Integer(text.trim().parse().ok()?),
            (Kind::Text, Written::Int(number)) => Value::Text(number.to_string()),
            _ => return None,
        };
        let shown = match &taken {
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => format!("{text:?}"),
            Value::Null => "NULL".to_owned(),
        };
        self.say(place, Level::Note, format!("{} is {}; taken as {shown}", column.name, value.kind()));
        Some(taken)
    }

    fn filled(&mut self, table: &Table, column: &Column, value: Option<Value>, place: &Place) -> Value {
        let default = column.file_default.or(column.default).map(Value::from);
        value.or(default).unwrap_or_else(|| {
            if !column.nullable {
                self.say(
                    place,
                    Level::Error,
                    format!("{} is missing in this row of {}; set it", column.name, table.name),
                );
            }
            Value::Null
        })
    }

    fn is_first(&mut self, table: &'static Table, row: &Row, place: &Place) -> bool {
        let key = |row: &Row| -> Vec<Option<Value>> {
            table.key.iter().map(|name| table.position(name).and_then(|at| row.get(at).cloned())).collect()
        };
        let own = key(row);
        let first = self.rows.iter().find(|(name, other, _)| *name == table.name && key(other) == own);
        let Some(first) = first.map(|(_, _, place)| place.clone()) else { return true };
        let columns = table.key.join(", ");
        self.say(place, Level::Error, format!("the same {columns} as the row at {first}; change or remove one"));
        false
    }
}
