//! Runs SQL: tables of the running proxy are filled when a statement names them, answers are bounded.

use super::secrets::{ATTRIBUTES, Secrets};
use super::{Admin, AdminError, Answer, Session};
use mysql::tables::{Row, Value, stats};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Statement, params_from_iter};
use std::collections::BTreeSet;

/// Bytes of an answer, at most.
const LARGEST_ANSWER: usize = 64 << 20;

impl Admin {
    /// Runs one statement of SQL as `session`.
    pub(super) fn run(&mut self, session: &Session, sql: &str) -> Result<Answer, AdminError> {
        self.guard.enter(session);
        let answer = self.watched(session, sql);
        let (touched, writes) = {
            let facts = self.guard.facts();
            (facts.touched.clone(), facts.writes)
        };
        self.guard.leave();
        if writes {
            self.hide_new_secrets(&touched)?;
        }
        answer
    }

    fn watched(&self, session: &Session, sql: &str) -> Result<Answer, AdminError> {
        let mut statement = self.db.prepare(sql).map_err(|error| self.guard.explain(error))?;
        let touched = self.guard.facts().touched.clone();
        self.guard.pause();
        self.refresh(&touched)?;
        self.guard.resume(session);
        if statement.column_count() > 0 {
            return self.rows(&mut statement);
        }
        let affected = statement.raw_execute().map_err(|error| self.guard.explain(error))?;
        Ok(Answer::Ok { affected: affected as u64, last_insert_id: 0, info: String::new() })
    }

    fn rows(&self, statement: &mut Statement<'_>) -> Result<Answer, AdminError> {
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut found = statement.raw_query();
        let mut rows = Vec::new();
        let mut size = 0;
        while let Some(row) = found.next().map_err(|error| self.guard.explain(error))? {
            let mut cells = Vec::with_capacity(columns.len());
            for column in 0..columns.len() {
                cells.push(cell(row.get_ref(column)?));
            }
            size += cells.iter().map(|cell| 32 + cell.as_ref().map_or(0, Vec::len)).sum::<usize>();
            if size > LARGEST_ANSWER {
                return Err(AdminError::too_long(format!("an answer has at most {LARGEST_ANSWER} bytes; add a LIMIT")));
            }
            rows.push(cells);
        }
        Ok(Answer::Rows { columns, rows })
    }

    /// Fills those of `tables` that show the running proxy.
    fn refresh(&self, tables: &BTreeSet<String>) -> Result<(), AdminError> {
        for table in tables {
            if let Some((stat, reset)) = stats::find(table) {
                let rows = self.runtime.stats_rows(stat.name, reset);
                replace_rows(&self.db, stat.schema.name(), table, stat.columns.len(), &rows)?;
            } else if let Some(known) = table.strip_prefix("runtime_").and_then(|name| self.table(name)) {
                let rows = shown(known.name, self.runtime.runtime_rows(known.name));
                replace_rows(&self.db, "main", table, known.columns.len(), &rows)?;
            }
        }
        Ok(())
    }

