//! Settings out of rows of the admin database or the file.

use super::{
    FastRoute, HostgroupAttributes, QueryRule, ReplicationHostgroup, Server, ServerStatus, ServerTls, SslParams, User,
};
use crate::rules::firewall::{FirewallRule, FirewallUser, Mode};
use crate::rules::parse_digest;
use crate::tables::{self, Row, Table, Value};
use std::collections::HashMap;

/// All that traffic works by, beside the variables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    pub servers: Vec<Server>,
    /// Those that clients log in with (`frontend=1`), active or not.
    pub users: Vec<User>,
    /// In the order of their ids.
    pub query_rules: Vec<QueryRule>,
    pub fast_routes: Vec<FastRoute>,
    pub replication_hostgroups: Vec<ReplicationHostgroup>,
    pub hostgroup_attributes: Vec<HostgroupAttributes>,
    pub firewall_users: Vec<FirewallUser>,
    pub firewall_rules: Vec<FirewallRule>,
    pub ssl_params: Vec<SslParams>,
}

/// A cell that is not what its column holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{table} ({key}): {column} is {found}; write a value that the column takes")]
pub struct Error {
    pub table: String,
    /// The row, by its primary key.
    pub key: String,
    pub column: String,
    pub found: String,
}

impl Settings {
    /// Takes `rows` as (table, row); tables that no traffic depends on are passed over.
    ///
    /// # Errors
    /// All cells that cannot be taken.
    pub fn from_rows<'a>(rows: impl IntoIterator<Item = (&'a str, &'a Row)>) -> Result<Self, Vec<Error>> {
        let (mut settings, mut errors) = (Self::default(), Vec::new());
        // A user has one row for both sides, or one that clients log in by and one that servers are logged in to by.
        let mut backends = HashMap::new();
        for (name, row) in rows {
            let Some(table) = tables::find(name) else { continue };
            let cells = Cells { table, row };
            if let Err(error) = settings.add(&cells) {
                errors.push(error);
            }
            if let Some((user, password)) = backend_half(&cells) {
                backends.insert(user, password);
            }
        }
        for user in &mut settings.users {
            user.backend_password = backends.get(&user.username).cloned();
        }
        settings.query_rules.sort_by_key(|rule| rule.rule_id);
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }

    fn add(&mut self, row: &Cells<'_>) -> Result<(), Error> {
        match row.table.name {
            "mysql_servers" => self.servers.push(server(row)?),
            "mysql_users" if row.flag("frontend")? => self.users.push(user(row)?),
            "mysql_query_rules" => self.query_rules.push(rule(row)?),
            "mysql_query_rules_fast_routing" => self.fast_routes.push(FastRoute {
                username: row.text("username")?,
                schemaname: row.text("schemaname")?,
                flag_in: row.number("flagIN")?,
                destination_hostgroup: row.number("destination_hostgroup")?,
            }),
            "mysql_replication_hostgroups" => self.replication_hostgroups.push(ReplicationHostgroup {
                writer_hostgroup: row.number("writer_hostgroup")?,
                reader_hostgroup: row.number("reader_hostgroup")?,
                check_type: row.text("check_type")?.to_ascii_lowercase(),
                comment: row.text("comment")?,
            }),
            "mysql_hostgroup_attributes" => self.hostgroup_attributes.push(HostgroupAttributes {
                hostgroup_id: row.number("hostgroup_id")?,
                max_num_online_servers: row.number("max_num_online_servers")?,
                free_connections_pct: row.number("free_connections_pct")?,
                init_connect: row.text("init_connect")?,
                multiplex: row.flag("multiplex")?,
                connection_warming: row.flag("connection_warming")?,
                throttle_connections_per_sec: row.number("throttle_connections_per_sec")?,
            }),
            "mysql_firewall_whitelist_users" => self.firewall_users.push(FirewallUser {
                active: row.flag("active")?,
                username: row.text("username")?,
                client_address: row.text("client_address")?,
                mode: match row.text("mode")?.to_ascii_uppercase().as_str() {
                    "OFF" => Mode::Off,
                    "DETECTING" => Mode::Detecting,
                    "PROTECTING" => Mode::Protecting,
                    _ => return Err(row.error("mode")),
                },
            }),
            "mysql_firewall_whitelist_rules" => self.firewall_rules.push(FirewallRule {
                active: row.flag("active")?,
                username: row.text("username")?,
                client_address: row.text("client_address")?,
                schemaname: row.text("schemaname")?,
                flag_in: row.number("flagIN")?,
                digest: parse_digest(&row.text("digest")?).ok_or_else(|| row.error("digest"))?,
            }),
            "mysql_servers_ssl_params" => self.ssl_params.push(ssl_params(row)?),
            _ => {}
        }
        Ok(())
    }
}

