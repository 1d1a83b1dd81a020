//! `SHOW` and `DESCRIBE`, made into questions to SQLite.

use super::commands::name;
use super::text::{Token, literal};
use super::{Admin, AdminError, Answer, Role, Session};
use rusqlite::OptionalExtension;

/// What `mysqldump` and graphical clients ask and nobody has here: the head of an empty answer.
const EMPTY: &[(&str, &[&str])] = &[
    ("WARNINGS", &["Level", "Code", "Message"]),
    ("ERRORS", &["Level", "Code", "Message"]),
    ("ENGINES", &["Engine", "Support", "Comment", "Transactions", "XA", "Savepoints"]),
    ("STORAGE ENGINES", &["Engine", "Support", "Comment", "Transactions", "XA", "Savepoints"]),
    ("PLUGINS", &["Name", "Status", "Type", "Library", "License"]),
    ("TRIGGERS", &["Trigger", "Event", "Table", "Statement", "Timing", "Created", "sql_mode", "Definer"]),
    ("EVENTS", &["Db", "Name", "Definer", "Time zone", "Type", "Status"]),
    ("PROCEDURE STATUS", &["Db", "Name", "Type", "Definer", "Modified", "Created", "Security_type", "Comment"]),
    ("FUNCTION STATUS", &["Db", "Name", "Type", "Definer", "Modified", "Created", "Security_type", "Comment"]),
    ("COLLATION", &["Collation", "Charset", "Id", "Default", "Compiled", "Sortlen"]),
    ("CHARACTER SET", &["Charset", "Description", "Default collation", "Maxlen"]),
    ("CHARSET", &["Charset", "Description", "Default collation", "Maxlen"]),
    ("INDEX", &["Table", "Non_unique", "Key_name", "Seq_in_index", "Column_name"]),
    ("INDEXES", &["Table", "Non_unique", "Key_name", "Seq_in_index", "Column_name"]),
    ("KEYS", &["Table", "Non_unique", "Key_name", "Seq_in_index", "Column_name"]),
    ("MASTER STATUS", &["File", "Position", "Binlog_Do_DB", "Binlog_Ignore_DB"]),
    ("SLAVE STATUS", &["Slave_IO_State"]),
    ("GRANTS", &["Grants"]),
    ("PROFILES", &["Query_ID", "Duration", "Query"]),
];

