//! Tables through time: rates, expiry, eviction, and their lines.

use std::sync::Arc;

use super::*;
use crate::sample::{Counter, Value};

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn table(text: &str) -> Table {
    Table::new("t", Arc::new(TableConfig::parse(&words(text), &mut Vec::new()).unwrap()))
}

fn key(table: &Table, text: &str) -> Key {
    table.config().keys.parse(text).unwrap()
}

/// Entries without their addresses.
#[track_caller]
fn check(table: &Table, args: &str, now: u64, expected: &[&str]) {
    let shown = show(table, &words(args), now).unwrap();
    let lines: Vec<_> = shown.lines().skip(1).map(|line| line.split_once(": ").unwrap().1).collect();
    assert_eq!(lines, expected);
}

#[test]
fn lines_are_haproxys() {
    let mut table = table(
        "type ip size 100k expire 30s store conn_cur,conn_cnt,conn_rate(30s),sess_cnt,sess_rate(10s),http_req_cnt,\
         http_req_rate(10s),http_err_cnt,http_err_rate(10s),http_fail_cnt,http_fail_rate(10s),bytes_in_cnt,\
         bytes_in_rate(10s),bytes_out_cnt,bytes_out_rate(10s),gpc0,gpc0_rate(5s),gpc1,gpc1_rate(5s),gpt0,server_id,\
         server_key",
    );
    let mut now = 1_000_000;
    for _ in 0..3 {
        let id = table.track(key(&table, "127.0.0.1"), now, true).unwrap();
        table.increment(id, Counter::Gpc0, now);
        table.count_bytes(id, 82, 49, now);
        table.release(id, now);
        now += 5;
    }
    assert_eq!(header(&table), "# table: t, type: ip, size:102400, used:1");
    check(
        &table,
        "",
        now + 1007,
        &["key=127.0.0.1 use=0 exp=28988 server_id=0 gpt0=0 gpc0=3 gpc0_rate(5000)=3 conn_cnt=3 conn_rate(30000)=3 \
           conn_cur=0 sess_cnt=0 sess_rate(10000)=0 http_req_cnt=3 http_req_rate(10000)=3 http_err_cnt=0 \
           http_err_rate(10000)=0 bytes_in_cnt=246 bytes_in_rate(10000)=246 bytes_out_cnt=147 bytes_out_rate(10000)=147 \
           gpc1=0 gpc1_rate(5000)=0 server_key=- http_fail_cnt=0 http_fail_rate(10000)=0"],
    );
}

#[test]
fn arrays_stand_in_for_single_counters() {
    let mut table = table("type ipv6 size 10 store gpc(3),gpt(2),gpc_rate(2,10s),server_id,server_key");
    let ip = table.config().keys.key(&Value::Ip("127.0.0.1".parse().unwrap())).unwrap();
    let id = table.find_or_add(ip, 5).unwrap();
    table.increment(id, Counter::Gpc(1), 5);
    assert_eq!(table.increment(id, Counter::Gpc1, 5), Some(2));
    assert!(table.set(id, Counter::Gpt0, 7, 5) && !table.set(id, Counter::Gpt(2), 7, 5));
    table.set_server(id, 1, &"s1".into(), 5);
    set(&mut table, &words("key ::1 data.gpc 1"), 5).unwrap();
    check(
        &table,
        "",
        5,
        &[
            "key=::1 use=0 exp=0 server_id=0 server_key=- gpt0=0 gpt1=0 gpc0=1 gpc1=0 gpc2=0 gpc0_rate(10000)=0 \
             gpc1_rate(10000)=0",
            "key=::ffff:127.0.0.1 use=0 exp=0 server_id=1 server_key=s1 gpt0=7 gpt1=0 gpc0=0 gpc1=2 gpc2=0 \
             gpc0_rate(10000)=0 gpc1_rate(10000)=2",
        ],
    );
    check(&table, "data.gpc1 gt 0 data.gpt0 eq 8", 5, &[]);
}