/// Name and password of a row that is only for servers.
fn backend_half(row: &Cells<'_>) -> Option<(String, String)> {
    let is = |column| row.flag(column).ok();
    if row.table.name != "mysql_users" || is("frontend")? || !is("backend")? || !is("active")? {
        return None;
    }
    Some((row.text("username").ok()?, row.maybe_text("password").ok()?.unwrap_or_default()))
}

fn server(row: &Cells<'_>) -> Result<Server, Error> {
    let status = match row.text("status")?.to_ascii_uppercase().as_str() {
        "ONLINE" => ServerStatus::Online,
        "SHUNNED" => ServerStatus::Shunned,
        "OFFLINE_SOFT" => ServerStatus::OfflineSoft,
        "OFFLINE_HARD" => ServerStatus::OfflineHard,
        _ => return Err(row.error("status")),
    };
    Ok(Server {
        hostgroup_id: row.number("hostgroup_id")?,
        hostname: row.text("hostname")?,
        port: row.number("port")?,
        status,
        weight: row.number("weight")?,
        compression: row.flag("compression")?,
        max_connections: row.number("max_connections")?,
        max_replication_lag: row.number("max_replication_lag")?,
        use_ssl: row.flag("use_ssl")?,
        max_latency_ms: row.number("max_latency_ms")?,
        comment: row.text("comment")?,
    })
}

fn ssl_params(row: &Cells<'_>) -> Result<SslParams, Error> {
    Ok(SslParams {
        hostname: row.text("hostname")?,
        port: row.number("port")?,
        username: row.text("username")?,
        tls: ServerTls {
            ca: row.text("ssl_ca")?,
            capath: row.text("ssl_capath")?,
            cert: row.text("ssl_cert")?,
            key: row.text("ssl_key")?,
            crl: row.text("ssl_crl")?,
            crlpath: row.text("ssl_crlpath")?,
            cipher: row.text("ssl_cipher")?,
            tls_version: row.text("tls_version")?,
        },
    })
}

fn user(row: &Cells<'_>) -> Result<User, Error> {
    Ok(User {
        username: row.text("username")?,
        password: row.maybe_text("password")?.unwrap_or_default(),
        active: row.flag("active")?,
        use_ssl: row.flag("use_ssl")?,
        default_hostgroup: row.number("default_hostgroup")?,
        default_schema: row.maybe_text("default_schema")?,
        schema_locked: row.flag("schema_locked")?,
        transaction_persistent: row.flag("transaction_persistent")?,
        fast_forward: row.flag("fast_forward")?,
        max_connections: row.number("max_connections")?,
        attributes: row.text("attributes")?,
        backend_password: None,
    })
}

fn rule(row: &Cells<'_>) -> Result<QueryRule, Error> {
    Ok(QueryRule {
        rule_id: row.number("rule_id")?,
        active: row.flag("active")?,
        username: row.maybe_text("username")?,
        schemaname: row.maybe_text("schemaname")?,
        flag_in: row.number("flagIN")?,
        client_addr: row.maybe_text("client_addr")?,
        proxy_addr: row.maybe_text("proxy_addr")?,
        proxy_port: row.maybe("proxy_port")?,
        digest: row.maybe_text("digest")?,
        match_digest: row.maybe_text("match_digest")?,
        match_pattern: row.maybe_text("match_pattern")?,
        negate_match_pattern: row.flag("negate_match_pattern")?,
        re_modifiers: row.maybe_text("re_modifiers")?.unwrap_or_default(),
        flag_out: row.maybe("flagOUT")?,
        replace_pattern: row.maybe_text("replace_pattern")?,
        destination_hostgroup: row.maybe("destination_hostgroup")?,
        cache_ttl: row.maybe("cache_ttl")?,
        cache_empty_result: row.maybe_flag("cache_empty_result")?,
        timeout: row.maybe("timeout")?,
        retries: row.maybe("retries")?,
        delay: row.maybe("delay")?,
        next_query_flag_in: row.maybe("next_query_flagIN")?,
        mirror_flag_out: row.maybe("mirror_flagOUT")?,
        mirror_hostgroup: row.maybe("mirror_hostgroup")?,
        error_msg: row.maybe_text("error_msg")?,
        ok_msg: row.maybe_text("OK_msg")?,
        sticky_conn: row.maybe_flag("sticky_conn")?,
        multiplex: row.maybe("multiplex")?,
        log: row.maybe_flag("log")?,
        gtid_from_hostgroup: row.maybe("gtid_from_hostgroup")?,
        apply: row.flag("apply")?,
        attributes: row.text("attributes")?,
        comment: row.maybe_text("comment")?,
    })
}

