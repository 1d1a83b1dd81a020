//! What statements do, one a line: verb, effects, and why it is not a read.

use super::*;
use expect_test::{Expect, expect};
use std::fmt::Write;

/// One line a statement; a line break within one is written `\n`.
#[track_caller]
fn check(statements: &str, expected: Expect) {
    check_in(Modes::default(), statements, expected);
}

#[track_caller]
fn check_in(modes: Modes, statements: &str, expected: Expect) {
    let mut out = String::new();
    for line in statements.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let found = analyze(line.replace("\\n", "\n").as_bytes(), modes);
        let count = if found.count == 1 { String::new() } else { format!("{}x ", found.count) };
        let read = found.not_a_read.map_or("read".to_owned(), |reason| format!("{reason:?}"));
        let effects = format!("{:?}", found.effects);
        let separator = if effects.is_empty() { "" } else { "; " };
        _ = writeln!(out, "{line} => {count}{} {read}{separator}{effects}", found.verb.as_str());
    }
    expected.assert_eq(&out);
}

#[test]
fn what_his_proxy_sent_to_the_wrong_server() {
    check(
        r"
        SELECT 1
           SELECT 1
        /* x */ SELECT 1
        (SELECT 1)
        WITH a AS (SELECT 1) SELECT * FROM a
        SELECT\n@@port
        SELECT @@port\n FROM DUAL
        SELECT * FROM t WHERE id = 1 FOR UPDATE
        SELECT *\nFROM t\nFOR\nUPDATE
        SELECT * FROM t LOCK IN SHARE MODE
        SELECT * FROM t FOR SHARE SKIP LOCKED
        BEGIN
        COMMIT
        START TRANSACTION READ ONLY
        SET autocommit=0
        SET @a=5
        SELECT @a
        INSERT INTO t VALUES (@a)
        SELECT @b:=7
        CREATE TEMPORARY TABLE t (a INT)
        CREATE OR REPLACE TEMPORARY TABLE t (a INT)
        SELECT GET_LOCK('a', 1)
        SELECT NEXTVAL(s1)
        SELECT NEXT VALUE FOR s1
        SELECT 1; INSERT INTO t VALUES (1)
        SELECT 1; SELECT 2;
        SET max_statement_time=3
        SET sql_mode='ANSI', time_zone='+00:00'
        SET NAMES utf8mb4 COLLATE utf8mb4_bin
        SET SESSION wait_timeout=33
        SET SESSION nosuchvar=1
        LOAD DATA LOCAL INFILE 'f' INTO TABLE t
        PREPARE s FROM 'SELECT 1'
        EXECUTE s USING @a
        DEALLOCATE PREPARE s
        CALL p(1)
        USE test
        SHOW WARNINGS
        SELECT FOUND_ROWS()
        SELECT LAST_INSERT_ID()
        SELECT LAST_INSERT_ID(5)
        SELECT id INTO @v FROM t
        SELECT * FROM t INTO OUTFILE '/tmp/x'
        SELECT my_function(1)
        SELECT db.f(1)
        ",
        expect![[r#"
            SELECT 1 => SELECT read
            SELECT 1 => SELECT read
            /* x */ SELECT 1 => SELECT read
            (SELECT 1) => SELECT read
            WITH a AS (SELECT 1) SELECT * FROM a => SELECT read
            SELECT\n@@port => SELECT read; VOLATILE
            SELECT @@port\n FROM DUAL => SELECT read; VOLATILE
            SELECT * FROM t WHERE id = 1 FOR UPDATE => SELECT_FOR_UPDATE LocksRows
            SELECT *\nFROM t\nFOR\nUPDATE => SELECT_FOR_UPDATE LocksRows
            SELECT * FROM t LOCK IN SHARE MODE => SELECT LocksRows
            SELECT * FROM t FOR SHARE SKIP LOCKED => SELECT LocksRows
            BEGIN => BEGIN Command; BEGIN | IMPLICIT_COMMIT
            COMMIT => COMMIT Command; COMMIT
            START TRANSACTION READ ONLY => START_TRANSACTION Command; BEGIN | BEGIN_READ_ONLY | IMPLICIT_COMMIT
            SET autocommit=0 => SET Command; SET_VARIABLES | SET_AUTOCOMMIT
            SET @a=5 => SET Command; USER_VARIABLE | ASSIGNS_USER_VARIABLE
            SELECT @a => SELECT read; USER_VARIABLE
            INSERT INTO t VALUES (@a) => INSERT Command; USER_VARIABLE
            SELECT @b:=7 => SELECT Assigns; USER_VARIABLE | ASSIGNS_USER_VARIABLE
            CREATE TEMPORARY TABLE t (a INT) => CREATE_TEMPORARY Command; TEMPORARY_TABLE | DEFINES
            CREATE OR REPLACE TEMPORARY TABLE t (a INT) => CREATE_TEMPORARY Command; TEMPORARY_TABLE | DEFINES
            SELECT GET_LOCK('a', 1) => SELECT NamedLock; NAMED_LOCK
            SELECT NEXTVAL(s1) => SELECT Sequence; SEQUENCE
            SELECT NEXT VALUE FOR s1 => SELECT Sequence; SEQUENCE
            SELECT 1; INSERT INTO t VALUES (1) => 2x SELECT Command
            SELECT 1; SELECT 2; => 2x SELECT read
            SET max_statement_time=3 => SET Command; SET_VARIABLES
            SET sql_mode='ANSI', time_zone='+00:00' => SET Command; SET_VARIABLES
            SET NAMES utf8mb4 COLLATE utf8mb4_bin => SET Command; SET_VARIABLES
            SET SESSION wait_timeout=33 => SET Command; SET_VARIABLES
            SET SESSION nosuchvar=1 => SET Command; SET_VARIABLES
            LOAD DATA LOCAL INFILE 'f' INTO TABLE t => LOAD Command; LOAD_LOCAL
            PREPARE s FROM 'SELECT 1' => PREPARE Command; TEXT_PREPARE
            EXECUTE s USING @a => EXECUTE Command; USER_VARIABLE | ASSIGNS_USER_VARIABLE | TEXT_EXECUTE
            DEALLOCATE PREPARE s => DEALLOCATE Command; DEALLOCATE
            CALL p(1) => CALL Command; CALL
            USE test => USE Command; USE
            SHOW WARNINGS => SHOW read; DIAGNOSTICS
            SELECT FOUND_ROWS() => SELECT read; USES_FOUND_ROWS
            SELECT LAST_INSERT_ID() => SELECT read; USES_LAST_INSERT_ID
            SELECT LAST_INSERT_ID(5) => SELECT Assigns; USES_LAST_INSERT_ID | ASSIGNS_LAST_INSERT_ID
            SELECT id INTO @v FROM t => SELECT Into; USER_VARIABLE | ASSIGNS_USER_VARIABLE
            SELECT * FROM t INTO OUTFILE '/tmp/x' => SELECT Into
            SELECT my_function(1) => SELECT Function
            SELECT db.f(1) => SELECT Function
        "#]],
    );
}

#[test]
fn what_pins_a_connection() {
    check(
        r"
        LOCK TABLES t READ
        LOCK TABLE t WRITE
        FLUSH TABLES WITH READ LOCK
        FLUSH TABLES t FOR EXPORT
        FLUSH STATUS
        SET optimizer_trace = 'enabled=on'
        BACKUP STAGE START
        UNLOCK TABLES
        SELECT SQL_CALC_FOUND_ROWS * FROM t LIMIT 1
        SAVEPOINT a
        ROLLBACK TO SAVEPOINT a
        RELEASE SAVEPOINT a
        ROLLBACK AND CHAIN
        COMMIT AND NO CHAIN RELEASE
        SHOW COUNT(*) WARNINGS
        GET DIAGNOSTICS @n = ROW_COUNT
        SELECT @@warning_count
        SELECT @@identity, @@session.last_insert_id
        SELECT @@session . last_insert_id
        SET @@global . x = 1
        SELECT ROW_COUNT()
        SET sql_log_bin=0
        SET @@global.max_connections = 5
        SET @@sql_mode = 'ANSI', @@session.time_zone = '+01:00'
        SET @@autocommit = 0
        SET GLOBAL x = 1, SESSION y = 2, @z = 3
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY
        SET SESSION TRANSACTION READ WRITE
        SET STATEMENT max_statement_time=1 FOR SELECT @a
        SET PASSWORD = PASSWORD('x')
        SET ROLE admin
        SET DEFAULT ROLE admin FOR root@localhost
        SET `autocommit` = 1
        SET LAST_INSERT_ID = 9
        XA START 'a'
        HANDLER t OPEN
        KILL QUERY 5
        SELECT CONNECTION_ID()
        DROP TEMPORARY TABLE t
        EXECUTE IMMEDIATE 'SET @a = 1'
        GRANT SELECT ON *.* TO 'a'@'localhost'
        CREATE USER a@localhost
        BEGIN NOT ATOMIC SELECT 1; SELECT 2; END
        CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END
        TRUNCATE t
        ALTER TABLE t ADD a INT
        START SLAVE
        SHOW PROFILES
        ",
        expect![[r#"
            LOCK TABLES t READ => LOCK_TABLE Command; TABLE_LOCK | IMPLICIT_COMMIT
            LOCK TABLE t WRITE => LOCK_TABLE Command; TABLE_LOCK | IMPLICIT_COMMIT
            FLUSH TABLES WITH READ LOCK => FLUSH Command; TABLE_LOCK | IMPLICIT_COMMIT
            FLUSH TABLES t FOR EXPORT => FLUSH Command; TABLE_LOCK | IMPLICIT_COMMIT
            FLUSH STATUS => FLUSH Command; SET_UNTOLD | IMPLICIT_COMMIT
            SET optimizer_trace = 'enabled=on' => SET Command; SET_VARIABLES | PROFILING
            BACKUP STAGE START => UNKNOWN Command; TABLE_LOCK | IMPLICIT_COMMIT
            UNLOCK TABLES => UNLOCK_TABLES Command; UNLOCK_TABLES | IMPLICIT_COMMIT
            SELECT SQL_CALC_FOUND_ROWS * FROM t LIMIT 1 => SELECT read; CALC_FOUND_ROWS
            SAVEPOINT a => SAVEPOINT Command; SAVEPOINT
            ROLLBACK TO SAVEPOINT a => ROLLBACK_SAVEPOINT Command; SAVEPOINT
            RELEASE SAVEPOINT a => RELEASE_SAVEPOINT Command; SAVEPOINT
            ROLLBACK AND CHAIN => ROLLBACK Command; ROLLBACK | CHAIN
            COMMIT AND NO CHAIN RELEASE => COMMIT Command; COMMIT | RELEASE
            SHOW COUNT(*) WARNINGS => SHOW read; DIAGNOSTICS
            GET DIAGNOSTICS @n = ROW_COUNT => UNKNOWN Command; USER_VARIABLE | ASSIGNS_USER_VARIABLE | DIAGNOSTICS
            SELECT @@warning_count => SELECT read; DIAGNOSTICS
            SELECT @@identity, @@session.last_insert_id => SELECT read; USES_LAST_INSERT_ID
            SELECT @@session . last_insert_id => SELECT read; USES_LAST_INSERT_ID | VOLATILE
            SET @@global . x = 1 => SET Command; SET_GLOBAL | VOLATILE
            SELECT ROW_COUNT() => SELECT read; USES_ROW_COUNT
            SET sql_log_bin=0 => SET Command; SET_VARIABLES
            SET @@global.max_connections = 5 => SET Command; SET_GLOBAL | VOLATILE
            SET @@sql_mode = 'ANSI', @@session.time_zone = '+01:00' => SET Command; SET_VARIABLES | SET_UNTOLD | VOLATILE
            SET @@autocommit = 0 => SET Command; SET_VARIABLES | SET_AUTOCOMMIT | VOLATILE
            SET GLOBAL x = 1, SESSION y = 2, @z = 3 => SET Command; USER_VARIABLE | ASSIGNS_USER_VARIABLE | SET_VARIABLES | SET_GLOBAL
            SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY => SET Command; SET_TRANSACTION_NEXT
            SET SESSION TRANSACTION READ WRITE => SET Command; SET_VARIABLES
            SET STATEMENT max_statement_time=1 FOR SELECT @a => SET Command; USER_VARIABLE | SET_STATEMENT
            SET PASSWORD = PASSWORD('x') => SET Command; IMPLICIT_COMMIT | CHANGES_USERS
            SET ROLE admin => SET Command; SET_ROLE
            SET DEFAULT ROLE admin FOR root@localhost => SET Command; CHANGES_USERS
            SET `autocommit` = 1 => SET Command; SET_VARIABLES | SET_AUTOCOMMIT
            SET LAST_INSERT_ID = 9 => SET Command; ASSIGNS_LAST_INSERT_ID | SET_VARIABLES
            XA START 'a' => UNKNOWN Command; XA
            HANDLER t OPEN => UNKNOWN Command; HANDLER
            KILL QUERY 5 => KILL Command; KILL
            SELECT CONNECTION_ID() => SELECT read; CONNECTION_ID
            DROP TEMPORARY TABLE t => DROP_TABLE Command; DROPS_TEMPORARY_TABLE
            EXECUTE IMMEDIATE 'SET @a = 1' => EXECUTE Command; TEXT_EXECUTE
            GRANT SELECT ON *.* TO 'a'@'localhost' => GRANT Command; IMPLICIT_COMMIT | CHANGES_USERS
            CREATE USER a@localhost => CREATE_USER Command; IMPLICIT_COMMIT | CHANGES_USERS
            BEGIN NOT ATOMIC SELECT 1; SELECT 2; END => UNKNOWN Command; COMPOUND
            CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END => UNKNOWN Command; IMPLICIT_COMMIT | DEFINES
            TRUNCATE t => TRUNCATE_TABLE Command; IMPLICIT_COMMIT | DEFINES
            ALTER TABLE t ADD a INT => ALTER_TABLE Command; IMPLICIT_COMMIT | DEFINES
            START SLAVE => UNKNOWN Command; IMPLICIT_COMMIT
            SHOW PROFILES => SHOW read; PROFILING
        "#]],
    );
}

#[test]
fn what_is_a_read() {
    check(
        r"
        SELECT COUNT(*), MAX(a), CONCAT(a, 'x') FROM `db`.`t` AS x JOIN u USING (id) WHERE id IN (1, 2) AND NOT EXISTS (SELECT 1)
        SELECT c FROM t USE INDEX (a) WHERE a BETWEEN (1) AND (2) GROUP BY c HAVING (c > 1) ORDER BY c LIMIT 5
        SELECT REPLACE(a, 'b', 'c'), INSERT('a', 1, 2, 'c'), IF(a, 1, 2), LEFT(a, 1), CAST(a AS CHAR(10)) FROM t
        SELECT 1 UNION ALL (SELECT 2) EXCEPT (SELECT 3)
        WITH RECURSIVE a(x, y) AS (SELECT 1, 2), b(z) AS (SELECT 3) SELECT * FROM a, b
        WITH a AS (SELECT 1) DELETE FROM t
        VALUES (1, 2), (3, 4)
        SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) FROM t
        SELECT `update`, t.delete FROM t WHERE `into` = 'FOR UPDATE' -- FOR UPDATE
        SELECT /*!40001 SQL_NO_CACHE */ * FROM t
        SELECT 1 /*!50000 FOR UPDATE */
        SELECT f /*!99999 + */ (1)
        SELECT 1 /*!99999 , '*/; DELETE FROM t; -- '*/
        SELECT count (*) FROM t
        SELECT f/**/(1)
        SELECT lag (1) OVER (), uuid_to_bin(1)
        SHOW PROCEDURE STATUS
        SELECT value(a), columns(1) FROM t
        SELECT `abs`(1)
        SELECT 1, any(1)
        SELECT 1 WHERE 1 = ANY (SELECT 1)
        SELECT a FROM t GROUP BY a WITH ROLLUP ORDER BY a, f(1)
        SELECT * FROM t PROCEDURE ANALYSE()
        SELECT s.nextval
        SELECT * FROM information_schema.tables
        SELECT * FROM information_schema.processlist
        SELECT * FROM performance_schema.threads
        SELECT @@server_id, @@global.read_only
        SELECT @@global.sql_mode
        SELECT @@sql_mode, @@session.wait_timeout, @@global.server_id
        SELECT * FROM mysql.servers
        SHOW EVENTS
        SHOW CREATE EVENT e
        SHOW CREATE TABLE t
        SELECT * FROM mysql.user
        SELECT SLEEP(1), UUID()
        SHOW TABLES
        SHOW FULL COLUMNS FROM t
        SHOW TABLE STATUS
        SHOW CREATE TABLE t
        SHOW PROCESSLIST
        SHOW FULL PROCESSLIST
        SHOW SLAVE STATUS
        SHOW GLOBAL STATUS
        SHOW VARIABLES LIKE 'x'
        DESC t
        EXPLAIN SELECT 1
        EXPLAIN UPDATE t SET a = 1
        EXPLAIN FORMAT=JSON SELECT 1
        EXPLAIN FOR CONNECTION 5
        ANALYZE SELECT 1
        ANALYZE TABLE t
        HELP 'x'
        DO SLEEP(1)
        SELECT 'a
        SELECT 1 /* a
        SELECT * FROM (SELECT 1) AS d (a, b)
        SELECT 'it''s \' x', x'41', _utf8'a', N'b', 1e5, .5, t.1a FROM t
        ;
        -- nothing
        frobnicate
        ",
        expect![[r#"
            SELECT COUNT(*), MAX(a), CONCAT(a, 'x') FROM `db`.`t` AS x JOIN u USING (id) WHERE id IN (1, 2) AND NOT EXISTS (SELECT 1) => SELECT read
            SELECT c FROM t USE INDEX (a) WHERE a BETWEEN (1) AND (2) GROUP BY c HAVING (c > 1) ORDER BY c LIMIT 5 => SELECT read
            SELECT REPLACE(a, 'b', 'c'), INSERT('a', 1, 2, 'c'), IF(a, 1, 2), LEFT(a, 1), CAST(a AS CHAR(10)) FROM t => SELECT read
            SELECT 1 UNION ALL (SELECT 2) EXCEPT (SELECT 3) => SELECT read
            WITH RECURSIVE a(x, y) AS (SELECT 1, 2), b(z) AS (SELECT 3) SELECT * FROM a, b => SELECT read
            WITH a AS (SELECT 1) DELETE FROM t => DELETE Command
            VALUES (1, 2), (3, 4) => SELECT read
            SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) FROM t => SELECT read
            SELECT `update`, t.delete FROM t WHERE `into` = 'FOR UPDATE' -- FOR UPDATE => SELECT read
            SELECT /*!40001 SQL_NO_CACHE */ * FROM t => SELECT read
            SELECT 1 /*!50000 FOR UPDATE */ => SELECT_FOR_UPDATE ExecutableComment
            SELECT f /*!99999 + */ (1) => SELECT ExecutableComment
            SELECT 1 /*!99999 , '*/; DELETE FROM t; -- '*/ => SELECT Malformed
            SELECT count (*) FROM t => SELECT Function
            SELECT f/**/(1) => SELECT Function
            SELECT lag (1) OVER (), uuid_to_bin(1) => SELECT Function
            SHOW PROCEDURE STATUS => SHOW read
            SELECT value(a), columns(1) FROM t => SELECT Function
            SELECT `abs`(1) => SELECT Function
            SELECT 1, any(1) => SELECT Function
            SELECT 1 WHERE 1 = ANY (SELECT 1) => SELECT read
            SELECT a FROM t GROUP BY a WITH ROLLUP ORDER BY a, f(1) => SELECT Function
            SELECT * FROM t PROCEDURE ANALYSE() => SELECT Procedure
            SELECT s.nextval => SELECT Sequence; SEQUENCE
            SELECT * FROM information_schema.tables => SELECT read
            SELECT * FROM information_schema.processlist => SELECT ServerSpecific
            SELECT * FROM performance_schema.threads => SELECT ServerSpecific
            SELECT @@server_id, @@global.read_only => SELECT ServerSpecific; VOLATILE
            SELECT @@global.sql_mode => SELECT ServerSpecific; VOLATILE
            SELECT @@sql_mode, @@session.wait_timeout, @@global.server_id => SELECT read; VOLATILE
            SELECT * FROM mysql.servers => SELECT ServerSpecific
            SHOW EVENTS => SHOW ServerSpecific
            SHOW CREATE EVENT e => SHOW ServerSpecific
            SHOW CREATE TABLE t => SHOW read
            SELECT * FROM mysql.user => SELECT read
            SELECT SLEEP(1), UUID() => SELECT read; VOLATILE
            SHOW TABLES => SHOW read
            SHOW FULL COLUMNS FROM t => SHOW read
            SHOW TABLE STATUS => SHOW_TABLE_STATUS read
            SHOW CREATE TABLE t => SHOW read
            SHOW PROCESSLIST => SHOW ServerSpecific
            SHOW FULL PROCESSLIST => SHOW ServerSpecific
            SHOW SLAVE STATUS => SHOW ServerSpecific
            SHOW GLOBAL STATUS => SHOW ServerSpecific
            SHOW VARIABLES LIKE 'x' => SHOW ServerSpecific
            DESC t => DESCRIBE read
            EXPLAIN SELECT 1 => EXPLAIN read
            EXPLAIN UPDATE t SET a = 1 => EXPLAIN Command
            EXPLAIN FORMAT=JSON SELECT 1 => EXPLAIN read
            EXPLAIN FOR CONNECTION 5 => EXPLAIN ServerSpecific
            ANALYZE SELECT 1 => EXPLAIN read
            ANALYZE TABLE t => ANALYZE_TABLE Command; IMPLICIT_COMMIT
            HELP 'x' => UNKNOWN read
            DO SLEEP(1) => UNKNOWN Command; VOLATILE
            SELECT 'a => SELECT Malformed
            SELECT 1 /* a => SELECT Malformed
            SELECT * FROM (SELECT 1) AS d (a, b) => SELECT read
            SELECT 'it''s \' x', x'41', _utf8'a', N'b', 1e5, .5, t.1a FROM t => SELECT read
            ; => 0x UNKNOWN Empty
            -- nothing => 0x UNKNOWN Empty
            frobnicate => UNKNOWN Command
        "#]],
    );
}

#[test]
fn modes_move_the_ends_of_strings() {
    let sql = r#"
        SELECT "f"(1)
        SELECT 'a\', GET_LOCK('b', 1)
    "#;
    check(
        sql,
        expect![[r#"
        SELECT "f"(1) => SELECT read
        SELECT 'a\', GET_LOCK('b', 1) => SELECT Malformed
    "#]],
    );
    check_in(
        Modes { ansi_quotes: true, no_backslash_escapes: true, ..Modes::default() },
        sql,
        expect![[r#"
        SELECT "f"(1) => SELECT Function
        SELECT 'a\', GET_LOCK('b', 1) => SELECT NamedLock; NAMED_LOCK
    "#]],
    );
    let wide = Modes { wide_letters: true, ..Modes::default() };
    assert_eq!(analyze("SELECT 'ä'".as_bytes(), wide).not_a_read, Some(Reason::Charset));
}

#[test]
fn hints_stand_in_the_first_comment() {
    let sql = b"/*! SELECT */ /*+ x */ 1 /* ttl=5 */ /* b */";
    let found = analyze(sql, Modes::default()).first_comment.map(|range| &sql[range]);
    assert_eq!(found, Some(&b" ttl=5 "[..]));
}

mod any_text {
    use super::*;
    use proptest::prelude::*;

    /// Pieces that lexers stumble over, in any order.
    fn text() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "SELECT",
            "FROM",
            "t",
            "(",
            ")",
            ",",
            ";",
            "'",
            "\"",
            "`",
            "\\",
            "/*",
            "*/",
            "/*!",
            "/*!50100 ",
            "/*M!",
            "--",
            "-- ",
            "#",
            "\n",
            " ",
            "@",
            "@@",
            ":=",
            ".",
            "1",
            "1e",
            "0x1F",
            "-",
            "+",
            "?",
            "SET",
            "WITH",
            "AS",
            "FOR",
            "UPDATE",
            "BEGIN",
            "NOT",
            "CREATE",
            "PROCEDURE",
            "x'41'",
            "ä",
            "NULL",
            "IN",
            "f",
            "=",
            "*",
            "/",
        ]);
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn has_an_answer(sql in text(), ansi_quotes: bool, no_backslash_escapes: bool) {
            let modes = Modes { ansi_quotes, no_backslash_escapes, ..Modes::default() };
            for end in 0..=sql.len() {
                let found = analyze(&sql.as_bytes()[..end], modes);
                prop_assert!(found.count > 0 || found.not_a_read.is_some());
            }
            let options = crate::digest::Options::default();
            let once = crate::digest::digest(sql.as_bytes(), modes, &options).text;
            let twice = crate::digest::digest(once.as_bytes(), modes, &options).text;
            prop_assert_eq!(once, twice);
        }

        /// Whatever stands around it, a write among the statements is seen.
        #[test]
        fn behind_a_read_a_write_is_seen(table in "[a-z]{1,8}", gap in "[ \n\t]{1,5}") {
            for write in ["DELETE FROM", "UPDATE", "INSERT INTO", "DROP TABLE", "CALL"] {
                let sql = format!("SELECT 1;{gap}/* x */{write}{gap}{table}");
                prop_assert_eq!(analyze(sql.as_bytes(), Modes::default()).not_a_read, Some(Reason::Command));
            }
        }
    }
}
