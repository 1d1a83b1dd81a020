//! What is read, and what is said of what cannot be.

use super::{Node, Setting, Value, parse};
use expect_test::{Expect, expect};
use proptest::prelude::{any, proptest};
use std::fmt::Write as _;

#[test]
fn scalars() {
    check(
        "a=1; b:0x1F, c=-12L d=1.5e3;e=TRUE f=\"x\"",
        expect!["a@1:1=1 b@1:6=31 c@1:14=-12 d@1:21=1500.0 e@1:29=true f@1:36=\"x\" "],
    );
}

#[test]
fn strings() {
    check(r#"a="x" /* and */ "y" b="\x41\n\"\s\\d""#, expect![[r#"a@1:1="xy" b@1:21="A\n\"\\s\\d" "#]]);
}

#[test]
fn nesting_and_commas() {
    check(
        "# c\nl = ( { a=1 }, { a=2; }, ); // end\nr=[1,2,]",
        expect!["l@2:1=({a@2:9=1 },{a@2:18=2 },) r@3:1=[1,2,] "],
    );
}

#[test]
fn errors() {
    check("a = nextcloud", expect!["t:1:5: unexpected nextcloud; wanted a value (a text has to stand in \"\")"]);
    check("a = (1\nb = 2", expect!["t:2:1: unexpected b; wanted ) for what opens at 1:5"]);
    check("a = \"x", expect!["t:1:5: this string has no end; close it with \""]);
    check("a = 12ms", expect!["t:1:5: 12ms is no number; a text has to stand in \"\""]);
    check("/* a", expect!["t:1:1: this comment has no end; close it with */"]);
    check("@include \"t\"", expect!["t:1:1: more than 10 files within each other; does one include itself?"]);
    check(
        &format!("a={}", "(".repeat(1000)),
        expect!["t:1:36: more than 32 groups and lists within each other; flatten them"],
    );
}

#[test]
fn includes() {
    check("a=1\n@include \"other\"\nb=2", expect!["a@1:1=1 from_other@1:1=1 b@3:1=2 "]);
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        _ = parse("t", &String::from_utf8_lossy(&bytes), &|_| Ok(String::new()));
    }

    #[test]
    fn never_panics_on_its_own_words(text in r#"([a-c]|[=:;,{}()\[\]"\\#/*@.+-]|include|0x|[0-9]|L|true|\n| ){0,80}"#) {
        _ = parse("t", &text, &|_| Ok(text.clone()));
    }
}

#[track_caller]
fn check(text: &str, expected: Expect) {
    let include = |path: &str| Ok(if path == "t" { text.to_owned() } else { format!("from_{path}=1") });
    expected.assert_eq(&match parse("t", text, &include) {
        Ok(settings) => shown(&settings),
        Err(error) => error.to_string(),
    });
}

fn shown(settings: &[Setting]) -> String {
    settings.iter().fold(String::new(), |mut text, Setting { name, place, value }| {
        _ = write!(text, "{name}@{}:{}={} ", place.line, place.column, value_shown(&value.value));
        text
    })
}

fn value_shown(value: &Value) -> String {
    let all = |nodes: &[Node]| nodes.iter().map(|node| value_shown(&node.value) + ",").collect::<String>();
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::Text(text) => format!("{text:?}"),
        Value::Group(settings) => format!("{{{}}}", shown(settings)),
        Value::List(nodes) => format!("({})", all(nodes)),
        Value::Array(nodes) => format!("[{}]", all(nodes)),
    }
}