/// A row whose cells are asked for by name.
struct Cells<'a> {
    table: &'static Table,
    row: &'a Row,
}

impl Cells<'_> {
    fn cell(&self, column: &str) -> &Value {
        self.table.position(column).and_then(|at| self.row.get(at)).unwrap_or(&Value::Null)
    }

    fn maybe<T: TryFrom<i64>>(&self, column: &str) -> Result<Option<T>, Error> {
        match self.cell(column) {
            Value::Null => Ok(None),
            Value::Integer(number) => T::try_from(*number).map(Some).map_err(|_| self.error(column)),
            Value::Text(_) => Err(self.error(column)),
        }
    }

    fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T, Error> {
        self.maybe(column)?.ok_or_else(|| self.error(column))
    }

    fn maybe_flag(&self, column: &str) -> Result<Option<bool>, Error> {
        Ok(self.maybe::<i64>(column)?.map(|number| number != 0))
    }

    fn flag(&self, column: &str) -> Result<bool, Error> {
        self.number::<i64>(column).map(|number| number != 0)
    }

    fn maybe_text(&self, column: &str) -> Result<Option<String>, Error> {
        match self.cell(column) {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text.clone())),
            Value::Integer(_) => Err(self.error(column)),
        }
    }

    fn text(&self, column: &str) -> Result<String, Error> {
        self.maybe_text(column)?.ok_or_else(|| self.error(column))
    }

    /// Values of `password` columns never come here: all texts are taken.
    fn error(&self, column: &str) -> Error {
        let key = self.table.key.iter().map(|name| shown(self.cell(name))).collect::<Vec<_>>().join(", ");
        Error { table: self.table.name.to_owned(), key, column: column.to_owned(), found: shown(self.cell(column)) }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[test]
    fn rows_of_a_file() {
        check(
            include_str!("../../testdata/proxysql.cnf"),
            expect!["2 servers, 1 users, [(100, true, Some(10)), (200, true, Some(20)), (300, true, Some(10))]"],
        );
    }

    #[test]
    fn two_rows_of_a_user() {
        let file = "mysql_users=({username=\"a\" password=\"front\" backend=0},\
                    {username=\"a\" password=\"back\" frontend=0},{username=\"b\" password=\"both\"})";
        let parsed = crate::config_file::parse("t", file, &|_| Err("none".to_owned()));
        let settings = Settings::from_rows(parsed.rows.iter().map(|(table, row, _)| (*table, row))).unwrap();
        let users: Vec<_> =
            settings.users.iter().map(|user| (user.password.as_str(), user.backend_password.as_deref())).collect();
        assert_eq!(users, [("front", Some("back")), ("both", None)]);
    }

    #[test]
    fn a_number_too_large() {
        check(
            "mysql_servers=({hostgroup=5000000000 address=\"a\"})",
            expect![[
                r#"mysql_servers (5000000000, "a", 3306): hostgroup_id is 5000000000; write a value that the column takes"#
            ]],
        );
    }

    #[track_caller]
    fn check(text: &str, expected: Expect) {
        let parsed = crate::config_file::parse("t", text, &|_| Err("none".to_owned()));
        let rows = parsed.rows.iter().map(|(table, row, _)| (*table, row));
        expected.assert_eq(&match Settings::from_rows(rows) {
            Ok(Settings { servers, users, query_rules, .. }) => {
                let rules: Vec<_> =
                    query_rules.iter().map(|rule| (rule.rule_id, rule.active, rule.destination_hostgroup)).collect();
                format!("{} servers, {} users, {rules:?}", servers.len(), users.len())
            }
            Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        });
    }
}
