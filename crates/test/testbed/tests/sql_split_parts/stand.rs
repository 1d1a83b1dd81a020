//! Two servers, and what a probe says at a port.

use std::path::Path;
use std::process::Command;
use testbed::run::run_with_input;
use testbed::{Folder, MariaDb};

/// What each probe finds: made anew before each.
const TABLES: &str = "
DROP TABLE IF EXISTS p, own, loaded;
CREATE TABLE p (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(100));
INSERT INTO p VALUES (1, 'one'), (2, 'two'), (3, 'three');
CREATE TABLE own (id INT PRIMARY KEY);
CREATE TABLE loaded (id INT, v VARCHAR(100));
CREATE OR REPLACE SEQUENCE s1;
CREATE OR REPLACE PROCEDURE two_results() SELECT 1, 2;
CREATE OR REPLACE FUNCTION written() RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO own VALUES (99); RETURN 7; END;
";

pub struct Stand {
    pub primary: MariaDb,
    pub replica: MariaDb,
    pub folder: Folder,
}

impl Stand {
    pub fn new(name: &str) -> Self {
        let folder = Folder::new(name);
        let primary = MariaDb::primary(folder.path());
        let replica = MariaDb::replica_of(&primary);
        std::fs::write(folder.path().join("rows.csv"), "10\tten\n11\televen\n").expect("a file to load");
        Self { primary, replica, folder }
    }

    /// What the steps gave at this port, on fresh tables.
    #[track_caller]
    pub fn play(&self, port: u16, steps: &[String]) -> Vec<String> {
        let whole = TABLES.replace(";\n", "$$\n");
        self.primary.sql(&format!("USE test\nDELIMITER $$\n{whole}"));
        self.replica.wait_caught_up(&self.primary);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql_split_parts/probe.php");
        let mut php = Command::new("php");
        php.args(["-d", "mysqli.allow_local_infile=1", "-d", "memory_limit=512M"]).arg(script);
        let task = serde_json::json!({"port": port, "steps": steps}).to_string();
        let said = run_with_input(&mut php, &task).expect_ok();
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }
}
