//! The world of the tests: an engine over rows of his file, and a running proxy that is a store of rows.

use super::super::{Admin, Answer, Command, Module, Options, Role, Row, Rows, Runtime, Session};
use expect_test::Expect;
use mysql::tables::{self, Value};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

pub struct World {
    admin: Admin,
    session: Session,
    proxy: Arc<Proxy>,
}

impl World {
    pub fn ask(&mut self, sql: &str) -> String {
        match self.admin.execute(&mut self.session, sql) {
            Ok(answers) => answers.iter().map(print).collect(),
            Err(error) => format!("{error}\n"),
        }
    }

    /// All that the running proxy was given, secrets in clear.
    pub fn loaded(&self) -> String {
        format!("{:?}", self.proxy.0.lock().expect("the store"))
    }

    #[track_caller]
    pub fn check(&mut self, sql: &str, expected: Expect) {
        expected.assert_eq(&self.ask(sql));
    }
}

fn print(answer: &Answer) -> String {
    match answer {
        Answer::Ok { affected, info, .. } => format!("OK {affected} {info}\n"),
        Answer::Rows { columns, rows } => rows.iter().fold(columns.join(" | ") + "\n", |mut text, row| {
            let cells = row.iter().map(|cell| match cell {
                Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                None => "NULL".to_owned(),
            });
            _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join(" | "));
            text
        }),
    }
}

pub fn world() -> World {
    start(None, false, Role::Admin)
}

pub fn start(datadir: Option<PathBuf>, compat: bool, role: Role) -> World {
    let options = Options {
        datadir,
        compat,
        initial: false,
        reload: false,
        config: Box::new(|| Ok(file())),
        version: "10.11.19-barque".to_owned(),
    };
    let proxy = Arc::new(Proxy(Mutex::default()));
    let admin = Admin::open(options, proxy.clone()).expect("the admin interface opens");
    admin.load_all().expect("all is loaded");
    World { admin, session: Session::new(role, "someone", 12), proxy }
}

/// Rows of the file, by columns given; the others have their defaults.
fn file() -> Rows {
    let server = |hostgroup, host: &str| {
        row(
            "mysql_servers",
            &[
                ("hostgroup_id", int(hostgroup)),
                ("hostname", text(host)),
                ("max_connections", int(100)),
                ("max_replication_lag", int(5)),
            ],
        )
    };
    let rule = |id, pattern: &str, hostgroup| {
        row(
            "mysql_query_rules",
            &[
                ("rule_id", int(id)),
                ("active", int(1)),
                ("match_pattern", text(pattern)),
                ("destination_hostgroup", int(hostgroup)),
                ("apply", int(1)),
            ],
        )
    };
    Rows::from([
        ("global_variables".to_owned(), vec![vec![text("admin-admin_credentials"), text("root:hidden-root")]]),
        ("mysql_servers".to_owned(), vec![server(10, "a"), server(20, "b")]),
        (
            "mysql_replication_hostgroups".to_owned(),
            vec![row("mysql_replication_hostgroups", &[("writer_hostgroup", int(10)), ("reader_hostgroup", int(20))])],
        ),
        (
            "mysql_users".to_owned(),
            vec![row("mysql_users", &[("username", text("nextcloud")), ("password", text("hidden-file"))])],
        ),
        ("mysql_query_rules".to_owned(), vec![rule(100, "^SELECT .* FOR UPDATE", 10), rule(200, "^SELECT .*", 20)]),
    ])
}

fn int(number: i64) -> Value {
    Value::Integer(number)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn row(table: &str, given: &[(&str, Value)]) -> Row {
    let columns = tables::find(table).expect("it is a table").columns.iter();
    let value = |column: &tables::Column| {
        let given = given.iter().find(|(name, _)| *name == column.name).map(|(_, value)| value.clone());
        given.or_else(|| column.default.map(Value::from)).unwrap_or(Value::Null)
    };
    columns.map(value).collect()
}

/// The running proxy: gives back what was loaded, and one row of each statistic.
struct Proxy(Mutex<BTreeMap<(Option<&'static str>, String), Vec<Row>>>);

impl Runtime for Proxy {
    fn load(&self, module: Module, tables: &Rows) -> Result<(), Vec<String>> {
        let mut held = self.0.lock().expect("the store");
        for (table, rows) in tables {
            held.insert((module.prefix(), table.clone()), rows.clone());
        }
        Ok(())
    }

    fn runtime_rows(&self, table: &str) -> Vec<Row> {
        let held = self.0.lock().expect("the store");
        held.iter().filter(|((_, name), _)| name == table).flat_map(|(_, rows)| rows.clone()).collect()
    }

    fn stats_rows(&self, table: &str, reset: bool) -> Vec<Row> {
        let key = (None, format!("reset {table}"));
        let mut held = self.0.lock().expect("the store");
        if held.contains_key(&key) {
            return Vec::new();
        }
        if reset {
            held.insert(key, Vec::new());
        }
        let (stat, _) = tables::stats::find(table).expect("it is a statistic");
        let value = |(at, (_, kind)): (usize, &(&str, tables::Kind))| match kind {
            tables::Kind::Integer => int(at as i64),
            tables::Kind::Text => text(&format!("t{at}")),
        };
        vec![stat.columns.iter().enumerate().map(value).collect()]
    }

    fn command(&self, command: Command) -> Result<String, String> {
        Ok(format!("{command:?} is done"))
    }

    fn metrics(&self) -> String {
        "proxysql_uptime_seconds_total 1".to_owned()
    }
}
