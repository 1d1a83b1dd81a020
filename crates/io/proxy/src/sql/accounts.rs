//! Accounts of the server that writes go to, asked by the monitor's account: what `LOAD MYSQL USERS FROM BACKEND` takes over.

use super::server::connect::{Credentials, connect};
use super::server::connection::{Key, Place};
use super::server::groups::Server;
use super::server::query::{QueryError, Table, query};
use mysql::protocol::auth::Secret;
use mysql::protocol::capability;
use mysql::take_over::Account;
use std::sync::Arc;
use std::time::Duration;

/// MariaDB from 10.4 on.
const OF_MARIADB: &str = "SELECT User,Host,JSON_VALUE(Priv,'$.plugin') plugin,\
    JSON_VALUE(Priv,'$.authentication_string') hash,JSON_VALUE(Priv,'$.account_locked') locked,\
    JSON_VALUE(Priv,'$.is_role') role FROM mysql.global_priv ORDER BY User,Host";

const OF_MYSQL: &str = "SELECT User,Host,plugin,authentication_string hash,account_locked locked,'' role \
    FROM mysql.user ORDER BY User,Host";

/// ER_NO_SUCH_TABLE.
const NO_TABLE: u16 = 1146;

/// Waits for the server: only for threads that may.
///
/// # Errors
/// In words: who could not be asked, and which grant is missing.
pub fn of(server: &Arc<Server>, user: &str, password: &str, limit: Duration) -> Result<Vec<Account>, String> {
    let key = Key { user: user.into(), capabilities: capability::DEPRECATE_EOF, collation: 45 };
    let credentials = Credentials { key, secret: Secret::of(password), schema: Vec::new() };
    let asked = async {
        let mut connection =
            connect(server, &credentials, Place::beside(), limit).await.map_err(|error| error.to_string())?;
        let table = match query(&mut connection, OF_MARIADB).await {
            Err(QueryError::Server(error)) if error.code == NO_TABLE => query(&mut connection, OF_MYSQL).await,
            other => other,
        };
        table.map_err(|error| {
            format!("{}: {error}; GRANT SELECT ON mysql.* TO '{user}' there (mysql-monitor_username)", server.address())
        })
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the system gives no event queue: {error}"))?;
    let table = runtime.block_on(async { tokio::time::timeout(limit, asked).await });
    let late = |_| format!("{} did not answer within {} ms", server.address(), limit.as_millis());
    table.map_err(late)?.map(|table| accounts(&table))
}

fn accounts(table: &Table) -> Vec<Account> {
    let at = |name: &str| table.columns.iter().position(|column| column.eq_ignore_ascii_case(name));
    let places = ["User", "Host", "plugin", "hash", "locked", "role"].map(at);
    let account = |row: &Vec<Option<String>>| {
        let [user, host, plugin, hash, locked, role] =
            places.map(|place| place.and_then(|at| row.get(at).cloned().flatten()).unwrap_or_default());
        let is = |flag: &str| matches!(flag, "1" | "Y" | "true");
        Account { locked: is(&locked), is_role: is(&role), user, host, plugin, hash }
    };
    table.rows.iter().map(account).collect()
}
