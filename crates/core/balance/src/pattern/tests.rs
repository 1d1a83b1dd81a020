//! Matching by each method, and lists that change.

use super::{Flags, Key, Library, Matcher, Method, Output};
use crate::config::model::Place;
use crate::sample::fixture::FILES;
use crate::sample::{Standing, Value};
use expect_test::expect;
use std::fmt::Write;

#[test]
fn changes_at_run_time_are_seen_at_once() {
    let library = Library::default();
    let line = Place { file: "m.cfg".into(), line: 3 };
    library.notes().stand(Standing { line, ..Standing::default() });
    let list = library.file("nets.map", true, &FILES).unwrap();
    let matcher =
        Matcher::new(list.clone(), Method::Ip, Flags::default(), Some(Output::Str), "by map at", &library).unwrap();
    let get = |address: &str| matcher.lookup(&Value::Ip(address.parse().unwrap())).map(|v| v.as_bytes().into_owned());
    assert_eq!(get("10.1.1.1"), Some(b"sixteen".to_vec()));
    assert!(list.remove(Key::Pattern("10.1.0.0/16")));
    assert_eq!(get("10.1.1.1"), Some(b"net eight".to_vec()));
    assert_eq!(list.add("x", Some("y")).unwrap_err(), "'x' is not a valid IPv4 or IPv6 address");
    list.add("9.9.9.9", Some("nine")).unwrap();
    assert_eq!(get("9.9.9.9"), Some(b"nine".to_vec()));
    assert_eq!(list.set(Key::Pattern("9.9.9.9"), "neuf"), Ok(true));
    assert_eq!(list.set(Key::Pattern("9.9.9.8"), "neuf"), Ok(false));
    assert_eq!(get("9.9.9.9"), Some(b"neuf".to_vec()));
    let mut shown = String::new();
    for entry in list.entries() {
        writeln!(shown, "{} {} {}", entry.id, entry.pattern, entry.value.unwrap_or_default()).unwrap();
    }
    expect![[r#"
        1 10.0.0.0/8 net eight
        3 ::1 six
        4 9.9.9.9 neuf
    "#]]
    .assert_eq(&shown);
    list.clear();
    assert_eq!(get("9.9.9.9"), None);
    expect!["pattern loaded from file 'nets.map' used by map at file 'm.cfg' line 3"].assert_eq(&list.description());
}

#[test]
fn numbers_of_lists_leave_out_those_given() {
    let library = Library::default();
    for id in [None, Some(1), None] {
        library.anonymous(id);
    }
    library.file("words.lst", false, &FILES).unwrap();
    let numbers: Vec<u32> = library.lists().iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    assert!(library.find("#3", false).is_some() && library.find("words.lst", false).is_some());
    assert!(library.find("words.lst", true).is_none() && library.find("#9", false).is_none());
}

#[test]
fn a_pattern_of_delimiters_names_no_part() {
    let library = Library::default();
    let list = library.anonymous(None);
    list.add_unchecked("/");
    let matcher = Matcher::new(list, Method::Dir, Flags::default(), None, "", &library).unwrap();
    assert!(!matcher.matches(&Value::text("/a")));
}
