//! PyMySQL's own tests, as its source distribution brings them, directly and through the proxy: equal results.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use testbed::mariadb::APP;
use testbed::run::run;
use testbed::{Folder, MariaDb, SqlProxy, cache};

/// The last release whose source distribution has the tests.
const RELEASE: &str = "PyMySQL-0.10.1";

/// Lines of the file that its tests load and the distribution lacks.
const LOADED: usize = 22_749;

/// Fewer would mean that most were not found.
const AT_LEAST: usize = 140;

#[test]
fn pymysql_passes_as_directly() {
    let folder = Folder::new("sql-pymysql");
    // Its tests make users and procedures, and write to the databases test1 and test2.
    let writer = MariaDb::primary(folder.path());
    writer.sql(
        "CREATE DATABASE test1; CREATE DATABASE test2; GRANT ALL ON *.* TO nextcloud@'%' WITH GRANT OPTION; \
         REVOKE READ_ONLY ADMIN ON *.* FROM nextcloud@'%'",
    );
    let reader = MariaDb::replica_of(&writer);
    let proxy = SqlProxy::start(folder.path(), &writer, &reader);
    let tests = unpack(folder.path());
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
    let mut python = Command::new("python3");
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

const VERDICTS: [&str; 4] = ["PASSED", "FAILED", "ERROR", "SKIPPED"];
