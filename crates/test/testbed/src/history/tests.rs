//! Good histories, and for each thing that can go wrong one where it does. A line is a record, its number the time.

use super::*;
use expect_test::{Expect, expect};
use std::time::Duration;

/// Two writes and a delete, seen by a watcher whose stream broke once.
const GOOD: &str = "
    list p a 4:
    call w1 + a/x
    done w1 5
    read a/x 5
    event p + a/x 5 w1
    call w2 ~ a/x
    broke p
    done w2 7
    event p ~ a/x 7 w2
    call w3 + a/y
    done w3 8
    call w4 - a/x
    done w4 0
    event p + a/y 8 w3
    event p - a/x 9 w2
    mark p 10
    ended p
    final a 10: a/y=8/w3
";

#[test]
fn a_good_history() {
    check(GOOD, &[], expect![""]);
}

#[test]
fn an_acknowledged_create_is_lost() {
    // By all.
    check(
        GOOD,
        &[("event p + a/y 8 w3", ""), ("a/y=8/w3", "")],
        expect![[r#"
            p covers 4..10 and missed revision 8: Change { kind: Some(Added), key: "a/y", write: "w3" }
            the final list at 10 shows nothing of a/y, last changed at 8: Change { kind: Some(Added), key: "a/y", write: "w3" }"#]],
    );
    // By the store.
    check(
        GOOD,
        &[("a/y=8/w3", "")],
        expect![[
            r#"the final list at 10 shows nothing of a/y, last changed at 8: Change { kind: Some(Added), key: "a/y", write: "w3" }"#
        ]],
    );
}

#[test]
fn an_acknowledged_update_is_lost() {
    check(
        GOOD,
        &[("call w4 - a/x", ""), ("done w4 0", ""), ("event p - a/x 9 w2", ""), ("a/y=8/w3", "a/y=8/w3 a/x=5/w1")],
        expect![[
            r#"the final list at 10 shows 5 of a/x, last changed at 7: Change { kind: Some(Modified), key: "a/x", write: "w2" }"#
        ]],
    );
}

#[test]
fn an_acknowledged_delete_is_lost() {
    check(
        GOOD,
        &[("event p - a/x 9 w2", ""), ("a/y=8/w3", "a/y=8/w3 a/x=7/w2")],
        expect!["the acknowledged delete w4 of a/x was told to nobody"],
    );
}

#[test]
fn a_change_is_missed_by_one_watcher() {
    let other = "list q a 4:\n event q + a/x 5 w1\n event q + a/y 8 w3\n ended p";
    check(
        GOOD,
        &[("ended p", other)],
        expect![[r#"q covers 4..8 and missed revision 7: Change { kind: Some(Modified), key: "a/x", write: "w2" }"#]],
    );
}

#[test]
fn a_change_before_a_bookmark_is_missed() {
    check(
        GOOD,
        &[("ended p", "list q a 8: a/x=7/w2 a/y=8/w3\n mark q 10\n ended p")],
        expect![[r#"q covers 8..10 and missed revision 9: Change { kind: Some(Deleted), key: "a/x", write: "w2" }"#]],
    );
}

#[test]
fn a_watcher_that_is_late_misses_nothing() {
    check(GOOD, &[("ended p", "list q a 4:\n event q + a/x 5 w1\n ended p")], expect![""]);
}

#[test]
fn a_change_is_told_again() {
    check(
        GOOD,
        &[("broke p", "broke p\n event p + a/x 5 w1")],
        expect!["p was told Added a/x at 5 after 5: again, or too late"],
    );
}

#[test]
fn changes_are_told_in_a_wrong_order() {
    check(
        GOOD,
        &[("event p + a/y 8 w3", ""), ("event p - a/x 9 w2", "event p - a/x 9 w2\n event p + a/y 8 w3")],
        expect!["p was told Added a/y at 8 after 9: again, or too late"],
    );
}

#[test]
fn a_refused_write_happened() {
    check(GOOD, &[("done w3 8", "refused w3")], expect!["w3 was refused (no) but happened at 8"]);
}

#[test]
fn a_refused_write_that_did_not_happen_is_right() {
    check(GOOD, &[("ended p", "call w5 + a/z\n refused w5\n ended p")], expect![""]);
}

#[test]
fn an_unknown_write_may_have_happened_or_not() {
    check(GOOD, &[("done w3 8", "unknown w3")], expect![""]);
    check(GOOD, &[("done w3 8", "")], expect![""]);
    check(GOOD, &[("done w3 8", "unknown w3"), ("event p + a/y 8 w3", ""), ("a/y=8/w3", "")], expect![""]);
    // But for all alike.
    check(
        GOOD,
        &[("done w3 8", "unknown w3"), ("event p + a/y 8 w3", "")],
        expect![[r#"p covers 4..10 and missed revision 8: Change { kind: None, key: "a/y", write: "w3" }"#]],
    );
}

#[test]
fn a_write_happened_twice() {
    let twice = "event p ~ a/x 7 w2\n event p ~ a/x 71 w2";
    let later = [("event p ~ a/x 7 w2", twice), ("a/y 8", "a/y 80"), ("w3 8", "w3 80"), ("y=8", "y=80")];
    let later = [&later[..], &[("a/x 9", "a/x 90"), ("p 10", "p 100"), ("a 10", "a 100")]].concat();
    check(GOOD, &later, expect!["w2 was done twice, at 7 and 71"]);
}

#[test]
fn something_is_deleted_by_nobody() {
    check(GOOD, &[("call w4 - a/x", ""), ("done w4 0", "")], expect!["revision 9: a/x was deleted by nobody"]);
}

#[test]
fn a_read_shows_an_old_state() {
    check(
        GOOD,
        &[("call w3 + a/y", "read a/x 5\n call w3 + a/y")],
        expect!["c read a/x at 5 after 7 was acknowledged"],
    );
    check(
        GOOD,
        &[("call w3 + a/y", "absent a/x\n call w3 + a/y"), ("call w4 - a/x", ""), ("done w4 0", "")],
        expect![[r#"
            revision 9: a/x was deleted by nobody
            c did not find a/x, which was acknowledged before"#]],
    );
}

#[test]
fn beginning_anew_may_skip_changes_but_no_object() {
    let anew = "list p a 8: a/x=7/w2 a/y=8/w3";
    check(GOOD, &[("event p ~ a/x 7 w2", ""), ("event p + a/y 8 w3", anew)], expect![""]);
    check(
        GOOD,
        &[("event p ~ a/x 7 w2", ""), ("event p + a/y 8 w3", "list p a 8: a/x=7/w2")],
        expect![[
            r#"p at 8 shows nothing of a/y, last changed at 8: Change { kind: Some(Added), key: "a/y", write: "w3" }"#
        ]],
    );
    check(
        GOOD,
        &[("event p ~ a/x 7 w2", "list p a 4:\n event p ~ a/x 7 w2")],
        expect![[r#"
            p knew revision 5 and was given a list of 4
            p covers 4..10 and missed revision 5: Change { kind: Some(Added), key: "a/x", write: "w1" }"#]],
    );
}

#[test]
fn two_saw_different_things_at_a_revision() {
    check(
        GOOD,
        &[("ended p", "list q a 4:\n event q + a/z 5 w1\n ended p")],
        expect![[
            r#"revision 5: q saw Change { kind: Some(Added), key: "a/z", write: "w1" }, another Change { kind: Some(Added), key: "a/x", write: "w1" }"#
        ]],
    );
}

#[test]
fn what_others_write_is_seen_by_all_but_not_judged() {
    check(GOOD, &[("ended p", "event p ~ a/kube-root-ca.crt 11 \n ended p")], expect![""]);
}

#[test]
fn pauses_are_times_without_success() {
    let calls = |n: u64| format!("call w{n} + a/k{n}");
    let text: String = [1, 2, 3].map(calls).join("\n") + "\ndone w1 5\nrefused w2\n\n\nread a/k1 5\ndone w3 9";
    let all = |_: &str| Some("all".to_owned());
    let pause = |from, length| Some(Pause { who: "all".to_owned(), from, length: Duration::from_micros(length) });
    assert_eq!(longest(&history(&text), &(0..9), all), (pause(3, 5), pause(7, 2)));
    assert_eq!(longest(&history(&text), &(4..7), all), (pause(4, 3), None), "the part within");
    assert_eq!(longest(&history(&text), &(0..3), all), (None, None), "both began later");
    assert_eq!(longest(&history(&text), &(0..9), |_| None), (None, None));
}

#[test]
fn lines_are_records() {
    let records = history(GOOD);
    let mut text: String =
        records.iter().map(|record| serde_json::to_string(record).expect("a record") + "\n").collect();
    text.push_str("{\"Broke\":{\"wat");
    assert_eq!(lines::parse(&text), Ok(records));
    assert!(lines::parse("{}\n").is_err());
    assert_eq!(lines::parse(""), Ok(Vec::new()));
}

/// A history changed in these places, and what the checker says of it.
#[track_caller]
fn check(good: &str, changes: &[(&str, &str)], wrong: Expect) {
    let text = changes.iter().fold(good.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old:?} is not in the history");
        text.replace(old, new)
    });
    wrong.assert_eq(&super::check(&history(&text)).wrong.join("\n"));
}

fn history(text: &str) -> Vec<Record> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(at, line)| record(at as Micros, line)).collect()
}

fn record(at: Micros, line: &str) -> Record {
    let mut words = line.split_whitespace();
    let what = words.next().expect("a line that is not empty");
    let rest: Vec<&str> = words.collect();
    let own = |place: usize| rest.get(place).map_or(String::new(), |word| (*word).to_owned());
    let number = |place: usize| own(place).trim_end_matches(':').parse::<Revision>().expect("a revision");
    let write = |outcome| Record::Return { write: own(0), at, outcome };
    let read = |answer| Record::Read { client: "c".to_owned(), call: at, at, key: own(0), answer };
    match what {
        "call" => {
            let op = [("+", Op::Create), ("~", Op::Update), ("-", Op::Delete)];
            let op = op.into_iter().find(|(sign, _)| *sign == rest[1]).expect("an operation").1;
            Record::Call { client: "c".to_owned(), at, op, key: own(2), write: own(0) }
        }
        "done" => write(Outcome::Done(number(1))),
        "refused" => write(Outcome::Refused("no".to_owned())),
        "unknown" => write(Outcome::Unknown("the connection broke".to_owned())),
        "read" => read(Answer::Found(number(1))),
        "absent" => read(Answer::Absent),
        "list" => Record::Listed { watcher: own(0), list: list(&own(1), number(2), &rest[3..]) },
        "final" => Record::Final(list(&own(0), number(1), &rest[2..])),
        "event" => {
            let kind = [("+", Kind::Added), ("~", Kind::Modified), ("-", Kind::Deleted)];
            let kind = kind.into_iter().find(|(sign, _)| *sign == rest[1]).expect("a kind").1;
            Record::Event { watcher: own(0), kind, key: own(2), revision: number(3), write: own(4) }
        }
        "mark" => Record::Bookmark { watcher: own(0), revision: number(1) },
        "broke" => Record::Broke { watcher: own(0), at, why: "it ended".to_owned() },
        "ended" => Record::Ended { watcher: own(0) },
        other => panic!("{other:?} is no record"),
    }
}

/// `a/x=5/w1 ...`
fn list(namespace: &str, revision: Revision, items: &[&str]) -> List {
    let item = |text: &&str| {
        let (key, of) = text.split_once('=').expect("key=revision/write");
        let (at, write) = of.split_once('/').expect("revision/write");
        (key.to_owned(), (at.parse().expect("a revision"), write.to_owned()))
    };
    List { namespace: namespace.to_owned(), revision, items: items.iter().map(item).collect() }
}
