//! What a random session does. All of it is decided by its seed, and answered by the session's own past alone.

use mysql::protocol::command::Command;

pub const SCHEMA: &str = "plan";

/// With what the application's user may do there.
pub const SCHEMAS: &str = "CREATE DATABASE plan; CREATE DATABASE plan_two; \
    GRANT ALL ON plan.* TO nextcloud@'%'; GRANT ALL ON plan_two.* TO nextcloud@'%'";

pub const TABLES: &str = "CREATE TABLE plan.t (id INT AUTO_INCREMENT PRIMARY KEY, k INT UNIQUE, v VARCHAR(100)); \
    CREATE TABLE plan_two.t (id INT AUTO_INCREMENT PRIMARY KEY, k INT UNIQUE, v VARCHAR(100)); \
    CREATE SEQUENCE plan.s; \
    CREATE FUNCTION plan.twice(n INT) RETURNS INT DETERMINISTIC RETURN 2 * n; \
    CREATE FUNCTION plan.notes(n INT) RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO plan.t(v) VALUES (n); RETURN n; END; \
    CREATE PROCEDURE plan.two(n INT) BEGIN SELECT n; SELECT n + 1 AS more; END; \
    CREATE PROCEDURE plan.sets(n INT) SET @from_procedure = n;";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Query(String),
    Prepare(String),
    /// The statement prepared last.
    Execute(Vec<String>),
    Close,
    Simple(Command, String),
}

/// Statements of a session, at most.
const LONGEST: u64 = 24;

/// Of statements whose warnings are their own. MariaDB keeps those of an earlier statement behind one that has no table, and
/// such a one may run elsewhere through the proxy.
const HAVE_WARNINGS: [&str; 3] = ["FROM t", "UPDATE t", "no_such_table"];

const ABOUT_LAST: [&str; 4] = ["SHOW WARNINGS", "SHOW COUNT(*) WARNINGS", "SHOW ERRORS", "SELECT ROW_COUNT()"];

/// The state, and what tells this session's locks from others': a server frees those of an ended session a moment later.
struct Random(u64, u64);

impl Random {
    /// splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }
}

pub fn fresh_seed() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64 >> 10)
}

pub fn script(seed: u64) -> Vec<Step> {
    let mut random = Random(seed, seed);
    let count = 4 + random.below(LONGEST - 4);
    let mut script = Vec::new();
    for _ in 0..count {
        let step = step(&mut random);
        let has_own = matches!(&step, Step::Query(text) if HAVE_WARNINGS.iter().any(|part| text.contains(part)));
        let found = matches!(&step, Step::Query(text) if text.contains("CALC_FOUND_ROWS"));
        script.push(step);
        if found {
            script.push(Step::Query("SELECT FOUND_ROWS()".to_owned()));
            continue;
        }
        if has_own && random.below(4) == 0 {
            script.push(Step::Query(random.one(&ABOUT_LAST).to_owned()));
        }
    }
    script
}

/// What a person needs to see a failure: the steps up to it.
pub fn show(script: &[Step], failed: usize) -> String {
    let line =
        |(index, step): (usize, &Step)| format!("{}{index}: {step:?}", if index == failed { "> " } else { "  " });
    script.iter().take(failed + 1).enumerate().map(line).collect::<Vec<_>>().join("\n")
}

fn step(random: &mut Random) -> Step {
    match random.below(20) {
        0 => Step::Prepare(random.one(&PREPARED).to_owned()),
        1 | 2 => Step::Execute(vec![random.below(50).to_string()]),
        3 if random.below(3) == 0 => Step::Close,
        4 if random.below(4) == 0 => Step::Simple(Command::ResetConnection, String::new()),
        5 if random.below(3) == 0 => Step::Simple(Command::Ping, String::new()),
        6 if random.below(3) == 0 => {
            Step::Simple(Command::InitDb, random.one(&["plan", "plan_two", "no_such_schema"]).to_owned())
        }
        7..=11 => Step::Query(fill(random, &READS)),
        12..=15 => Step::Query(fill(random, &WRITES)),
        _ => Step::Query(fill(random, &STATE)),
    }
}

/// Puts a number for each `N`.
fn fill(random: &mut Random, of: &[&str]) -> String {
    let template = random.one(of);
    let mut text = String::new();
    for (index, part) in template.split('#').enumerate() {
        if index > 0 {
            text.push_str(&random.below(50).to_string());
        }
        text.push_str(part);
    }
    text.replace("LOCK('plan'", &format!("LOCK('plan{}'", random.1))
}