    /// Puts forms in place of the secrets that a statement wrote in clear.
    pub(super) fn hide_new_secrets(&mut self, touched: &BTreeSet<String>) -> Result<(), AdminError> {
        for table in ["mysql_users", "global_variables"].into_iter().filter(|name| touched.contains(*name)) {
            let secret = if table == "mysql_users" { "password" } else { "variable_value" };
            let schemas = if self.guard.is_sealed() { ["main"].as_slice() } else { ["main", "disk"].as_slice() };
            for schema in schemas {
                let update = format!("UPDATE {schema}.{table} SET {secret}=?1 WHERE rowid=?2");
                for (id, mut row) in self.rows_with_id(schema, table)? {
                    let before = row.clone();
                    self.secrets.hide(table, &mut row);
                    if let [_, Value::Text(form), ..] = row.as_slice()
                        && row != before
                    {
                        self.db.execute(&update, rusqlite::params![form, id])?;
                    }
                    if let (Some(Value::Text(form)), true) = (row.get(ATTRIBUTES), table == "mysql_users")
                        && row.get(ATTRIBUTES) != before.get(ATTRIBUTES)
                    {
                        let update = format!("UPDATE {schema}.{table} SET attributes=?1 WHERE rowid=?2");
                        self.db.execute(&update, rusqlite::params![form, id])?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether `disk` holds a secret in clear.
    pub(super) fn disk_is_open(&self) -> Result<bool, AdminError> {
        for table in ["mysql_users", "global_variables"] {
            for (_, mut row) in self.rows_with_id("disk", table)? {
                let before = row.clone();
                Secrets::cover(table, &mut row);
                if row != before {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn rows_with_id(&self, schema: &str, table: &str) -> Result<Vec<(i64, Row)>, AdminError> {
        let mut statement = self.db.prepare(&format!("SELECT rowid, * FROM {schema}.{table}"))?;
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let values = (1..columns).map(|column| row.get_ref(column).map(value));
            Ok((row.get(0)?, values.collect::<Result<Row, _>>()?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Rows of a table in its own order, as they are held: secrets in their form.
    pub(super) fn held(&self, schema: &str, table: &str) -> Result<Vec<Row>, AdminError> {
        let Some(known) = self.table(table) else { return Ok(Vec::new()) };
        let names: Vec<String> = known.columns.iter().map(|column| super::text::identifier(column.name)).collect();
        let keys: Vec<String> = known.key.iter().map(|key| super::text::identifier(key)).collect();
        let order = if keys.is_empty() { "rowid".to_owned() } else { keys.join(", ") };
        let sql = format!("SELECT {} FROM {schema}.{} ORDER BY {order}", names.join(", "), known.name);
        let mut statement = self.db.prepare(&sql)?;
        let rows = statement.query_map([], |row| {
            (0..known.columns.len()).map(|column| row.get_ref(column).map(value)).collect::<Result<Row, _>>()
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Rows as they may be shown; what is hidden here is not learnt, since nobody can load it.
fn shown(table: &str, mut rows: Vec<Row>) -> Vec<Row> {
    rows.iter_mut().for_each(|row| Secrets::cover(table, row));
    rows
}

/// Empties a table and puts `rows` into it, all or nothing.
pub(super) fn replace_rows(
    db: &Connection,
    schema: &str,
    table: &str,
    columns: usize,
    rows: &[Row],
) -> Result<(), AdminError> {
    let transaction = db.unchecked_transaction()?;
    transaction.execute(&format!("DELETE FROM {schema}.{table}"), [])?;
    insert_rows(&transaction, schema, table, columns, rows)?;
    Ok(transaction.commit()?)
}

/// Puts `rows` into a table; one of the same key is replaced.
pub(super) fn insert_rows(
    db: &Connection,
    schema: &str,
    table: &str,
    columns: usize,
    rows: &[Row],
) -> Result<(), AdminError> {
    let places = vec!["?"; columns].join(",");
    let mut insert = db.prepare_cached(&format!("INSERT OR REPLACE INTO {schema}.{table} VALUES ({places})"))?;
    for row in rows {
        if row.len() != columns {
            return Err(AdminError::admin(format!("a row of {table} has {} values, its table {columns}", row.len())));
        }
        insert.execute(params_from_iter(row.iter().map(parameter)))?;
    }
    Ok(())
}

fn parameter(value: &Value) -> rusqlite::types::ToSqlOutput<'_> {
    use rusqlite::types::{ToSqlOutput, Value as Held};
    match value {
        Value::Null => ToSqlOutput::Owned(Held::Null),
        Value::Integer(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
    }
}

fn value(held: ValueRef<'_>) -> Value {
    match held {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        other => Value::Text(cell(other).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()),
    }
}

/// As the text protocol sends it.
fn cell(held: ValueRef<'_>) -> Option<Vec<u8>> {
    match held {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string().into_bytes()),
        ValueRef::Real(number) => Some(number.to_string().into_bytes()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.to_vec()),
    }
}
