//! `LOAD MYSQL USERS FROM BACKEND`: accounts of the server become rows of `mysql_users`, and a table says what became of each.

use super::{Admin, AdminError, Answer};
use mysql::tables::Value;
use mysql::take_over::{Account, take_over};

/// A server's accounts, and what is known of them here.
pub struct Backend {
    pub accounts: Vec<Account>,
    /// Where statements of users that are taken over go.
    pub hostgroup: u32,
    /// The proxy's own account.
    pub monitor: String,
}

impl Admin {
    /// Writes to `main` only: `LOAD MYSQL USERS TO RUNTIME` lets them in.
    pub(super) fn take_over(&mut self) -> Result<Answer, AdminError> {
        if self.guard.is_read_only() {
            return Err(AdminError::refused("the admin interface is read-only; PROXYSQL READWRITE ends that"));
        }
        let backend = self.runtime.backend().map_err(AdminError::admin)?;
        let name = |row: Vec<Value>| match row.into_iter().next() {
            Some(Value::Text(name)) => name,
            _ => String::new(),
        };
        let known: Vec<String> = self.held("main", "mysql_users")?.into_iter().map(name).collect();
        let (rows, verdicts) = take_over(&backend.accounts, backend.hostgroup.into(), &known, &backend.monitor);
        self.put("mysql_users", rows)?;
        let cell = |text: &str| Some(text.as_bytes().to_vec());
        let rows = verdicts.iter().map(|verdict| {
            let taken = if verdict.left_out.is_none() { "yes" } else { "no" };
            vec![cell(&verdict.user), cell(&verdict.host), cell(taken), verdict.left_out.as_deref().and_then(cell)]
        });
        let columns = ["username", "host", "taken", "why_not"].map(str::to_owned).to_vec();
        Ok(Answer::Rows { columns, rows: rows.collect() })
    }
}
