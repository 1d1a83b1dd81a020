//! What clients of MySQL ask of any server: system variables, functions about the session.

use super::guard::Guard;
use super::text::{self, Token};
use super::{Admin, AdminError, Role, Session};
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OptionalExtension};

/// System variables that clients read, with what they get. `version` is added by the engine.
const SYSTEM: &[(&str, &str)] = &[
    ("autocommit", "1"),
    ("auto_increment_increment", "1"),
    ("character_set_client", "utf8mb4"),
    ("character_set_connection", "utf8mb4"),
    ("character_set_database", "utf8mb4"),
    ("character_set_results", "utf8mb4"),
    ("character_set_server", "utf8mb4"),
    ("collation_connection", "utf8mb4_general_ci"),
    ("collation_database", "utf8mb4_general_ci"),
    ("collation_server", "utf8mb4_general_ci"),
    ("have_ssl", "YES"),
    ("init_connect", ""),
    ("interactive_timeout", "28800"),
    ("license", "GPL"),
    ("lower_case_table_names", "0"),
    ("max_allowed_packet", "1048576"),
    ("net_write_timeout", "60"),
    ("performance_schema", "OFF"),
    ("query_cache_size", "0"),
    ("query_cache_type", "OFF"),
    ("read_only", "OFF"),
    ("sql_mode", ""),
    ("sql_select_limit", "18446744073709551615"),
    ("system_time_zone", "UTC"),
    ("time_zone", "SYSTEM"),
    ("transaction_isolation", "READ-COMMITTED"),
    ("tx_isolation", "READ-COMMITTED"),
    ("version_comment", "Barque Admin Module"),
    ("version_compile_machine", std::env::consts::ARCH),
    ("version_compile_os", std::env::consts::OS),
    ("wait_timeout", "28800"),
];

/// Literal in the statement given to SQLite, and what the person wrote there.
pub type Names = Vec<(String, String)>;

impl Admin {
    pub(super) fn system_variables(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> =
            SYSTEM.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        all.push(("version".to_owned(), self.options.version.clone()));
        all
    }

    /// `sql` with the values of its `@@variables`, and the names by which those columns are to be shown.
    pub(super) fn with_variables(
        &self,
        session: &Session,
        sql: &str,
        tokens: &[Token<'_>],
    ) -> Result<(String, Names), AdminError> {
        let mut changed = String::with_capacity(sql.len());
        let mut names = Vec::new();
        let mut copied = 0;
        let mut at = 0;
        while at < tokens.len() {
            let Some((name, length)) = variable_at(&tokens[at..]) else {
                at += 1;
                continue;
            };
            let (start, end) = (tokens[at].start, tokens[at + length - 1].end());
            let value = text::literal(&self.variable(session, &name)?);
            changed.push_str(&sql[copied..start]);
            changed.push_str(&value);
            names.push((value, sql[start..end].to_owned()));
            copied = end;
            at += length;
        }
        changed.push_str(&sql[copied..]);
        Ok((changed, names))
    }

    fn variable(&self, session: &Session, name: &str) -> Result<String, AdminError> {
        if let Some((_, value)) =
            self.system_variables().into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            return Ok(value);
        }
        if session.role == Role::Stats {
            return Err(AdminError::unknown_variable(name));
        }
        let sql =
            "SELECT variable_value FROM main.global_variables WHERE variable_name IN (?1, 'mysql-'||?1, 'admin-'||?1)";
        let found = self.db.query_row(sql, [name], |row| row.get::<_, String>(0)).optional()?;
        found.ok_or_else(|| AdminError::unknown_variable(name))
    }
}

/// The variable that `tokens` begin with, and how many of them it takes.
fn variable_at(tokens: &[Token<'_>]) -> Option<(String, usize)> {
    let [first, second, rest @ ..] = tokens else { return None };
    if first.text != "@" || second.text != "@" || first.end() != second.start {
        return None;
    }
    match rest {
        [scope, dot, name, ..]
            if dot.text == "." && ["global", "session", "local"].iter().any(|word| scope.is(word)) =>
        {
            Some((name.value(), 5))
        }
        [name, ..] => Some((name.value(), 3)),
        [] => None,
    }
}

/// SQLite calls a column by its expression: the literal is put back as it was written.
pub fn restore_names(columns: &mut [String], names: Names) {
    let mut names = names.into_iter().peekable();
    for column in columns {
        if let Some((_, written)) = names.next_if(|(literal, _)| literal == column) {
            *column = written;
        }
    }
}

const FLAGS: FunctionFlags = FunctionFlags::SQLITE_UTF8;

pub fn add_functions(db: &Connection, version: &str) -> rusqlite::Result<()> {
    let version = version.to_owned();
    db.create_scalar_function("version", 0, FLAGS, move |_| Ok(version.clone()))
}

pub fn add_session_functions(db: &Connection, guard: &Guard) -> rusqlite::Result<()> {
    for name in ["database", "schema"] {
        let guard = guard.clone();
        db.create_scalar_function(name, 0, FLAGS, move |_| Ok(guard.session().map(|session| session.schema)))?;
    }
    for name in ["user", "current_user", "session_user", "system_user"] {
        let guard = guard.clone();
        db.create_scalar_function(name, 0, FLAGS, move |_| {
            Ok(guard.session().map(|session| format!("{}@%", session.user)))
        })?;
    }
    let guard = guard.clone();
    db.create_scalar_function("connection_id", 0, FLAGS, move |_| {
        Ok(guard.session().map(|session| session.connection_id.cast_signed()))
    })
}