#[test]
fn entries_expire_unless_tracked() {
    let mut table = table("type string len 8 size 10 expire 1s store conn_cur");
    let id = table.track(key(&table, "tracked entry"), 0, false).unwrap();
    table.find_or_add(key(&table, "b"), 500).unwrap();
    check(&table, "", 900, &["key=b use=0 exp=600 conn_cur=0", "key=tracked  use=1 exp=100 conn_cur=1"]);
    check(&table, "", 1600, &["key=tracked  use=1 exp=0 conn_cur=1"]);
    assert!(!table.purge(1600, 10));
    assert_eq!(table.len(), 1);
    assert_eq!(clear(&mut table, &words("key tracked_"), 1600), Ok(()));
    table.release(id, 1700);
    check(&table, "", 1700, &["key=tracked  use=0 exp=1000 conn_cur=0"]);
    assert_eq!(table.find(&key(&table, "tracked entry"), 2700), None);
    // Made anew: nothing of the expired one is left.
    let id = table.track(key(&table, "tracked entry"), 2700, false).unwrap();
    assert_eq!((table.value(id, Counter::ConnCur, 2700), table.len()), (Some(1), 1));
}

#[test]
fn a_full_table_drops_its_oldest_or_refuses() {
    let mut purging = table("type integer size 3 store gpc0");
    for number in 0..3 {
        purging.find_or_add(Key::Integer(number), number.into()).unwrap();
    }
    purging.find_or_add(Key::Integer(0), 10).unwrap();
    purging.find_or_add(Key::Integer(9), 11).unwrap();
    check(&purging, "", 11, &["key=0 use=0 exp=0 gpc0=0", "key=2 use=0 exp=0 gpc0=0", "key=9 use=0 exp=0 gpc0=0"]);
    let mut keeping = table("type integer size 1 expire 1s nopurge store gpc0");
    assert!(keeping.find_or_add(Key::Integer(1), 0).is_some());
    assert!(keeping.find_or_add(Key::Integer(2), 999).is_none());
    assert!(keeping.find_or_add(Key::Integer(2), 1000).is_some());
}

#[test]
fn all_tracked_and_full_is_none() {
    let mut table = table("type integer size 2 store gpc0");
    let first = table.track(Key::Integer(1), 0, false).unwrap();
    table.track(Key::Integer(2), 0, false).unwrap();
    assert_eq!(table.track(Key::Integer(3), 0, false), None);
    assert!(!table.remove(first));
    table.release(first, 0);
    assert!(table.track(Key::Integer(3), 0, false).is_some());
}

#[test]
fn commands() {
    let mut table = table("type ip size 10 store gpc0,conn_rate(10s)");
    for (args, refusal) in [
        ("key 10.0.0.1 data.foo 5", "Unknown data type"),
        ("key 10.0.0.1 data.gpc0", "Require a valid integer value to store"),
        ("key 10.0.0.1 data.gpc1 1", "Data type not stored in this table"),
        ("foo", SET),
        ("", SET),
        ("key", "Key value expected"),
        ("key x", "Invalid key"),
        ("data.gpc0 gt 5", "content-based lookup is only supported with the \"show\" and \"clear\" actions"),
    ] {
        assert_eq!(set(&mut table, &words(args), 0), Err(refusal.into()), "{args}");
    }
    const SET: &str = "Required arguments: <table> key <key> [data.<store_data_type> <value>]*";
    set(&mut table, &words("key 10.0.0.1 data.gpc0 5 data.conn_rate 7"), 1000).unwrap();
    set(&mut table, &words("key 10.0.0.2 data.gpc0 6"), 1000).unwrap();
    check(&table, "data.gpc0 eq 5", 1000, &["key=10.0.0.1 use=0 exp=0 gpc0=5 conn_rate(10000)=7"]);
    check(&table, "data.gpc0 gt 4 data.conn_rate lt 1", 1000, &["key=10.0.0.2 use=0 exp=0 gpc0=6 conn_rate(10000)=0"]);
    check(&table, "key 10.0.0.2", 1000, &["key=10.0.0.2 use=0 exp=0 gpc0=6 conn_rate(10000)=0"]);
    assert_eq!(show(&table, &words("key 10.0.0.9"), 1000), Ok(String::new()));
    for (args, refusal) in [
        (
            "data.gpc0 foo 5",
            "Filter entry #1: Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \"gt\"",
        ),
        ("data.gpc0 eq 5 data.foo eq 5", "Filter entry #2: Unknown data type"),
        ("data.gpc0 eq x", "Filter entry #1: Require a valid integer value to compare against"),
        ("foo", "Optional argument only supports \"data.<store_data_type>\" <operator> <value> and key <key>"),
    ] {
        assert_eq!(show(&table, &words(args), 0), Err(refusal.into()), "{args}");
    }
    clear(&mut table, &words("data.gpc0 eq 5"), 1000).unwrap();
    assert_eq!(table.len(), 1);
    clear(&mut table, &[], 1000).unwrap();
    assert!(table.is_empty());
}

