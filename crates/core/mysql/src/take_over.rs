//! A server's accounts as users of the proxy: which can be taken over, and why others cannot.

use crate::tables::{Row, Value, mysql_users};

/// What an account of a server says of itself.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Account {
    pub user: String,
    pub host: String,
    /// Empty: `mysql_native_password`.
    pub plugin: String,
    /// `*` and 40 hex digits where the plugin is `mysql_native_password`.
    pub hash: String,
    pub locked: bool,
    pub is_role: bool,
}

/// Without the hash: it is as good as a password to the proxy.
impl std::fmt::Debug for Account {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(out, "{}@{} by {}", self.user, self.host, self.plugin)
    }
}

/// What becomes of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub user: String,
    pub host: String,
    /// Absent: it is taken over.
    pub left_out: Option<String>,
}

/// Accounts of the server itself: nobody's applications log in by them.
const OWN: &[&str] =
    &["root", "mysql", "mariadb.sys", "mysql.sys", "mysql.session", "mysql.infoschema", "debian-sys-maint"];

/// Plugins whose stored form proves nothing to a server.
const OF_CLEAR: &[&str] = &["ed25519", "caching_sha2_password", "sha256_password", "parsec"];

/// Rows for `mysql_users` out of `accounts`, and what was decided of each, in the order in which they came. Users that are
/// in `known` already stay as they are there; `monitor` is the proxy's own account.
#[must_use]
pub fn take_over(accounts: &[Account], hostgroup: i64, known: &[String], monitor: &str) -> (Vec<Row>, Vec<Verdict>) {
    let mut taken: Vec<&Account> = Vec::new();
    let verdicts = accounts
        .iter()
        .map(|account| {
            let left_out = reason(account, &taken, known, monitor);
            if left_out.is_none() {
                taken.push(account);
            }
            Verdict { user: account.user.clone(), host: account.host.clone(), left_out }
        })
        .collect();
    (taken.into_iter().map(|account| row(account, hostgroup)).collect(), verdicts)
}

fn reason(account: &Account, taken: &[&Account], known: &[String], monitor: &str) -> Option<String> {
    let said = |text: &str| Some(text.to_owned());
    let plugin = account.plugin.as_str();
    if account.is_role {
        return said("is a role");
    }
    if account.user.is_empty() {
        return said("has no name: the proxy knows users by name");
    }
    if OWN.contains(&account.user.as_str()) {
        return said("is the server's own");
    }
    if account.user == monitor {
        return said("is the proxy's own (mysql-monitor_username)");
    }
    if known.contains(&account.user) {
        return said("is in mysql_users already, and stays as it is there");
    }
    if account.locked {
        return said("is locked");
    }
    if !plugin.is_empty() && plugin != "mysql_native_password" {
        return Some(if OF_CLEAR.contains(&plugin) {
            format!("logs in by {plugin}, which needs the password in clear: INSERT it into mysql_users by hand")
        } else {
            format!("logs in by {plugin}, which only the client itself can")
        });
    }
    if account.hash.is_empty() {
        return said("has no password: give it one");
    }
    if !is_native(&account.hash) {
        return said("has a password that nobody can give");
    }
    match taken.iter().find(|other| other.user == account.user) {
        Some(other) if other.hash == account.hash => {
            Some(format!("is taken over already, as '{}'@'{}'", other.user, other.host))
        }
        Some(other) => {
            Some(format!("has another password than '{}'@'{}', which is taken over", other.user, other.host))
        }
        None => None,
    }
}

fn is_native(hash: &str) -> bool {
    hash.strip_prefix('*').is_some_and(|hex| hex.len() == 40 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn row(account: &Account, hostgroup: i64) -> Row {
    let text = |text: &str| Value::Text(text.to_owned());
    let value = |column: &crate::tables::Column| match column.name {
        "username" => text(&account.user),
        "password" => text(&account.hash.to_ascii_uppercase()),
        "default_hostgroup" => Value::Integer(hostgroup),
        "comment" => text("taken over from the server"),
        _ => column.default.map_or(Value::Null, Value::from),
    };
    mysql_users::TABLE.columns.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::auth::native_hash;
    use expect_test::{Expect, expect};

    #[test]
    fn what_can_be_taken() {
        let hash = native_hash("secret");
        let native = |user: &str, host: &str| Account {
            user: user.to_owned(),
            host: host.to_owned(),
            plugin: "mysql_native_password".to_owned(),
            hash: hash.clone(),
            ..Account::default()
        };
        let by =
            |plugin: &str, hash: &str| Account { plugin: plugin.to_owned(), hash: hash.to_owned(), ..native("p", "%") };
        check(
            &[
                native("nextcloud", "%"),
                native("nextcloud", "localhost"),
                Account { hash: native_hash("other"), ..native("nextcloud", "10.0.0.1") },
                native("root", "localhost"),
                native("monitor", "%"),
                native("there", "%"),
                native("", "%"),
                Account { is_role: true, ..native("r", "") },
                Account { locked: true, ..native("l", "%") },
                by("unix_socket", ""),
                by("ed25519", "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY"),
                by("", ""),
                by("mysql_native_password", "invalid"),
            ],
            expect![[r#"
                nextcloud@%: taken
                nextcloud@localhost: is taken over already, as 'nextcloud'@'%'
                nextcloud@10.0.0.1: has another password than 'nextcloud'@'%', which is taken over
                root@localhost: is the server's own
                monitor@%: is the proxy's own (mysql-monitor_username)
                there@%: is in mysql_users already, and stays as it is there
                @%: has no name: the proxy knows users by name
                r@: is a role
                l@%: is locked
                p@%: logs in by unix_socket, which only the client itself can
                p@%: logs in by ed25519, which needs the password in clear: INSERT it into mysql_users by hand
                p@%: has no password: give it one
                p@%: has a password that nobody can give
                [Text("nextcloud"), Text("*14E65567ABDB5135D0CFD9A70B3032C179A49EE7"), Integer(1), Integer(0), Integer(10)]"#]],
        );
    }

    #[track_caller]
    fn check(accounts: &[Account], expected: Expect) {
        let (rows, verdicts) = take_over(accounts, 10, &["there".to_owned()], "monitor");
        let lines = verdicts.iter().map(|verdict| {
            format!("{}@{}: {}", verdict.user, verdict.host, verdict.left_out.as_deref().unwrap_or("taken"))
        });
        let rows = rows.iter().map(|row| format!("{:?}", &row[..5]));
        expected.assert_eq(&lines.chain(rows).collect::<Vec<_>>().join("\n"));
    }
}
