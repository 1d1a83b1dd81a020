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
        if self.errors() == errors && self.agrees(table, &row, place) && self.is_first(table, &row, place) {
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
            let (found, wanted) = (shown(&taken), column.wanted());
            return self.say(place, Level::Error, format!("{name} is {found}; write {wanted}"));
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
        let secret = column.name == "password";
        let as_what = if secret { "its digits".to_owned() } else { shown(&taken) };
        let message = format!("{} is {}; taken as {as_what}", column.name, value.kind());
        self.say(place, Level::Note, message);
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

    /// Conditions on several columns of one row.
    fn agrees(&mut self, table: &'static Table, row: &Row, place: &Place) -> bool {
        let broken = table.disagreement(row);
        if let Some(message) = &broken {
            self.say(place, Level::Error, message.as_str());
        }
        broken.is_none()
    }

    /// Whether no row above has the same primary key, or the same values of another unique set of columns.
    fn is_first(&mut self, table: &'static Table, row: &Row, place: &Place) -> bool {
        for columns in table.unique() {
            let values = |row: &Row| -> Vec<Option<Value>> {
                columns.iter().map(|name| table.position(name).and_then(|at| row.get(at).cloned())).collect()
            };
            let own = values(row);
            let first = self.rows.iter().find(|(name, other, _)| *name == table.name && values(other) == own);
            if let Some(first) = first.map(|(_, _, place)| place.clone()) {
                let columns = columns.join(", ");
                let message = format!("the same {columns} as the row at {first}; change or remove one");
                self.say(place, Level::Error, message);
                return false;
            }
        }
        true
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::Null => "NULL".to_owned(),
    }
}
