//! Sessions that a proxy which splits by regular expressions gets wrong, and those beside them that it gets right.

/// Name; on which servers the steps' `NODE`s have to be through the proxy (`m` master, `r` replica, `*` either); steps.
///
/// In a step `NODE` becomes an expression that names the server, and `$D` the folder with `rows.csv`.
pub type Probe = (&'static str, &'static str, &'static [&'static str]);

pub const PROBES: &[Probe] = &[
    ("a read", "r", &["SELECT NODE"]),
    (
        "an insert, and reads of it",
        "**",
        &["INSERT INTO p VALUES (9, 'n')", "SELECT NODE, v FROM p WHERE id=9", "SELECT NODE"],
    ),
    ("blanks before it", "**", &["  SELECT NODE", "\n\tSELECT NODE"]),
    (
        "comment, bracket, CTE before it",
        "***",
        &["/* x */ SELECT NODE", "(SELECT NODE)", "WITH a AS (SELECT NODE) SELECT * FROM a"],
    ),
    ("lines", "***", &["SELECT\nNODE", "SELECT NODE\n FROM DUAL", "SELECT NODE -- x\n, 1"]),
    (
        "for update",
        "mmm",
        &[
            "SELECT NODE, id FROM p WHERE id=1 FOR UPDATE",
            "SELECT NODE, id\nFROM p WHERE id=1\nFOR UPDATE",
            "SELECT NODE, id FROM p WHERE id=1 /* x */ for\tupdate",
        ],
    ),
    (
        "share mode",
        "mm",
        &[
            "SELECT NODE, id FROM p WHERE id=1 LOCK IN SHARE MODE",
            "SELECT NODE, id FROM p WHERE id=1 LOCK /* x */ IN\nSHARE MODE",
        ],
    ),
    ("his pattern finds its words within a text too", "m", &["SELECT NODE, 'x FOR UPDATE', \"LOCK IN SHARE MODE\""]),
    ("a transaction", "mr", &["BEGIN", "SELECT NODE", "COMMIT", "SELECT NODE"]),
    ("a transaction that reads", "*", &["START TRANSACTION READ ONLY", "SELECT NODE", "COMMIT"]),
    (
        "a transaction that is rolled back",
        "mm*",
        &[
            "START TRANSACTION",
            "UPDATE p SET v='x' WHERE id=1",
            "SELECT NODE, v FROM p WHERE id=1",
            "SAVEPOINT a",
            "DELETE FROM p",
            "ROLLBACK TO a",
            "SELECT NODE, COUNT(*) FROM p",
            "ROLLBACK",
            "SELECT NODE",
        ],
    ),
    (
        "autocommit off",
        "mmmm",
        &[
            "SET autocommit=0",
            "SELECT NODE",
            "INSERT INTO p VALUES (7, 'x')",
            "SELECT NODE, COUNT(*) FROM p",
            "ROLLBACK",
            "SELECT NODE, COUNT(*) FROM p",
            "SELECT @@autocommit, NODE",
            "COMMIT",
        ],
    ),
    (
        "an error ends no transaction",
        "m",
        &[
            "BEGIN",
            "INSERT INTO p VALUES (5, 'x')",
            "INSERT INTO p VALUES (5, 'x')",
            "SELECT NODE, COUNT(*) FROM p",
            "ROLLBACK",
            "SELECT COUNT(*) FROM p",
        ],
    ),
    (
        "user variables",
        "",
        &["SET @a=5", "SELECT @a", "SELECT 1", "INSERT INTO p VALUES (@a, 'v')", "SELECT v FROM p WHERE id=@a"],
    ),
    ("user variables set by a read", "", &["SELECT @b:=7", "SELECT @b", "SELECT @b+1", "SELECT COUNT(*) FROM p"]),
    ("a read into a variable", "", &["SELECT v INTO @v FROM p WHERE id=2", "SELECT @v"]),
    (
        "temporary table",
        "",
        &[
            "CREATE TEMPORARY TABLE tmp (a INT)",
            "INSERT INTO tmp VALUES (1), (2)",
            "SELECT * FROM tmp",
            "SELECT COUNT(*) FROM tmp, p",
            "DROP TEMPORARY TABLE tmp",
            "SELECT * FROM tmp",
        ],
    ),
    (
        "temporary table made otherwise",
        "",
        &[
            "CREATE OR REPLACE TEMPORARY TABLE tmp SELECT 3 AS a",
            "SELECT a FROM tmp",
            "/* x */ create\ntemporary table tmp2 (b int)",
            "SELECT COUNT(*) FROM tmp2",
        ],
    ),
    (
        "locks by name",
        "mm",
        &[
            "SELECT GET_LOCK('l', 0), NODE",
            "@2 SELECT GET_LOCK('l', 0), NODE",
            "SELECT RELEASE_LOCK('l')",
            "@2 SELECT GET_LOCK('l', 0)",
        ],
    ),
    (
        "table locks",
        "m",
        &[
            "LOCK TABLES p WRITE",
            "SELECT NODE, COUNT(*) FROM p",
            "SELECT * FROM own",
            "UNLOCK TABLES",
            "SELECT COUNT(*) FROM own",
        ],
    ),
    (
        "a sequence",
        "m",
        &["SELECT NEXTVAL(s1), NODE", "SELECT NEXT VALUE FOR s1", "SELECT LASTVAL(s1)", "SELECT SETVAL(s1, 100)"],
    ),
    ("a function that writes", "", &["SELECT written()", "SELECT COUNT(*) FROM own"]),
    ("a procedure", "", &["CALL two_results()", "SELECT 1"]),
    (
        "several statements at once",
        "",
        &[
            "SELECT 1; INSERT INTO p VALUES (20, 'x')",
            "SELECT COUNT(*) FROM p",
            "SELECT 1; SELECT 2; SELECT nothing; SELECT 4",
            "SELECT 5",
            "SET @m=1; SELECT @m",
            "SELECT @m",
        ],
    ),
    (
        "variables of the session",
        "",
        &[
            "SET max_statement_time=3",
            "SET sql_mode='ANSI_QUOTES', time_zone='+03:00'",
            "SET NAMES latin1",
            "SELECT @@max_statement_time, @@sql_mode, @@time_zone, @@character_set_client",
            "INSERT INTO p VALUES (30, 'x')",
            "SELECT @@sql_mode, \"id\" FROM p WHERE id=1",
        ],
    ),
    (
        "variables that count on the server",
        "",
        &["SET SESSION wait_timeout=33", "SELECT @@wait_timeout", "SELECT @@session.wait_timeout"],
    ),
    (
        "an unknown variable",
        "",
        &["SET SESSION nosuchvar=1", "SELECT 1", "INSERT INTO p VALUES (31, 'x')", "SELECT COUNT(*) FROM p"],
    ),
    (
        "a wrong value is told at once",
        "",
        &["SET sql_mode='NO_SUCH_MODE'", "SELECT 1", "SET time_zone='nowhere'", "SELECT @@time_zone"],
    ),
    (
        "defaults",
        "",
        &[
            "SET sql_mode=''",
            "SET sql_mode=DEFAULT",
            "SET time_zone=DEFAULT",
            "SET CHARACTER SET DEFAULT",
            "SELECT @@sql_mode, @@time_zone, @@character_set_client",
        ],
    ),
    (
        "collation",
        "",
        &[
            "SELECT @@collation_connection",
            "SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci",
            "SELECT @@collation_connection, COLLATION('a')",
        ],
    ),
    (
        "isolation",
        "",
        &[
            "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "SELECT @@tx_isolation",
            "BEGIN",
            "SELECT COUNT(*) FROM p",
            "COMMIT",
        ],
    ),
    (
        "loading a file of the client",
        "",
        &["LOAD DATA LOCAL INFILE '$D/rows.csv' INTO TABLE loaded", "SELECT * FROM loaded ORDER BY id", "SELECT 1"],
    ),
    (
        "a packet of 17 MB",
        "",
        &["SELECT LENGTH('{17MB}')", "INSERT INTO p VALUES (40, MD5('{17MB}'))", "SELECT v FROM p WHERE id=40"],
    ),
    (
        "prepared by text",
        "",
        &[
            "PREPARE q FROM 'SELECT v FROM p WHERE id=?'",
            "SET @i=2",
            "EXECUTE q USING @i",
            "DEALLOCATE PREPARE q",
            "EXECUTE q USING @i",
        ],
    ),
    (
        "prepared by the protocol",
        "rmm",
        &[
            "bind:2 SELECT NODE, v FROM p WHERE id=?",
            "bind:60,x INSERT INTO p VALUES (?, ?)",
            "bind:60 SELECT v FROM p WHERE id=?",
            "bind:1 SELECT NODE, v FROM p WHERE id=? FOR UPDATE",
            "BEGIN",
            "bind:1 SELECT NODE, v FROM p WHERE id=?",
            "COMMIT",
            "bind: SELECT nothing FROM p",
        ],
    ),
    (
        "prepared again after ALTER",
        "",
        &[
            "bind:1 SELECT * FROM p WHERE id=?",
            "ALTER TABLE p ADD COLUMN extra INT DEFAULT 5",
            "bind:1 SELECT * FROM p WHERE id=?",
        ],
    ),
    (
        "the database",
        "",
        &[
            "USE nextcloud",
            "SELECT DATABASE()",
            "USE nosuch",
            "SELECT DATABASE()",
            "USE test",
            "SELECT COUNT(*) FROM p",
        ],
    ),
    ("warnings", "", &["SELECT 1/0, CAST('x' AS INT)", "SHOW WARNINGS", "SELECT 1", "SHOW COUNT(*) WARNINGS"]),
    ("found rows", "", &["SELECT SQL_CALC_FOUND_ROWS id FROM p LIMIT 1", "SELECT FOUND_ROWS()"]),
    (
        "the last id",
        "",
        &[
            "INSERT INTO p (v) VALUES ('auto')",
            "SELECT LAST_INSERT_ID()",
            "SELECT @@identity",
            "SELECT LAST_INSERT_ID()+1",
        ],
    ),
    ("row count", "", &["UPDATE p SET v='z'", "SELECT ROW_COUNT()", "DELETE FROM p WHERE id<3", "SELECT ROW_COUNT()"]),
    ("syntax errors", "", &["SELEC 1", "SELECT", "", "SELECT 1"]),
    ("own writes are read", "", &["stale:1000"]),
];