impl Admin {
    pub(super) fn show(&mut self, session: &Session, sql: &str, tokens: &[Token<'_>]) -> Result<Answer, AdminError> {
        let full = tokens.get(1).is_some_and(|token| token.is("FULL"));
        let from = if full { 2 } else { 1 };
        let rest = tokens.get(from..).unwrap_or_default();
        let word = |at: usize| rest.get(at).map(|token| token.text.to_ascii_uppercase()).unwrap_or_default();
        let two = format!("{} {}", word(0), word(1));
        match word(0).as_str() {
            "TABLES" => return self.show_tables(session, rest, full),
            "DATABASES" | "SCHEMAS" => return self.show_databases(session),
            "COLUMNS" | "FIELDS" => return self.show_columns(session, &after_from(rest)),
            "VARIABLES" => return self.show_variables(session, sql, rest, ""),
            "STATUS" => return self.show_status(session, sql, rest),
            "PROCESSLIST" => return self.run(session, &processlist(full)),
            _ => {}
        }
        let after = rest.get(1..).unwrap_or_default();
        match two.as_str() {
            "CREATE TABLE" => self.show_create(session, &name(rest.get(2..).unwrap_or_default()).0),
            "CREATE DATABASE" | "CREATE SCHEMA" => Ok(empty(&["Database", "Create Database"])),
            "TABLE STATUS" => self.show_table_status(session, rest),
            "PROMETHEUS METRICS" => Ok(Answer::column("Data", [self.runtime.metrics()])),
            "MYSQL STATUS" | "GLOBAL STATUS" | "SESSION STATUS" => self.show_status(session, sql, after),
            "MYSQL VARIABLES" => self.show_variables(session, sql, after, "mysql-"),
            "ADMIN VARIABLES" => self.show_variables(session, sql, after, "admin-"),
            "GLOBAL VARIABLES" | "SESSION VARIABLES" | "LOCAL VARIABLES" | "ALL VARIABLES" => {
                self.show_variables(session, sql, after, "")
            }
            "MYSQL USERS" => self.run(session, "SELECT * FROM main.mysql_users"),
            "MYSQL SERVERS" => self.run(session, "SELECT * FROM main.mysql_servers"),
            "MYSQL QUERY" => self.run(session, "SELECT * FROM main.mysql_query_rules ORDER BY rule_id"),
            _ => EMPTY
                .iter()
                .find(|(words, _)| *words == word(0) || *words == two)
                .map(|(_, columns)| empty(columns))
                .ok_or_else(|| AdminError::admin(format!("SHOW {} is not known", two.trim()))),
        }
    }

    pub(super) fn describe(&self, session: &Session, tokens: &[Token<'_>]) -> Result<Answer, AdminError> {
        self.show_columns(session, &name(tokens.get(1..).unwrap_or_default()).0)
    }

    fn show_databases(&self, session: &Session) -> Result<Answer, AdminError> {
        let all = [("0", "main"), ("2", "disk"), ("3", "stats"), ("4", "monitor")];
        let seen = all.iter().filter(|(_, name)| session.role == Role::Admin || matches!(*name, "stats" | "monitor"));
        let rows = seen.map(|(number, name)| vec![bytes(number), bytes(name), bytes("")]).collect();
        Ok(Answer::Rows { columns: ["seq", "name", "file"].map(str::to_owned).to_vec(), rows })
    }

    fn show_tables(&self, session: &Session, rest: &[Token<'_>], full: bool) -> Result<Answer, AdminError> {
        let schema = self.schema_after(session, rest)?;
        let names = self.names(&schema, like(rest).as_deref())?;
        if !full {
            return Ok(Answer::column("tables", names));
        }
        let rows = names.iter().map(|name| vec![bytes(name), bytes("BASE TABLE")]).collect();
        Ok(Answer::Rows { columns: vec![format!("Tables_in_{schema}"), "Table_type".to_owned()], rows })
    }

    fn show_table_status(&self, session: &Session, rest: &[Token<'_>]) -> Result<Answer, AdminError> {
        let schema = self.schema_after(session, rest)?;
        let columns = [
            "Name",
            "Engine",
            "Version",
            "Row_format",
            "Rows",
            "Avg_row_length",
            "Data_length",
            "Max_data_length",
            "Index_length",
            "Data_free",
            "Auto_increment",
            "Create_time",
            "Update_time",
            "Check_time",
            "Collation",
            "Checksum",
            "Create_options",
            "Comment",
        ];
        let row = |name: &String| {
            let known = columns.iter().map(|column| match *column {
                "Name" => bytes(name),
                "Engine" => bytes("SQLite"),
                "Comment" | "Create_options" => bytes(""),
                _ => None,
            });
            known.collect()
        };
        let rows = self.names(&schema, like(rest).as_deref())?.iter().map(row).collect();
        Ok(Answer::Rows { columns: columns.map(str::to_owned).to_vec(), rows })
    }

    /// Tables of a schema by name.
    fn names(&self, schema: &str, like: Option<&str>) -> Result<Vec<String>, AdminError> {
        let sql = format!(
            "SELECT name FROM {schema}.sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             AND name<>'{}' AND name LIKE ?1 ESCAPE '\\' ORDER BY name",
            super::guard::SECRETS
        );
        let mut statement = self.db.prepare(&sql)?;
        let names = statement.query_map([like.unwrap_or("%")], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// The schema after FROM or IN, else the session's.
    fn schema_after(&self, session: &Session, rest: &[Token<'_>]) -> Result<String, AdminError> {
        let named = after_from(rest).into_iter().next().unwrap_or_else(|| session.schema.clone());
        let allowed = match session.role {
            Role::Admin => ["main", "disk", "stats", "monitor"].as_slice(),
            Role::Stats => ["stats", "monitor"].as_slice(),
        };
        if allowed.contains(&named.as_str()) {
            return Ok(named);
        }
        let message = format!("Unknown database '{named}'; there are {}", allowed.join(", "));
        Err(AdminError { code: 1049, sqlstate: "42000", message })
    }

    /// Schema and true name of a table that `session` may see.
    fn find(&self, session: &Session, name: &[String]) -> Result<(String, String), AdminError> {
        let no_table = || AdminError {
            code: 1146,
            sqlstate: "42S02",
            message: format!("Table '{}' doesn't exist; SHOW TABLES names those there are", name.join(".")),
        };
        let all = ["main", "stats", "monitor", "disk"];
        let (schemas, table) = match name {
            [table] => {
                let mut schemas = vec![session.schema.as_str()];
                schemas.extend(all);
                (schemas, table)
            }
            [schema, table] => (vec![schema.as_str()], table),
            _ => return Err(no_table()),
        };
        let seen = |schema: &&str| {
            all.contains(schema) && (session.role == Role::Admin || matches!(*schema, "stats" | "monitor"))
        };
        for schema in schemas.into_iter().filter(seen) {
            if let Some(found) = self.names(schema, None)?.into_iter().find(|known| known.eq_ignore_ascii_case(table)) {
                return Ok((schema.to_owned(), found));
            }
        }
        Err(no_table())
    }

    fn show_create(&self, session: &Session, name: &[String]) -> Result<Answer, AdminError> {
        let (schema, table) = self.find(session, name)?;
        let sql = format!("SELECT sql FROM {schema}.sqlite_schema WHERE type='table' AND name=?1");
        let text: Option<String> = self.db.query_row(&sql, [&table], |row| row.get(0)).optional()?;
        let columns = vec!["table".to_owned(), "Create Table".to_owned()];
        Ok(Answer::Rows { columns, rows: vec![vec![bytes(&table), bytes(&text.unwrap_or_default())]] })
    }

    fn show_columns(&self, session: &Session, name: &[String]) -> Result<Answer, AdminError> {
        let (schema, table) = self.find(session, name)?;
        let sql = "SELECT name, lower(type), CASE \"notnull\" WHEN 1 THEN 'NO' ELSE 'YES' END, \
                   CASE WHEN pk>0 THEN 'PRI' ELSE '' END, trim(dflt_value, '''') FROM pragma_table_info(?1, ?2)";
        let mut statement = self.db.prepare(sql)?;
        let rows = statement.query_map([&table, &schema], |row| {
            let mut cells = (0..5).map(|at| Ok(row.get::<_, Option<String>>(at)?.map(String::into_bytes)));
            let mut cells: Vec<Option<Vec<u8>>> = cells.by_ref().collect::<rusqlite::Result<_>>()?;
            cells.push(bytes(""));
            Ok(cells)
        })?;
        let rows = rows.collect::<Result<_, _>>()?;
        let columns = ["Field", "Type", "Null", "Key", "Default", "Extra"].map(str::to_owned).to_vec();
        Ok(Answer::Rows { columns, rows })
    }

    /// With a condition, the variables of any MySQL server are among those looked through.
    fn show_variables(
        &mut self,
        session: &Session,
        sql: &str,
        rest: &[Token<'_>],
        prefix: &str,
    ) -> Result<Answer, AdminError> {
        let condition = condition(sql, rest);
        let mut sources = Vec::new();
        if session.role == Role::Admin {
            let prefix = literal(&format!("{prefix}%"));
            sources.push(format!(
                "SELECT variable_name AS Variable_name, variable_value AS Value FROM main.global_variables \
                 WHERE variable_name LIKE {prefix}"
            ));
        }
        if prefix.is_empty() && (!condition.is_empty() || session.role == Role::Stats) {
            let system = self.system_variables().into_iter().map(|(name, value)| {
                format!("SELECT {} AS Variable_name, {} AS Value", literal(&name), literal(&value))
            });
            sources.extend(system);
        }
        if sources.is_empty() {
            return Ok(empty(&["Variable_name", "Value"]));
        }
        let sources = sources.join(" UNION ALL ");
        self.run(session, &format!("SELECT Variable_name, Value FROM ({sources}) {condition} ORDER BY 1"))
    }

    fn show_status(&mut self, session: &Session, sql: &str, rest: &[Token<'_>]) -> Result<Answer, AdminError> {
        let condition = condition(sql, rest);
        let all = "SELECT Variable_Name AS Variable_name, Variable_Value AS Value FROM stats.stats_mysql_global";
        self.run(session, &format!("SELECT Variable_name, Value FROM ({all}) {condition} ORDER BY 1"))
    }
}

fn processlist(full: bool) -> String {
    let info = if full { "info" } else { "substr(info, 1, 100) AS info" };
    format!("SELECT SessionID, user, db, hostgroup, command, time_ms, {info} FROM stats.stats_mysql_processlist")
}

/// The name after FROM or IN, as `SHOW COLUMNS FROM t FROM s` and `… FROM s.t` give it: schema before table.
fn after_from(rest: &[Token<'_>]) -> Vec<String> {
    let is_from = |token: &Token<'_>| token.is("FROM") || token.is("IN");
    let Some(at) = rest.iter().position(is_from) else { return Vec::new() };
    let (mut found, after) = name(&rest[at + 1..]);
    if found.len() == 1
        && let [word, after @ ..] = after
        && is_from(word)
    {
        let mut schema = name(after).0;
        schema.append(&mut found);
        return schema;
    }
    found
}

fn like(rest: &[Token<'_>]) -> Option<String> {
    let at = rest.iter().position(|token| token.is("LIKE"))?;
    rest.get(at + 1).map(Token::value)
}

/// What follows the first of `rest` as a condition of SQL: `LIKE 'x'` speaks of the name.
fn condition(sql: &str, rest: &[Token<'_>]) -> String {
    match rest {
        [_, word, pattern, ..] if word.is("LIKE") => {
            format!("WHERE Variable_name LIKE {} ESCAPE '\\'", literal(&pattern.value()))
        }
        [_, word, ..] if word.is("WHERE") => sql.get(word.start..).unwrap_or_default().to_owned(),
        _ => String::new(),
    }
}

fn empty(columns: &[&str]) -> Answer {
    Answer::Rows { columns: columns.iter().map(|column| (*column).to_owned()).collect(), rows: Vec::new() }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    Some(text.as_bytes().to_vec())
}
