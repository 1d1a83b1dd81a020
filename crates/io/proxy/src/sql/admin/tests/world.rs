//! The world of the tests: an engine over rows of his file, and a running proxy that is a store of rows.

use super::super::{Admin, Answer, Backend, Command, Module, Options, Role, Row, Rows, Runtime, Session, rows_of};
use expect_test::Expect;
use mysql::config_file;
use mysql::tables::{self, Value};
use mysql::take_over::Account;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

pub struct World {
    pub admin: Admin,
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
        config: Box::new(file),
        version: "10.11.19-barque".to_owned(),
    };
    let proxy = Arc::new(Proxy(Mutex::default()));
    let admin = Admin::open(options, proxy.clone()).expect("the admin interface opens");
    admin.load_all().expect("all is loaded");
    World { admin, session: Session::new(role, "someone", 12), proxy }
}

/// His file, with passwords that are easily found in an answer.
fn file() -> Result<Rows, Vec<String>> {
    let text = include_str!("../../../../../../core/mysql/testdata/proxysql.cnf")
        .replace("nextcloudpwd", "hidden-file")
        .replace("adminpwd", "hidden-root")
        .replace("proxysqlpwd", "hidden-probe");
    rows_of(&config_file::parse("proxysql.cnf", &text, &|path| Err(format!("{path} is not here"))))
}

fn int(number: i64) -> Value {
    Value::Integer(number)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// The running proxy: gives back what was loaded, and one row of each statistic.
struct Proxy(Mutex<Loaded>);

/// Rows by the prefix of their module's variables and their table.
type Loaded = BTreeMap<(Option<&'static str>, String), Vec<Row>>;

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

    fn backend(&self) -> Result<Backend, String> {
        let account = |user: &str, plugin: &str| Account {
            user: user.to_owned(),
            host: "%".to_owned(),
            plugin: plugin.to_owned(),
            hash: mysql::protocol::auth::native_hash(user),
            ..Account::default()
        };
        let accounts = vec![account("matomo", "mysql_native_password"), account("ed", "ed25519")];
        Ok(Backend { accounts, hostgroup: 10, monitor: "proxysql".to_owned() })
    }

    fn metrics(&self) -> String {
        "proxysql_uptime_seconds_total 1".to_owned()
    }
}
