//! PHP's mysqli and PDO do the same directly and through the proxy, statement by statement.

use std::path::Path;
use std::process::Command;
use testbed::run::run_with_input;
use testbed::{Folder, MariaDb, SqlProxy};

/// Fewer would mean that the script ended early.
const AT_LEAST: usize = 60;

#[test]
fn php_gets_what_it_gets_directly() {
    let folder = Folder::new("sql-php");
    let writer = MariaDb::primary(folder.path());
    let reader = MariaDb::replica_of(&writer);
    let file = folder.path().join("rows.csv");
    std::fs::write(&file, "10\tten\n11\televen\n").expect("a file to load");
    let proxy = SqlProxy::start(folder.path(), &writer, &reader);
    let direct = play(writer.port(), &file);
    reader.wait_caught_up(&writer);
    let proxied = play(proxy.port, &file);
    assert!(direct.len() >= AT_LEAST, "only {} answers directly", direct.len());
    let differ: Vec<_> = direct.iter().zip(&proxied).filter(|(direct, proxied)| direct != proxied).collect();
    assert!(
        differ.is_empty() && direct.len() == proxied.len(),
        "directly, and through the proxy: {differ:#?}\n{}",
        proxy.log()
    );
}

/// What each step gave.
fn play(port: u16, file: &Path) -> Vec<serde_json::Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql_php_parts/clients.php");
    let mut php = Command::new("php");
    php.args(["-d", "mysqli.allow_local_infile=1", "-d", "memory_limit=512M"]).arg(script);
    let task = serde_json::json!({"port": port, "file": file}).to_string();
    let said = run_with_input(&mut php, &task).expect_ok();
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}
