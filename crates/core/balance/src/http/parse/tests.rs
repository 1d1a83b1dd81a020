//! One line a case: the text, and the head as it would be written on, with what was found out; all but the last ones as
//! HAProxy 2.6 does.

use super::super::{framing, serialize};
use super::*;
use expect_test::{Expect, expect};

fn read_request(text: &[u8], lax: bool) -> String {
    let mut head = RequestHead::default();
    let limits = Limits { lax, ..Limits::default() };
    match request(text, &limits, &mut head) {
        Ok(None) => "partial".to_owned(),
        Err(error) => format!("{} {error}", error.status),
        Ok(Some(parsed)) => {
            let mut out = Vec::new();
            serialize::request(&head, false, None, &mut out);
            let body = framing::request_body(head.method(), &parsed.facts);
            format!("{} | {body:?}{}", out.escape_ascii(), facts(&parsed))
        }
    }
}

fn facts(parsed: &Parsed) -> String {
    let facts = &parsed.facts;
    let named = [(facts.close, " close"), (facts.keep_alive, " keep-alive"), (facts.upgrade, " upgrade")];
    named.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect()
}

#[track_caller]
fn check(text: &str, expected: Expect) {
    expected.assert_eq(&read_request(text.as_bytes(), false));
}

#[track_caller]
fn check_lax(text: &str, strict: Expect, lax: Expect) {
    strict.assert_eq(&read_request(text.as_bytes(), false));
    lax.assert_eq(&read_request(text.as_bytes(), true));
}

/// The request line and one field.
#[track_caller]
fn check_field(field: &str, expected: Expect) {
    check(&format!("POST / HTTP/1.1\r\n{field}\r\n\r\n"), expected);
}

#[track_caller]
fn check_response(text: &str, expected: Expect) {
    let mut head = ResponseHead::default();
    expected.assert_eq(&match response(text.as_bytes(), &Limits::default(), &mut head) {
        Ok(None) => "partial".to_owned(),
        Err(error) => error.to_string(),
        Ok(Some(parsed)) => {
            let mut out = Vec::new();
            serialize::response(&head, false, None, &mut out);
            let body = framing::response_body(b"GET", head.status, &parsed.facts);
            format!("{} | {body:?}{}", out.escape_ascii(), facts(&parsed))
        }
    });
}

