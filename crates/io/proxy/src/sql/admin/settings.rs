//! `SET`: variables of ProxySQL are written to `main`, those of a MySQL session are taken and forgotten.

use super::text::{Kind, Token};
use super::{Admin, AdminError, Answer, Session};
use mysql::variables;
use rusqlite::params;

impl Admin {
    /// The value is looked at by `LOAD … VARIABLES TO RUNTIME`, not here, as ProxySQL does.
    pub(super) fn set(&mut self, session: &Session, sql: &str, tokens: &[Token<'_>]) -> Result<Answer, AdminError> {
        let Some((name, value)) = assignment(sql, tokens) else { return Ok(Answer::done()) };
        if session.role == super::Role::Stats {
            return Err(AdminError::refused("users of admin-stats_credentials cannot write"));
        }
        if self.guard.is_read_only() {
            return Err(AdminError::refused("the admin interface is read-only; PROXYSQL READWRITE ends that"));
        }
        let name = variables::find(&name).ok_or_else(|| AdminError::unknown_variable(&name))?.name;
        let sql = "INSERT OR REPLACE INTO main.global_variables (variable_name, variable_value) VALUES (?1, ?2)";
        let affected = self.db.execute(sql, params![name, value])? as u64;
        self.hide_new_secrets(&["global_variables".to_owned()].into())?;
        Ok(Answer::Ok { affected, last_insert_id: 0, info: String::new() })
    }
}

/// Name and value of `SET [GLOBAL] mysql-x = v`; `None` for anything else.
fn assignment(sql: &str, tokens: &[Token<'_>]) -> Option<(String, String)> {
    let mut rest = tokens.get(1..)?;
    while let [first, after @ ..] = rest
        && (first.text == "@" || first.text == "." || first.is("GLOBAL") || first.is("SESSION"))
    {
        rest = after;
    }
    let [name, equals, value, ..] = rest else { return None };
    let (name, end) = (name.value(), tokens.last()?.end());
    if equals.text != "=" || !["mysql-", "admin-"].iter().any(|prefix| name.to_ascii_lowercase().starts_with(prefix)) {
        return None;
    }
    let whole = value.kind == Kind::Quoted && value.end() == end;
    let value = if whole { value.value() } else { sql.get(value.start..end)?.to_owned() };
    Some((name, value))
}