#[test]
fn refusals_are_haproxys() {
    for (line, refusal) in [
        ("", "stick-table: missing size."),
        ("type", "stick-table: unknown type ''."),
        ("type ip size", "stick-table: missing argument after 'size'."),
        ("type ip size x", "stick-table: unexpected character 'x' in argument of 'size'."),
        ("type ip size 1k expire x", "stick-table: unexpected character 'x' in argument of 'expire'."),
        ("type ip size 1k store foo", "stick-table: unknown store option 'foo'."),
        ("type ip size 1k store conn_rate", "stick-table: missing argument to store option 'conn_rate'."),
        ("type ip size 1k store conn_rate(x)", "stick-table: error when processing store option 'conn_rate'."),
        ("type ip size 1k store conn_cur(3)", "stick-table: unexpected argument to store option 'conn_cur'."),
        (
            "type ip size 1k store gpc(101)",
            "stick-table: array size is out of allowed range (1-100) for store option 'gpc'.",
        ),
        ("type ip size 1k foo", "stick-table: unknown argument 'foo'."),
        ("type string len 0 size 1k", "stick-table: unknown type '0'."),
        ("size 1k", "stick-table: missing type."),
        ("type ip size 1k srvkey foo", "stick-table : unknown server key type 'foo'."),
        ("type ip size 1k store gpc_rate(2)", "stick-table: missing argument to store option 'gpc_rate'."),
        (
            "type ip size 1k store conn_rate(10s",
            "stick-table: missing closing parenthesis after store option 'conn_rate'.",
        ),
    ] {
        assert_eq!(TableConfig::parse(&words(line), &mut Vec::new()).unwrap_err(), refusal, "{line}");
    }
    let mut warnings = Vec::new();
    TableConfig::parse(&words("type ip size 1k store conn_cnt,conn_cnt"), &mut warnings).unwrap();
    assert_eq!(warnings, ["stick-table: store option 'conn_cnt' already enabled, ignored."]);
}

#[test]
fn keys_of_samples() {
    let make = |keys: KeyType, value: &Value<'_>| keys.key(value).map(|key| key.to_string());
    let shown = |keys, value: &Value<'_>| make(keys, value).unwrap_or_else(|| "none".into());
    let ip = |text: &str| Value::Ip(text.parse().unwrap());
    assert_eq!(shown(KeyType::Ip, &ip("::ffff:1.2.3.4")), "1.2.3.4");
    assert_eq!(shown(KeyType::Ip, &ip("::1")), "none");
    assert_eq!(shown(KeyType::Ipv6, &ip("1.2.3.4")), "::ffff:1.2.3.4");
    assert_eq!(shown(KeyType::Integer, &Value::text("12x")), "12");
    assert_eq!(shown(KeyType::String(4), &Value::text("a b\u{1}cd")), "a b\\x01");
    assert_eq!(shown(KeyType::Binary(3), &Value::text("ab")), "616200");
}

#[test]
fn many_entries_come_and_go() {
    let mut table = table("type integer size 1000 expire 10s store http_req_rate(1s)");
    let mut seed = 1_u64;
    for now in 0..50_000_u64 {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let id = table.track(Key::Integer((seed >> 33) as u32 % 3000), now, true).unwrap();
        table.release(id, now);
        assert!(table.len() <= 1000);
    }
    assert_eq!(table.sorted(50_000).len(), table.len());
    while table.purge(100_000, 100) {}
    assert!(table.is_empty());
}
