//! Whole answers, cut at every place.

use super::*;
use crate::protocol::packet::{frame, frame_with};
use crate::protocol::rows;
use expect_test::{Expect as Golden, expect};

const EOFS: u32 = capability::OFFERED & !capability::DEPRECATE_EOF;
const OKS: u32 = capability::OFFERED;

#[test]
fn a_result_set_of_both_kinds() {
    let rows: Vec<Vec<Option<Vec<u8>>>> = vec![vec![Some(b"1".to_vec()), None], vec![Some(vec![b'x'; 300]), None]];
    let answer = |capabilities| {
        let mut out = Vec::new();
        rows::write(&mut out, 1, &["a", "b"], rows.iter().map(Vec::as_slice), capabilities);
        out
    };
    check(Expect::Results, EOFS, &answer(EOFS), expect!["eof last, 2 rows"]);
    check(Expect::Results, OKS, &answer(OKS), expect!["ok last, 2 rows"]);
}

#[test]
fn several_results_and_an_error() {
    let mut out = Vec::new();
    frame(&mut out, 1, b"\x00\x01\x00\x0a\x00\x00\x00");
    frame(&mut out, 2, b"\xff\x15\x04#28000no");
    check(Expect::Results, OKS, &out, expect!["ok, err, 0 rows"]);
}

#[test]
fn a_prepared_statement_with_both_definitions() {
    let mut out = Vec::new();
    let mut next = frame(&mut out, 1, b"\x00\x01\x00\x00\x00\x02\x00\x01\x00\x00\x00\x00");
    for definitions in [1, 2] {
        for _ in 0..definitions {
            next = frame(&mut out, next, b"\x03def");
        }
        next = frame(&mut out, next, b"\xfe\x00\x00\x02\x00");
    }
    check(Expect::Prepared, EOFS, &out, expect!["prepared, end, 0 rows"]);
    let without: Vec<u8> = {
        let mut out = Vec::new();
        let mut next = frame(&mut out, 1, b"\x00\x01\x00\x00\x00\x02\x00\x01\x00\x00\x00\x00");
        for _ in 0..3 {
            next = frame(&mut out, next, b"\x03def");
        }
        out
    };
    check(Expect::Prepared, OKS, &without, expect!["prepared, end, 0 rows"]);
}

#[test]
fn a_row_longer_than_a_frame() {
    let mut out = Vec::new();
    frame(&mut out, 1, b"\x01");
    frame(&mut out, 2, b"\x03def");
    let mut row = vec![0xfe, 0, 0, 0, 1, 0, 0, 0, 0];
    row.resize(MAX_FRAME + 9, b'x');
    let next = frame(&mut out, 3, &row);
    frame_with(&mut out, next, |out| out.extend_from_slice(b"\xfe\x00\x00\x02\x00\x00\x00"));
    let mut answer = Answer::new(Expect::Results, OKS);
    let (at, event) = answer.scan(&out, 0).expect("well formed");
    assert!(matches!(event, Event::Ok { last: true, .. }), "{event:?}");
    assert_eq!((at, answer.rows, answer.is_over()), (out.len(), 1, true));
}

#[test]
fn a_wish_for_a_file() {
    let mut out = Vec::new();
    frame(&mut out, 1, b"\xfb/tmp/x");
    check(Expect::Results, OKS, &out, expect!["file, more, 0 rows"]);
}

#[test]
fn one_packet() {
    let mut out = Vec::new();
    frame(&mut out, 1, b"Uptime: 1");
    check(Expect::One, OKS, &out, expect!["end, 0 rows"]);
}

/// Whole, and in two pieces cut anywhere: the same is heard, and all bytes are taken.
#[track_caller]
fn check(expect: Expect, capabilities: u32, bytes: &[u8], expected: Golden) {
    let whole = hear(expect, capabilities, bytes, bytes.len());
    for cut in 0..bytes.len() {
        assert_eq!(hear(expect, capabilities, bytes, cut), whole, "cut at {cut}");
    }
    expected.assert_eq(&whole);
}

fn hear(expect: Expect, capabilities: u32, bytes: &[u8], cut: usize) -> String {
    let mut answer = Answer::new(expect, capabilities);
    let mut heard = Vec::new();
    let mut at = 0;
    let ends = if cut == bytes.len() { vec![cut] } else { vec![cut, bytes.len()] };
    for end in ends {
        loop {
            let (stopped, event) = answer.scan(&bytes[..end], at).expect("well formed");
            at = stopped;
            let over = |last| if last { " last" } else { "" };
            match event {
                Event::More | Event::End if end == cut && cut < bytes.len() => break,
                Event::More => {
                    heard.push("more".to_owned());
                    break;
                }
                Event::End => {
                    heard.push("end".to_owned());
                    break;
                }
                Event::Ok { last, .. } => heard.push(format!("ok{}", over(last))),
                Event::Eof { last, .. } => heard.push(format!("eof{}", over(last))),
                Event::Err { .. } => heard.push("err".to_owned()),
                Event::LocalInfile { .. } => heard.push("file".to_owned()),
                Event::Prepared { .. } => heard.push("prepared".to_owned()),
            }
            if answer.is_over() && heard.last().is_none_or(|word| word != "prepared") {
                break;
            }
        }
        if answer.is_over() {
            break;
        }
    }
    assert!(at == bytes.len() || !answer.is_over());
    format!("{}, {} rows", heard.join(", "), answer.rows)
}
