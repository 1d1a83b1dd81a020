//! Digests, one a line.

use super::*;
use expect_test::{Expect, expect};

#[track_caller]
fn check(options: &Options, statements: &str, expected: Expect) {
    let lines = statements.lines().map(str::trim).filter(|line| !line.is_empty());
    let digests: Vec<String> =
        lines.map(|line| digest(line.replace("\\n", "\n").as_bytes(), Modes::default(), options).text).collect();
    expected.assert_eq(&digests.join("\n"));
}

const STATEMENTS: &str = r#"
    SELECT * FROM t WHERE id = 1 AND name='x\'y' -- end
    select  a , b from t\n where c in (1, 2, 3, 4, 5, 6)
    SELECT 1 LIMIT 10, 20
    SELECT -1, +2.5e-3, 0x1F, x'41', b'01', _utf8'a', "q", .5, a-1, a - -1, a = - 1
    INSERT INTO t (a, b) VALUES (1, 'x'), (2, NULL)
    INSERT INTO t VALUES (1,2),(1,2),(1,2),(1,2),(1,2),(1,2),(1,2),(1,2),(1,2),(1,2),(1,2),(1,2) ON DUPLICATE KEY UPDATE a = 5
    INSERT INTO t VALUES (1,2,3,4,5),(1,2,3,4,5)
    /* hint */ SELECT /*!40001 SQL_NO_CACHE */ `a b`, t1.c2 FROM t1 # x
    SET @a := 5, @@session.sql_mode = ''
    SELECT a * 2, count( * ), a / b, a - - b, a <= 5, a != 1 FROM t
    SELECT c FROM t WHERE id=? AND d BETWEEN -1 AND -2
    SELECT 'open
"#;

#[test]
fn values_go() {
    check(
        &Options::default(),
        STATEMENTS,
        expect![[r#"
        SELECT * FROM t WHERE id=? AND name=?
        select a,b from t where c in (?,?,?,...)
        SELECT ? LIMIT ?,?
        SELECT ?,?,?,x?,b?,_utf8?,?,?,a-?,a-?,a=?
        INSERT INTO t (a,b) VALUES (?,?),(?,NULL)
        INSERT INTO t VALUES (?,?),(?,?),(?,?),(?,?),(?,?),(?,?),(?,?),(?,?),(?,?),(?,?),... ON DUPLICATE KEY UPDATE a=?
        INSERT INTO t VALUES (?,?,?,...),(?,?,?,...)
        SELECT SQL_NO_CACHE `a b`,t1.c2 FROM t1
        SET @a :=?,@@session.sql_mode=?
        SELECT a * ?,count(*),a/b,a- -b,a<=?,a!=? FROM t
        SELECT c FROM t WHERE id=? AND d BETWEEN ? AND ?
        SELECT ?"#]],
    );
}

#[test]
fn options_are_heeded() {
    let options = Options {
        lowercase: true,
        no_digits: true,
        replace_null: true,
        keep_comment: true,
        grouping_limit: 1,
        groups_grouping_limit: 1,
        max_bytes: 40,
    };
    check(
        &options,
        STATEMENTS,
        expect![[r#"
        select * from t where id=? and name=?
        select a,b from t where c in (?,...)
        select ? limit ?,...
        select ?,...,x?,b?,_utf??,...,a-?,a-?,a=
        insert into t (a,b) values (?,...),...
        insert into t values (?,...),... on dupl
        insert into t values (?,...),...
        /* hint */ select sql_no_cache `a b`,t?.
        set @a :=?,@@session.sql_mode=?
        select a * ?,count(*),a/b,a- -b,a<=?,a!=
        select c from t where id=? and d between
        select ?"#]],
    );
}

#[test]
fn a_cut_list_keeps_its_distance() {
    let digest = |sql: &[u8]| digest(sql, Modes::default(), &Options::default()).text;
    let once = digest(b"(1,2,3,'4'5f)");
    assert_eq!(once, "(?,?,?,... 5f)");
    assert_eq!(digest(once.as_bytes()), once);
}

/// Digests that ProxySQL has shown, in published reports of it.
#[test]
fn hashes_are_those_of_proxysql() {
    for (sql, hash) in [
        ("DELETE FROM sbtest1 WHERE id=5", 0xE365_BEB5_5531_9B9E),
        ("SELECT c FROM sbtest1 WHERE id=7", 0xBF00_1A0C_1378_1C1D),
        ("UPDATE sbtest1 SET c='a' WHERE id=1", 0xFB23_9BC9_5A23_CA36_u64),
    ] {
        assert_eq!(digest(sql.as_bytes(), Modes::default(), &Options::default()).hash, hash, "{sql}");
    }
}

/// The first 32 bits for messages of bytes 128, 129, … of these lengths: the author's own test vectors.
#[test]
fn spooky_agrees_with_its_author() {
    let message: Vec<u8> = (0..512_u32).map(|byte| (byte + 128) as u8).collect();
    for (length, hash) in [
        (0, 0x6bf5_0919_u32),
        (1, 0x70de_1d26),
        (2, 0xa2b3_7298),
        (3, 0x35bc_5fbf),
        (7, 0xf9f1_a233),
        (8, 0xee19_3982),
        (15, 0x83ec_01f9),
        (16, 0xf274_736c),
        (31, 0x027b_ca7c),
        (32, 0xe5cf_c8b6),
        (33, 0xce01_d9d7),
        (64, 0x069c_8bb7),
        (128, 0x94e9_48ec),
        (192, 0x77e0_12bd),
        (193, 0x2d05_114c),
        (256, 0x38ce_bf03),
        (384, 0x44eb_5634),
        (511, 0xcc1c_8250),
    ] {
        assert_eq!(spooky::hash64(&message[..length], 0) as u32, hash, "{length} bytes");
    }
}

/// Not a test of time, which other work on the machine would fail: prints nanoseconds a statement.
#[test]
#[ignore = "a measurement: run it alone, with --release and --no-capture"]
fn speed() {
    let sql = b"SELECT c, pad FROM sbtest1 WHERE id BETWEEN 5012 AND 5111 ORDER BY c";
    let mut text = String::new();
    let start = std::time::Instant::now();
    let rounds: u32 = 1_000_000;
    for _ in 0..rounds {
        std::hint::black_box(crate::statement::analyze(std::hint::black_box(sql), Modes::default()));
    }
    let analyzed = start.elapsed();
    for _ in 0..rounds {
        std::hint::black_box(digest_into(std::hint::black_box(sql), Modes::default(), &Options::default(), &mut text));
    }
    println!("analyze {:?}, digest {:?} a statement", analyzed / rounds, (start.elapsed() - analyzed) / rounds);
}

/// Its digest is its own digest, whatever a name and a number become side by side.
#[test]
fn a_digest_stays_what_it_is() {
    for sql in ["1e/*!-11e", "1e -11e", "SELECT 1e +2e", "a1e -5", "1E-5"] {
        let once = digest(sql.as_bytes(), Modes::default(), &Options::default()).text;
        let twice = digest(once.as_bytes(), Modes::default(), &Options::default()).text;
        assert_eq!(once, twice, "of {sql}");
    }
    check(&Options::default(), "a1e - 5", expect![["a1e-?"]]);
}
