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
        expect![[""]],
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
        SELECT ROW_COUNT()
        SET sql_log_bin=0
        SET @@global.max_connections = 5
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
        expect![[""]],
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
        expect![[""]],
    );
}

#[test]
fn modes_move_the_ends_of_strings() {
    let sql = r#"
        SELECT "f"(1)
        SELECT 'a\', GET_LOCK('b', 1)
    "#;
    check(sql, expect![[""]]);
    check_in(Modes { ansi_quotes: true, no_backslash_escapes: true, ..Modes::default() }, sql, expect![[""]]);
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