#[test]
fn request_lines() {
    check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", expect![[r#"GET / HTTP/1.1\r\nhost: a\r\n\r\n | None"#]]);
    check("\r\n\nGET / HTTP/1.1\nHost: a\n\nrest", expect![[r#"GET / HTTP/1.1\r\nhost: a\r\n\r\n | None"#]]);
    check("GET   /a   HTTP/1.1\r\n\r\n", expect![[r#"GET /a HTTP/1.1\r\n\r\n | None"#]]);
    check("GET / HTTP/1.1 \r\n\r\n", expect!["400 not a version of HTTP at byte 5"]);
    check("get / HTTP/1.0\r\n\r\n", expect![[r#"get / HTTP/1.0\r\n\r\n | None"#]]);
    check("GET / HTTP/2.0\r\n\r\n", expect![[r#"GET / HTTP/1.1\r\n\r\n | None"#]]);
    check("GET / http/1.1\r\n\r\n", expect!["400 not a version of HTTP at byte 5"]);
    check("G(T / HTTP/1.1\r\n\r\n", expect!["400 a byte that no method may have at byte 1"]);
    check(" / HTTP/1.1\r\n\r\n", expect!["400 a request without method at byte 0"]);
    check("GET /\u{1} HTTP/1.1\r\n\r\n", expect!["400 a byte that no URI may have at byte 5"]);
    check("GET /a\"<>\\^`{|} HTTP/1.1\r\n\r\n", expect![[r#"GET /a\"<>\\^`{|} HTTP/1.1\r\n\r\n | None"#]]);
    check("POST /\r\n\r\n", expect!["400 not a version of HTTP at byte 6"]);
    check("\u{16}\u{3}\u{1}", expect!["400 a byte that no method may have at byte 0"]);
    check("", expect!["partial"]);
    check("GET / HTT", expect!["partial"]);
    check("GET\r", expect!["partial"]);
}

#[test]
fn what_an_option_allows() {
    check_lax(
        "GET /\r\n\r\n",
        expect!["400 not a version of HTTP at byte 5"],
        expect![[r#"GET / HTTP/1.0\r\n\r\n | None close"#]],
    );
    check_lax(
        "GET / HTTP/11\r\n\r\n",
        expect!["400 not a version of HTTP at byte 5"],
        expect![[r#"GET / HTTP/1.0\r\n\r\n | None"#]],
    );
    check_lax(
        "GET / RTSP/1.0\r\n\r\n",
        expect!["400 not a version of HTTP at byte 5"],
        expect![[r#"GET / HTTP/1.0\r\n\r\n | None"#]],
    );
    check_lax(
        "GET foo HTTP/1.1\r\n\r\n",
        expect!["400 a URI of no form that this method has at byte 4"],
        expect![[r#"GET foo HTTP/1.1\r\n\r\n | None"#]],
    );
    check_lax(
        "GET /#f HTTP/1.1\r\n\r\n",
        expect!["400 a byte that no URI may have at byte 5"],
        expect![[r#"GET /#f HTTP/1.1\r\n\r\n | None"#]],
    );
    check_lax(
        "GET /é HTTP/1.1\r\n\r\n",
        expect!["400 a byte that no URI may have at byte 5"],
        expect![[r#"GET /\xc3\xa9 HTTP/1.1\r\n\r\n | None"#]],
    );
    check_lax(
        "GET / HTTP/1.1\r\nX Y: 1\r\n\r\n",
        expect!["400 a byte that no field's name may have at byte 17"],
        expect![[r#"GET / HTTP/1.1\r\nx y: 1\r\n\r\n | None"#]],
    );
    check_lax(
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        expect!["400 a byte that no field's name may have at byte 20"],
        expect![[r#"GET / HTTP/1.1\r\nhost : a\r\n\r\n | None"#]],
    );
    check_lax(
        "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n",
        expect!["400 Host is not the URI's authority at byte 0"],
        expect![[r#"GET http://a/ HTTP/1.1\r\nhost: b\r\n\r\n | None"#]],
    );
}

#[test]
fn hosts() {
    check(
        "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nhost: a\r\n\r\n",
        expect![[r#"GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n\r\n | None"#]],
    );
    check("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", expect!["400 several Host fields that differ at byte 0"]);
    check(
        "GET http://A:80/ HTTP/1.1\r\nHost: a\r\n\r\n",
        expect![[r#"GET http://A:80/ HTTP/1.1\r\nhost: a\r\n\r\n | None"#]],
    );
    check(
        "GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        expect![[r#"GET http://u:p@a/ HTTP/1.1\r\nhost: a\r\n\r\n | None"#]],
    );
    check(
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
        expect![[r#"CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n | None"#]],
    );
    check("CONNECT a:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", expect!["400 Host is not the URI's authority at byte 0"]);
    check("CONNECT / HTTP/1.1\r\n\r\n", expect!["400 a URI of no form that this method has at byte 8"]);
    check("OPTIONS * HTTP/1.1\r\n\r\n", expect![[r#"OPTIONS * HTTP/1.1\r\n\r\n | None"#]]);
}

#[test]
fn fields_of_all_kinds() {
    check_field("X:\r\nY: \t v \t", expect![[r#"POST / HTTP/1.1\r\nx: \r\ny: v\r\n\r\n | None"#]]);
    check_field("X: a\r\n b \r\n\tc", expect![[r#"POST / HTTP/1.1\r\nx: a   b  \tc\r\n\r\n | None"#]]);
    check_field(" X: a", expect!["400 the first field begins with a blank at byte 17"]);
    check_field("foo", expect!["400 a field without colon at byte 17"]);
    check_field(": 1", expect!["400 a field without name at byte 17"]);
    check_field("X: a\rb", expect!["400 CR or NUL inside a line at byte 21"]);
    check_field("X: a\0b", expect!["400 CR or NUL inside a line at byte 21"]);
    check_field("X: \u{1}é", expect![[r#"POST / HTTP/1.1\r\nx: \x01\xc3\xa9\r\n\r\n | None"#]]);
}

#[test]
fn connections() {
    check_field("Connection: close", expect![[r#"POST / HTTP/1.1\r\n\r\n | None close"#]]);
    check_field(
        "Connection: foo, keep-alive ,",
        expect![[r#"POST / HTTP/1.1\r\nconnection: foo\r\n\r\n | None keep-alive"#]],
    );
    check_field(
        "Connection: Upgrade, Keep-Alive\r\nUpgrade: ws",
        expect![[r#"POST / HTTP/1.1\r\nconnection: Upgrade\r\nupgrade: ws\r\n\r\n | None keep-alive upgrade"#]],
    );
}

#[test]
fn lengths_and_codings() {
    check_field("Content-Length: 4", expect![[r#"POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\n | Length(4)"#]]);
    check_field("Content-Length: 0", expect![[r#"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n | None"#]]);
    check_field(
        "Content-Length: 4\r\nContent-Length: 4",
        expect![[r#"POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\n | Length(4)"#]],
    );
    check_field("Content-Length: 4, 4", expect![[r#"POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\n | Length(4)"#]]);
    check_field("Content-Length: 4\r\nContent-Length: 5", expect!["400 several lengths that differ at byte 0"]);
    check_field("Content-Length: +4", expect!["400 Content-Length is not one number at byte 0"]);
    check_field("Content-Length: 4 4", expect!["400 Content-Length is not one number at byte 0"]);
    check_field("Content-Length:", expect!["400 Content-Length is not one number at byte 0"]);
    check_field("Content-Length: 99999999999999999999999", expect!["400 Content-Length is not one number at byte 0"]);
    check_field(
        "Transfer-Encoding: CHUNKED",
        expect![[r#"POST / HTTP/1.1\r\ntransfer-encoding: CHUNKED\r\n\r\n | Chunked"#]],
    );
    check_field(
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        expect![[r#"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n | Chunked"#]],
    );
    check_field(
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\nContent-Length: 4",
        expect![[r#"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n | Chunked"#]],
    );
    check_field("Transfer-Encoding: gzip, chunked", expect!["422 a transfer coding besides chunked at byte 0"]);
    check_field("Transfer-Encoding: chunked, chunked", expect!["400 a transfer coding after chunked at byte 0"]);
    check_field(
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        expect!["400 a transfer coding after chunked at byte 0"],
    );
    check_field("Transfer-Encoding: chunked, gzip", expect!["400 a transfer coding after chunked at byte 0"]);
    check_field("Transfer-Encoding: identity", expect!["400 the last transfer coding is not chunked at byte 0"]);
    check_field("Transfer-Encoding: \u{b}chunked", expect!["400 the last transfer coding is not chunked at byte 0"]);
    check_field("Transfer-Encoding:", expect!["400 the last transfer coding is not chunked at byte 0"]);
}

#[test]
fn bounds() {
    let many = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "X: 1\r\n".repeat(count));
    assert!(read_request(many(100).as_bytes(), false).starts_with("GET"));
    expect!["400 too many fields at byte 616"].assert_eq(&read_request(many(101).as_bytes(), false));
    let long = |count: usize| format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(count));
    assert!(read_request(long(15_000).as_bytes(), false).starts_with("GET"));
    expect!["400 the head is too long at byte 15360"].assert_eq(&read_request(long(15_400).as_bytes(), false));
    expect!["400 the head is too long at byte 15360"]
        .assert_eq(&read_request(&long(15_400).as_bytes()[..15_400], false));
}

#[test]
fn responses() {
    check_response(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        expect![[r#"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n | Length(2)"#]],
    );
    check_response("HTTP/1.1 200\r\n\r\n", expect![[r#"HTTP/1.1 200 \r\n\r\n | UntilClose"#]]);
    check_response("HTTP/1.0 404 Not  Found \n\n", expect![[r#"HTTP/1.0 404 Not  Found \r\n\r\n | UntilClose"#]]);
    check_response("HTTP/1.1 2x0 OK\r\n\r\n", expect!["a status that is not three digits at byte 9"]);
    check_response("HTTP/1.1 99 OK\r\n\r\n", expect!["a status that is not three digits at byte 9"]);
    check_response("HTTP/1.1 1000 OK\r\n\r\n", expect!["a status that is not three digits at byte 9"]);
    check_response("ICY 200 OK\r\n\r\n", expect!["not a response of HTTP at byte 0"]);
    check_response("hello", expect!["not a response of HTTP at byte 0"]);
    check_response("HTT", expect!["partial"]);
    check_response("HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n", expect![[r#"HTTP/1.1 204 No\r\n\r\n | None"#]]);
    check_response(
        "HTTP/1.1 304 Not\r\nContent-Length: 2\r\n\r\n",
        expect![[r#"HTTP/1.1 304 Not\r\ncontent-length: 2\r\n\r\n | None"#]],
    );
    check_response(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        expect!["the last transfer coding is not chunked at byte 0"],
    );
    check_response(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
        expect!["several lengths that differ at byte 0"],
    );
    check_response(
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        expect![[r#"HTTP/1.1 200 OK\r\n\r\n | UntilClose close"#]],
    );
}

#[test]
fn folded_lines_are_few_and_are_not_copied_again() {
    let head = |folds: usize| format!("GET / HTTP/1.1\r\nA: {}\r\n{}\r\n", "x".repeat(1000), " y\r\n".repeat(folds));
    let mut read = RequestHead::default();
    let text = head(99);
    assert!(matches!(request(text.as_bytes(), &Limits::default(), &mut read), Ok(Some(_))));
    assert_eq!(read.headers.get(b"a").map(<[u8]>::len), Some(1000 + 99 * 4));
    assert!(read.headers.text().len() < 2 * text.len() + 400);
    let refused = request(head(100).as_bytes(), &Limits::default(), &mut read);
    assert_eq!(refused.map_err(|invalid| invalid.what), Err("too many fields"));
}
