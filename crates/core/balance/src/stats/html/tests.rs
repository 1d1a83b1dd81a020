//! The statistics page of known rows.

use super::*;
use crate::cli::world::World;
use expect_test::{Expect, expect};

fn rows() -> Vec<Row> {
    let row = |kind, svname: &str, status: &str| Row {
        kind,
        iid: 4,
        pxname: "a<b".into(),
        svname: svname.into(),
        status: status.into(),
        scur: Some(3),
        slim: Some(10),
        mode: Some("http".into()),
        ..Row::default()
    };
    vec![
        Row { addr: Some("10.0.0.1:80".into()), ..row(Kind::Server, "s\"1'", "UP 1/3") },
        row(Kind::Server, "s2", "DOWN 1/2"),
        row(Kind::Server, "s3", "MAINT (via x/y)"),
        Row { act: Some(1), ..row(Kind::Backend, "BACKEND", "UP") },
    ]
}

fn page(options: &Options, query: &str) -> String {
    let query = Query::parse(query);
    let rows: Vec<Row> = rows().into_iter().filter(|row| query.wants(row)).collect();
    let info = Info { name: "Barque".into(), version: "1.0<".into(), ..Info::default() };
    Page { info: &info, rows: &rows, options, query: &query }.render()
}

#[test]
fn nothing_is_taken_for_markup() {
    let options = Options {
        uri: "/s?\"><x".into(),
        node: Some("<n>".into()),
        description: Some("<d>".into()),
        admin: true,
        legends: true,
        ..Options::default()
    };
    let text = page(&options, "?scope=%3Cb");
    for wrong in ["a<b", "<n>", "<d>", "1.0<", "\"><x", "s\"1", "value=\"<b"] {
        assert!(!text.contains(wrong), "{wrong}");
    }
    assert!(text.contains("a&lt;b") && text.contains("s&quot;1&#39;"));
}

#[test]
fn only_admins_get_a_form_and_only_with_legends_there_are_addresses() {
    let plain = page(&Options::default(), "");
    assert!(!plain.contains("method=\"post\"") && !plain.contains("10.0.0.1"));
    let full = page(&Options { admin: true, legends: true, ..Options::default() }, "");
    assert!(full.contains("name=\"s\" value=\"s2\"") && full.contains("value=\"#4\"") && full.contains("10.0.0.1:80"));
}

#[test]
fn versions_can_be_hidden_and_refresh_switched_off() {
    let options = Options { refresh: Some(5), hide_version: true, ..Options::default() };
    assert!(!page(&options, "").contains("version"));
    assert!(page(&options, "").contains("data-refresh=\"5\""));
    assert!(!page(&options, ";norefresh").contains("data-refresh"));
}

#[test]
fn states_have_colours() {
    let colours: Vec<&str> = rows().iter().map(colour).collect();
    assert_eq!(colours, ["warn", "rising", "maint", "up"]);
}

#[test]
fn addresses_are_read_and_written() {
    check("", expect!["/x"]);
    check(";csv;norefresh", expect!["/x;csv;norefresh"]);
    check(";up;no-maint;st=DONEX?scope=a%20b", expect!["/x;st=DONE;up;no-maint?scope=a%20b"]);
    check("/;json", expect!["/x;json"]);
    check("?scope=x&unknown", expect!["/x?scope=x"]);
    check(";typed", expect!["/x;typed"]);
}

#[track_caller]
fn check(rest: &str, expected: Expect) {
    expected.assert_eq(&Query::parse(rest).address("/x"));
}

#[test]
fn forms_get_the_answers_of_2_6() {
    let world = World::default();
    for (body, expected) in [
        ("s=s1&action=drain&b=be1", "DONE"),
        ("s=s1&s=s5&action=ready&b=%234", "DONE"),
        ("s=zz&action=ready&b=be1", "ERRP"),
        ("s=s1&action=bogus&b=be1", "ERRP"),
        ("s=s1&action=ready&b=zz", "ERRP"),
        ("action=ready&b=be1", "NONE"),
        ("s=s1&b=be1", "NONE"),
        ("s=s1&action=ready", "NONE"),
        ("foo", "NONE"),
        ("s=s1&s=zz&action=ready&b=be1", "PART"),
    ] {
        assert_eq!(apply(body, &world).word(), expected, "{body}");
    }
}

#[test]
fn every_action_of_the_page_is_known() {
    let world = World::default();
    for (action, _) in card::ACTIONS {
        assert_eq!(apply(&format!("s=t2&action={action}&b=be2"), &world), Outcome::Done, "{action}");
    }
}

#[test]
fn pages_of_others_cannot_post() {
    assert!(allowed_from(Some("lb:8080"), None, None), "a script");
    assert!(allowed_from(Some("lb:8080"), Some("http://lb:8080"), Some("same-origin")));
    assert!(!allowed_from(Some("lb:8080"), Some("http://evil"), None));
    assert!(!allowed_from(Some("lb:8080"), Some("null"), None));
    assert!(!allowed_from(Some("lb:8080"), None, Some("cross-site")));
}

#[test]
fn numbers_are_short() {
    let shown = [0, 999, 9999, 12_345, 4_560_000, u64::MAX].map(number::count);
    assert_eq!(shown, ["0", "999", "9,999", "12.3k", "4.56M", "18.4E"]);
    assert_eq!([5, 2048, 5 << 30].map(number::bytes), ["5 B", "2.00 KiB", "5.00 GiB"]);
    assert_eq!([59, 301, 7300, 90000].map(number::duration), ["59s", "5m 1s", "2h 1m", "1d 1h"]);
}
