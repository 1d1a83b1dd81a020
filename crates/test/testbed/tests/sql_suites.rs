//! The own tests of two clients, as their packages bring them, directly and through the proxy: equal results.
//!
//! Another release of PyMySQL than pip has with its tests: `PYMYSQL_SOURCE=<folder that pymysql lies in>`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use testbed::mariadb::APP;
use testbed::run::run;
use testbed::tools::{DEBIAN_PYTHON, cargo, mysql_async};
use testbed::{Folder, MariaDb, SqlProxy, cache};

/// The last release whose source distribution has the tests.
const RELEASE: &str = "PyMySQL-0.10.1";

/// Lines of the file that its tests load and the distribution lacks.
const LOADED: usize = 22_749;

/// Fewer would mean that most were not found.
const AT_LEAST: usize = 140;

/// Two servers with a user that may do what the tests do: make users and procedures, write to test1 and test2.
fn stand(folder: &Folder) -> (MariaDb, MariaDb, SqlProxy) {
    let writer = MariaDb::primary(folder.path());
    writer.sql(
        "CREATE DATABASE test1; CREATE DATABASE test2; GRANT ALL ON *.* TO nextcloud@'%' WITH GRANT OPTION; \
         REVOKE READ_ONLY ADMIN ON *.* FROM nextcloud@'%'",
    );
    let reader = MariaDb::replica_of(&writer);
    let proxy = SqlProxy::start(folder.path(), &writer, &reader);
    (writer, reader, proxy)
}

#[test]
fn pymysql_passes_as_directly() {
    let folder = Folder::new("sql-pymysql");
    let (writer, _reader, proxy) = stand(&folder);
    let tests = std::env::var_os("PYMYSQL_SOURCE").map_or_else(|| unpack(folder.path()), PathBuf::from);
    let direct = play(&tests, writer.port());
    let proxied = play(&tests, proxy.port);
    let passed = direct.values().filter(|verdict| *verdict == "PASSED").count();
    assert!(passed >= AT_LEAST, "only {passed} pass directly: {direct:?}");
    let differ: Vec<_> = direct.iter().filter(|(test, verdict)| proxied.get(*test) != Some(verdict)).collect();
    assert!(differ.is_empty(), "{} of {} differ: {differ:?}\n{}", differ.len(), direct.len(), proxy.log());
    println!("{passed} of {} pass both ways", direct.len());
}

/// The distribution with what it lacks; the folder that `pymysql` lies in.
fn unpack(dir: &Path) -> PathBuf {
    let archives = cache().join("tools");
    let archive = archives.join(format!("{RELEASE}.tar.gz"));
    if !archive.exists() {
        let (name, version) = RELEASE.split_once('-').expect("a name and a version");
        let wanted = format!("{name}=={version}");
        let mut pip = Command::new("pip");
        pip.args(["download", "--quiet", "--no-deps", "--no-binary", ":all:", &wanted, "-d"]).arg(&archives);
        let got = run(&mut pip);
        assert!(got.ok && archive.exists(), "pip cannot fetch the source of {wanted}, which these tests are: {got}");
    }
    run(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(dir)).expect_ok();
    let place = dir.join(RELEASE);
    let data = place.join("pymysql/tests/data");
    std::fs::create_dir_all(&data).expect("a folder for data");
    let lines: String = (0..LOADED).map(|number| format!("{number},{}\n", number * 2)).collect();
    std::fs::write(data.join("load_local_data.txt"), lines).expect("a file to load");
    place
}

/// Verdict by test.
fn play(place: &Path, port: u16) -> BTreeMap<String, String> {
    let (user, password) = APP;
    let database = |name: &str| {
        serde_json::json!({"host": "127.0.0.1", "port": port, "user": user, "passwd": password, "db": name,
            "use_unicode": true, "local_infile": true})
    };
    let databases = serde_json::json!([database("test1"), database("test2")]).to_string();
    std::fs::write(place.join("pymysql/tests/databases.json"), databases).expect("the tests' settings");
    let mut python = Command::new(DEBIAN_PYTHON);
    python.args(["-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "pymysql/tests"]).current_dir(place);
    // Some tests want to know who runs them.
    python.env("USER", user).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = run(&mut python);
    let verdicts = output.stdout.lines().filter_map(|line| {
        let (verdict, test) = line.split_once(' ').filter(|(verdict, _)| VERDICTS.contains(verdict))?;
        let test = test.split(" - ").next().unwrap_or(test);
        Some((test.trim().to_owned(), verdict.to_owned()))
    });
    let verdicts: BTreeMap<_, _> = verdicts.collect();
    assert!(!verdicts.is_empty(), "no test ran: {output}");
    verdicts
}

/// The crate, in the version that was looked at.
const MYSQL_ASYNC: &str = "0.37.1";

/// What a proxy cannot do as a server does: the test, and why.
const NOT_AS_DIRECTLY: [(&str, &str); 1] = [(
    "conn::pool::test::zz_should_check_wait_timeout_on_get_conn",
    "SET GLOBAL wait_timeout is one server's; how long a client may be idle is mysql-wait_timeout's to say",
)];

#[test]
fn mysql_async_passes_as_directly() {
    let folder = Folder::new("sql-mysql-async");
    let (writer, _reader, proxy) = stand(&folder);
    let tests = built();
    let direct = play_rust(&tests, writer.port());
    let proxied = play_rust(&tests, proxy.port);
    let passed = direct.values().filter(|verdict| *verdict == "ok").count();
    assert!(passed >= 80, "only {passed} pass directly: {direct:?}");
    let excused = |test: &str| NOT_AS_DIRECTLY.iter().any(|(known, _)| *known == test);
    let others: Vec<_> =
        direct.iter().filter(|(test, verdict)| !excused(test) && proxied.get(*test) != Some(verdict)).collect();
    assert!(others.is_empty(), "{} of {} differ: {others:?}\n{}", others.len(), direct.len(), proxy.log());
    let proxied = proxied.values().filter(|verdict| *verdict == "ok").count();
    println!("{passed} of {} pass directly, {proxied} through the proxy", direct.len());
}

/// The program of its unit tests.
fn built() -> PathBuf {
    let output = run(cargo(&mysql_async(MYSQL_ASYNC)).args(["test", "--lib", "--no-run", "--message-format=json"]));
    assert!(output.ok, "mysql_async {MYSQL_ASYNC} does not build: {output}");
    let mut artifacts = output.stdout.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let program = artifacts.find_map(|artifact| artifact["executable"].as_str().map(PathBuf::from));
    program.expect("a program of tests")
}

/// Verdict by test.
fn play_rust(program: &Path, port: u16) -> BTreeMap<String, String> {
    let (user, password) = APP;
    let url = format!("mysql://{user}:{password}@127.0.0.1:{port}/test1?prefer_socket=false");
    let mut tests = Command::new(program);
    tests.args(["--test-threads=2"]).env("DATABASE_URL", url).env("RUST_BACKTRACE", "0");
    let output = run(&mut tests);
    let verdicts = output.stdout.lines().filter_map(|line| line.strip_prefix("test ")?.split_once(" ... "));
    let verdicts: BTreeMap<_, _> =
        verdicts.map(|(test, verdict)| (test.to_owned(), verdict.trim().to_owned())).collect();
    assert!(!verdicts.is_empty(), "no test ran: {output}");
    verdicts
}

const VERDICTS: [&str; 4] = ["PASSED", "FAILED", "ERROR", "SKIPPED"];