/// Each with one parameter.
const PREPARED: [&str; 7] = [
    "SELECT ? AS a",
    "SELECT id, k, v FROM t WHERE k = ?",
    "INSERT INTO t (k, v) VALUES (?, 'prepared')",
    "UPDATE t SET v = 'updated' WHERE k = ?",
    "SELECT k, v FROM t WHERE k > ? ORDER BY k LIMIT 2 FOR UPDATE",
    "SELECT no_such_column FROM t WHERE k = ?",
    "SELECT @a, ?",
];

const READS: [&str; 22] = [
    "SELECT id, k, v FROM t ORDER BY id DESC LIMIT 3",
    "SELECT COUNT(*), SUM(k) FROM t",
    "select v from t where k = #",
    "  SELECT k\nFROM t\nWHERE k < #\nORDER BY k LIMIT 2\nFOR UPDATE",
    "SELECT k FROM t WHERE k = # LOCK IN SHARE MODE",
    "/* a comment */ SELECT k FROM t ORDER BY k LIMIT 1",
    "(SELECT k FROM t ORDER BY k LIMIT 1) UNION (SELECT #)",
    "WITH a AS (SELECT # AS n) SELECT n FROM a",
    "SELECT plan.twice(#)",
    "SELECT plan.notes(#)",
    "SELECT NEXTVAL(plan.s)",
    "SELECT # / 0",
    "SELECT no_such_function(#)",
    "SELECT no_such_column FROM t",
    "SELECT k FROM no_such_table",
    "SELECT SQL_CALC_FOUND_ROWS k FROM t ORDER BY k LIMIT 2",
    "SELECT @a, @b",
    "SELECT @@sql_mode, @@time_zone, @@autocommit",
    "SELECT @@character_set_client, @@character_set_results, @@collation_connection",
    "SELECT DATABASE()",
    "SELECT 'it''s', \"#\", 'back\\\\slash'",
    "SELECT # ; SELECT # + 1",
];

const WRITES: [&str; 16] = [
    "INSERT INTO t (v) VALUES ('a'), ('b')",
    "INSERT INTO t (k, v) VALUES (#, 'once')",
    "INSERT IGNORE INTO t (k, v) VALUES (#, 'ignored')",
    "REPLACE INTO t (k, v) VALUES (#, 'replaced')",
    "UPDATE t SET v = 'same' WHERE k = #",
    "UPDATE t SET k = NULL WHERE k = #",
    "DELETE FROM t WHERE k = #",
    "INSERT INTO t (v) SELECT v FROM t ORDER BY id LIMIT 1",
    "INSERT INTO t (v) VALUES ('x'); SELECT LAST_INSERT_ID(); SELECT v FROM t ORDER BY id DESC LIMIT 1",
    "INSERT INTO t (v) VALUES (REPEAT('y', 101))",
    "CALL plan.two(#)",
    "CALL plan.sets(#)",
    "CREATE OR REPLACE TEMPORARY TABLE tmp (a INT)",
    "INSERT INTO tmp VALUES (#)",
    "SELECT a FROM tmp",
    "DROP TEMPORARY TABLE IF EXISTS tmp",
];

const STATE: [&str; 36] = [
    "BEGIN",
    "START TRANSACTION READ ONLY",
    "COMMIT",
    "COMMIT",
    "ROLLBACK",
    "ROLLBACK",
    "SAVEPOINT a",
    "ROLLBACK TO a",
    "SET autocommit=0",
    "SET autocommit=1",
    "SET autocommit=1",
    "SET @a=#",
    "SET @a=#, sql_mode='ANSI'",
    "SELECT @b:=#",
    "SELECT # INTO @b",
    "SET sql_mode='STRICT_ALL_TABLES'",
    "SET sql_mode='ANSI_QUOTES'",
    "SET sql_mode='NO_BACKSLASH_ESCAPES'",
    "SET sql_mode=DEFAULT",
    "SET sql_mode='NO_SUCH_MODE'",
    "SET SESSION no_such_variable=#",
    "SET time_zone='+0#:00'",
    "SET NAMES latin1",
    "SET NAMES utf8mb4",
    "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
    "SET CHARACTER SET latin1",
    "SET SESSION group_concat_max_len=1#",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "SELECT @@tx_isolation, @@group_concat_max_len",
    "SELECT LAST_INSERT_ID()",
    "PREPARE p FROM 'SELECT # + 1 AS n'",
    "EXECUTE p",
    "SELECT GET_LOCK('plan', 0)",
    "SELECT RELEASE_LOCK('plan')",
    "LOCK TABLES t WRITE; UNLOCK TABLES",
];
