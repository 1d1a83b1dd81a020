//! Each kind of check against servers of a few bytes: what is sent, and how it ends. The texts are HAProxy 2.6's,
//! taken from a run of it against the same servers.

use super::*;
use crate::config::NoFiles;
use crate::pattern::Library;
use expect_test::{Expect, expect};
use std::sync::Arc;

/// Reads lines of a backend.
fn read(lines: &str) -> Result<Check, String> {
    let patterns = Library::default();
    let env = Env { files: &NoFiles, patterns: &patterns };
    let mut check = Check::default();
    for line in lines.lines() {
        let words: Vec<String> =
            line.split_whitespace().map(|word| word.replace("\\s", " ").replace("\\r\\n", "\r\n")).collect();
        check.read_line(&words, env)?;
    }
    Ok(check.finish())
}

/// Runs a check against a server that says these things, one whenever the check waits. `<close>`, `<reset>`, `<hang>`.
fn talk(lines: &str, server: &[&[u8]]) -> (String, String) {
    let check = Arc::new(read(lines).unwrap());
    let about = About { backend: "b".into(), server: "s".into(), running: true, ..About::default() };
    let mut dialogue = Dialogue::new(check, about);
    let mut said = server.iter();
    let mut step = dialogue.start();
    let mut sent = String::new();
    loop {
        step = match step {
            Step::Connect(_) if server.first() == Some(&&b"<refuse>"[..]) => {
                Step::Done(dialogue.failed(Layer::Connecting, Failure::Error("Connection refused".into())))
            }
            Step::Connect(_) => dialogue.connected(),
            Step::Send(bytes) => {
                sent += &format!("{} | ", bytes.escape_ascii());
                dialogue.sent()
            }
            Step::Request(request) => {
                sent += &format!("{} | ", request.write().escape_ascii());
                dialogue.sent()
            }
            Step::Read => match said.next().copied() {
                Some(b"<close>") => dialogue.closed(),
                Some(b"<reset>") => dialogue.broken("Connection reset by peer".into()),
                Some(bytes) => dialogue.received(bytes),
                None => Step::Done(dialogue.failed(Layer::Established, Failure::Timeout)),
            },
            Step::Done(outcome) => {
                let code = if outcome.status.has_code() { outcome.code.to_string() } else { String::new() };
                return (sent, format!("{} {code} {}", outcome.status.code(), outcome.info));
            }
        };
    }
}

#[track_caller]
fn check(lines: &str, server: &[&[u8]], expected: Expect) {
    expected.assert_eq(&talk(lines, server).1);
}

#[track_caller]
fn check_sent(lines: &str, server: &[&[u8]], expected: Expect) {
    expected.assert_eq(&talk(lines, server).0);
}

const OK: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn http_status() {
    check("option httpchk", &[OK], expect!["L7OK 200 "]);
    check("option httpchk", &[b"HTTP/1.0 503 Service Unavailable\r\n\r\n"], expect!["L7STS 503 Service Unavailable"]);
    check("option httpchk", &[b"HTTP/1.1 503\r\n\r\n"], expect!["L7STS 503 "]);
    check("option httpchk", &[b"HTTP/1.0 301 Moved\r\n\r\n"], expect!["L7OK 301 "]);
    check("option httpchk", &[b"SSH-2.0-foo\r\n", b"<close>"], expect!["L7RSP  "]);
    check("option httpchk", &[], expect!["L7TOUT  "]);
    check("option httpchk", &[b"<close>"], expect!["L7RSP  "]);
    check("option httpchk", &[b"<reset>"], expect!["SOCKERR  Connection reset by peer"]);
    check("option httpchk", &[b"<refuse>"], expect!["L4CON  Connection refused"]);
    check("option httpchk", &[b"HTTP/1.0 200 OK\r\nFoo", b"<close>"], expect!["L7RSP  "]);
    check("option httpchk\nhttp-check disable-on-404", &[b"HTTP/1.0 404 Nope\r\n\r\n"], expect!["L7OKC 404 "]);
    check("option httpchk GET /\nhttp-check expect status 201", &[OK], expect!["L7STS 200 OK"]);
    check("option httpchk GET /\nhttp-check expect ! status 200", &[OK], expect!["L7STS 200 OK"]);
    check("option httpchk GET /\nhttp-check expect rstatus ^3", &[OK], expect!["L7STS 200 OK"]);
    check(
        "option httpchk GET /\nhttp-check expect status 201 comment my\\swords",
        &[OK],
        expect!["L7STS 200 OK comment: my words"],
    );
}

#[test]
fn http_content() {
    check(
        "option httpchk GET /\nhttp-check expect string bye",
        &[OK],
        expect!["L7RSP  HTTP content check did not match"],
    );
    check("option httpchk GET /\nhttp-check expect string hello", &[OK], expect!["L7OK 200 "]);
    check(
        "option httpchk GET /\nhttp-check expect ! string hello",
        &[OK],
        expect!["L7RSP  HTTP check matched unwanted content"],
    );
    check(
        "option httpchk GET /\nhttp-check expect rstring by.",
        &[OK],
        expect!["L7RSP  HTTP content check did not match"],
    );
    check("option httpchk GET /\nhttp-check expect hdr name X", &[OK], expect!["L7STS 200 OK"]);
    check(
        "option httpchk GET /\nhttp-check expect fhdr name content-length value -m beg 5",
        &[OK],
        expect!["L7OK 200 "],
    );
    check(
        "option httpchk\nhttp-check expect string hello",
        &[b"HTTP/1.0 200 OK\r\n\r\n", b"<close>"],
        expect!["L7RSP  HTTP content check could not find a response body"],
    );
    check(
        "option httpchk\nhttp-check expect string hello",
        &[b"HTTP/1.0 200 OK\r\n\r\nhe", b"llo"],
        expect!["L7OK 200 "],
    );
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n";
    check("option httpchk\nhttp-check expect string ab", &[chunked], expect!["L7OK 200 "]);
}

#[test]
fn http_requests() {
    check_sent(
        "option httpchk GET /foo HTTP/1.1",
        &[OK],
        expect![[r#"GET /foo HTTP/1.1\r\nconnection: close\r\n\r\n | "#]],
    );
    check_sent(
        "option httpchk GET /foo HTTP/1.1\\r\\nHost:\\swww",
        &[OK],
        expect![[r#"GET /foo HTTP/1.1\r\nhost: www\r\nconnection: close\r\n\r\n | "#]],
    );
    check_sent(
        "option httpchk\nhttp-check send meth POST uri /p body abc hdr Content-Length 7",
        &[OK],
        expect![[r#"POST /p HTTP/1.0\r\ncontent-length: 3\r\n\r\nabc | "#]],
    );
    check_sent(
        "option httpchk GET http://a/b HTTP/1.1\nhttp-check send hdr Host www",
        &[OK],
        expect![[r#"GET http://www/b HTTP/1.1\r\nhost: www\r\nconnection: close\r\n\r\n | "#]],
    );
    let two = "option httpchk\nhttp-check connect\nhttp-check send meth GET uri /a\nhttp-check expect status 200\n\
               http-check connect\nhttp-check send meth GET uri /b\nhttp-check expect status 201";
    check_sent(two, &[OK, OK], expect![[r#"GET /a HTTP/1.0\r\n\r\n | GET /b HTTP/1.0\r\n\r\n | "#]]);
}

#[test]
fn tcp() {
    check("option tcp-check", &[], expect!["L4OK  "]);
    check("option tcp-check\ntcp-check connect", &[], expect!["L4OK  (tcp-check)"]);
    check(
        "option tcp-check",
        &[b"<refuse>"],
        expect!["L4CON  Connection refused at initial connection step of tcp-check"],
    );
    check(
        "option tcp-check\ntcp-check connect port 7 comment hello",
        &[b"<refuse>"],
        expect!["L4CON  Connection refused at step 1 of tcp-check (connect port 7) comment: 'hello'"],
    );
    check("option tcp-check\ntcp-check send foo", &[], expect!["L7OK 0 (tcp-check)"]);
    let foo = "option tcp-check\ntcp-check expect string foo";
    check(foo, &[b"foobar"], expect!["L7OK 0 (tcp-check)"]);
    check(foo, &[b"fo", b"obar"], expect!["L7OK 0 (tcp-check)"]);
    check(foo, &[b"barbar", b"<close>"], expect!["L7RSP  TCPCHK did not match content 'foo' at step 1"]);
    check(foo, &[b"barbar"], expect!["L7TOUT   at step 1 of tcp-check (expect string 'foo')"]);
    check(foo, &[b"<close>"], expect!["L7RSP  TCPCHK got an empty response at step 1"]);
    check(
        foo,
        &[b"<reset>"],
        expect!["SOCKERR  Connection reset by peer at step 1 of tcp-check (expect string 'foo')"],
    );
    check(
        "option tcp-check\ntcp-check expect ! string foo",
        &[b"foobar"],
        expect!["L7RSP  TCPCHK matched unwanted content 'foo' at step 1"],
    );
    check(
        "option tcp-check\ntcp-check expect min-recv 0 string foo",
        &[b"barbar"],
        expect!["L7RSP  TCPCHK did not match content 'foo' at step 1"],
    );
    check(
        "option tcp-check\ntcp-check expect binary 00ff41",
        &[b"barbar", b"<close>"],
        expect!["L7RSP  TCPCHK did not match content (binary) at step 1"],
    );
    check("option tcp-check\ntcp-check expect rbinary ^ff", &[b"\xffa"], expect!["L7OK 0 (tcp-check)"]);
}

#[test]
fn tcp_sequences() {
    let lines = "option tcp-check\ntcp-check connect\ntcp-check expect string AAA\ntcp-check expect rstring BBB$\n\
                 tcp-check send x\ntcp-check expect rstring ^CCC";
    check(lines, &[b"AAA", b"BBB", b"CCC"], expect!["L7OK 0 (tcp-check)"]);
    check(lines, &[b"AAABBB", b"<close>"], expect!["L7RSP  TCPCHK got an empty response at step 5"]);
    let lines =
        "option tcp-check\ntcp-check connect\ntcp-check comment X\ntcp-check send a\ntcp-check expect string foo";
    check(lines, &[b"bar", b"<close>"], expect!["L7RSP  TCPCHK did not match content 'foo' at step 4"]);
    let lines = "option tcp-check\ntcp-check connect\ntcp-check comment before\ntcp-check expect string foo";
    check(lines, &[b"bar", b"<close>"], expect!["L7RSP  TCPCHK did not match content 'foo' at step 3 comment: before"]);
    check(lines, &[b"<close>"], expect!["L7RSP  TCPCHK got an empty response at step 3 comment: 'before'"]);
    check(lines, &[], expect!["L7TOUT   at step 3 of tcp-check (expect string 'foo') comment: 'before'"]);
}

#[test]
fn smtp() {
    check("option smtpchk", &[b"220 mail\r\n", b"250 hi\r\n", b"221 bye\r\n"], expect!["L7OK 221 bye"]);
    check(
        "option smtpchk EHLO a.b",
        &[b"220 mail\r\n", b"250-hi\r\n250 x\r\n", b"221 bye\r\n"],
        expect!["L7OK 221 bye"],
    );
    check("option smtpchk", &[b"421 no service\r\n"], expect!["L7STS 421 no service"]);
    check("option smtpchk", &[b"hello there\r\n"], expect!["L7RSP  hello there"]);
    check("option smtpchk", &[b"22", b"<close>"], expect!["L7RSP  22"]);
    check("option smtpchk", &[b"220 mail\r\n", b"250 hi\r\n", b"500 no quit\r\n"], expect!["L7STS 500 no quit"]);
    check(
        "option smtpchk",
        &[b"220 mail\r\n", b"250 hi\r\n", b"<close>"],
        expect!["L7STS 0 TCPCHK got an empty response at step 7"],
    );
    check("option smtpchk", &[b"<close>"], expect!["L7RSP  TCPCHK got an empty response at step 2"]);
}

#[test]
fn databases() {
    let hello: &[u8] = b"\x05\0\0\0\x0a5.7\0";
    check("option mysql-check user bob", &[hello, b"\x01\0\0\x02\0"], expect!["L7OK 0 "]);
    check("option mysql-check user bob pre-41", &[hello, b"\x05\0\0\x02\xff\x15\x04no"], expect!["L7STS 1045 no"]);
    check("option mysql-check", &[b"\x05\0\0\0\xff\x6a\x04no"], expect!["L7STS 1130 no"]);
    check("option mysql-check user bob", &[hello, b"<close>"], expect!["L7RSP  "]);
    check("option mysql-check user bob", &[b"SSH-2.0\r\n", b"<close>"], expect!["L7RSP  "]);
    check("option mysql-check user bob", &[b"SSH-2.0\r\n", b"<reset>"], expect!["L7RSP  "]);
    check("option mysql-check user bob", &[b"<close>"], expect!["L7RSP  TCPCHK got an empty response at step 3"]);
    check("option pgsql-check user bob", &[b"R\0\0\0\x08\0\0\0\0"], expect!["L7OK 0 PostgreSQL server is ok"]);
    check("option pgsql-check user bob", &[b"R\0\0\0\x17\0\0\0\x0aSCRAM"], expect!["L7OK 0 PostgreSQL server is ok"]);
    check("option pgsql-check user bob", &[b"E\0\0\0\x30SFATAL\0C28000\0"], expect!["L7RSP  FATAL"]);
    check("option pgsql-check user bob", &[b"foobarbazqux\r\n"], expect!["L7STS 0 PostgreSQL unknown error"]);
    check("option redis-check", &[b"+PONG\r\n"], expect!["L7OK 0 Redis server is ok"]);
    check("option redis-check", &[b"-NOAUTH\r\n", b"<close>"], expect!["L7STS 0 -NOAUTH"]);
}

#[test]
fn database_requests() {
    check_sent(
        "option mysql-check user bob",
        &[b"\x01\0\0\0\x0a", b"<close>"],
        expect![[
            r#"%\x00\x00\x01\x00\x82\x00\x00\x00\x80\x00\x01!\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00bob\x00\x00\x01\x00\x00\x00\x01 | "#
        ]],
    );
    check_sent(
        "option mysql-check user bob pre-41",
        &[b"\x01\0\0\0\x0a", b"<close>"],
        expect![[r#"\n\x00\x00\x01\x00\x80\x00\x00\x01bob\x00\x00\x01\x00\x00\x00\x01 | "#]],
    );
    check_sent(
        "option pgsql-check user bob",
        &[b"<close>"],
        expect![[r#"\x00\x00\x00\x12\x00\x03\x00\x00user\x00bob\x00\x00 | "#]],
    );
    check_sent("option redis-check", &[b"<close>"], expect![[r#"*1\r\n$4\r\nPING\r\n | "#]]);
    check_sent(
        "option ldap-check",
        &[b"<close>"],
        expect![[r#"0\x0c\x02\x01\x01`\x07\x02\x01\x03\x04\x00\x80\x00 | "#]],
    );
    let hello = talk("option ssl-hello-chk", &[b"<close>"]).0;
    assert!(hello.starts_with(r"\x16\x03\x00\x00y\x01\x00\x00u\x03\x00") && hello.contains("HAPROXYSSLCHK"));
}

#[test]
fn ldap_and_ssl() {
    check("option ldap-check", &[b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0"], expect!["L7OK 0 "]);
    check(
        "option ldap-check",
        &[b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x31\x04\0\x04\0"],
        expect!["L7STS 49 See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9"],
    );
    check(
        "option ldap-check",
        &[b"\x30\x84\0\0\0\x10\x02\x01\x01\x61\x84\0\0\0\x07\x0a\x01\0\x04\0\x04\0"],
        expect!["L7OK 0 "],
    );
    check("option ldap-check", &[b"garbagegarbagegarbage"], expect!["L7RSP  Not LDAPv3 protocol"]);
    check("option ldap-check", &[b"\x30\x0c", b"<close>"], expect!["L7RSP  "]);
    check("option ssl-hello-chk", &[b"\x15\x03\0\0\x02\x02\x28"], expect!["L6OK  "]);
    check("option ssl-hello-chk", &[b"SSH-2.0\r\n"], expect!["L6RSP  "]);
    check("option ssl-hello-chk", &[], expect!["L6TOUT  "]);
}

#[test]
fn agents() {
    let read = |line: &str| match agent::read(line.as_bytes(), true) {
        Some(Ok(agent)) => format!("{agent:?}"),
        other => format!("{other:?}"),
    };
    expect![[r#"Agent { health: Some(("up", L7Ok)), wish: Some(Ready), weight: Some("75%"), maxconn: Some("30"), unknown: None, description: "fine" }"#]].assert_eq(&read("ready up 75%,maxconn:30 # fine\n"));
    expect![[r#"Agent { health: Some(("fail", L7Status)), wish: None, weight: None, maxconn: None, unknown: None, description: "my text" }"#]].assert_eq(&read("fail # my text\r\n"));
    expect![[r#"Some(Err(Outcome { status: L7Timeout, code: 0, info: "Ignoring incomplete line from agent" }))"#]]
        .assert_eq(&read("up foo"));
    expect![[r#"Some(Err(Outcome { status: L7Response, code: 0, info: "TCPCHK got an empty response at step 2" }))"#]]
        .assert_eq(&read(""));
    assert_eq!(agent::read(b"up", false), None);
}

#[test]
fn wrong_lines() {
    let wrong = |lines: &str| read(lines).err().unwrap_or_else(|| "taken".into());
    let all = [
        "option httpchk GET / HTTP/1.1 foo",
        "option mysql-check bob",
        "option mysql-check user bob foo",
        "option pgsql-check",
        "option external-check",
        "http-check foo",
        "http-check expect",
        "http-check expect foo bar",
        "http-check expect status",
        "http-check expect status 20x",
        "http-check expect status 200-100",
        "http-check expect status 200 201",
        "http-check expect hdr foo",
        "http-check expect hdr name -m foo x",
        "http-check expect status 200 ok-status FOO",
        "http-check expect min-recv -2 status 200",
        "http-check send foo",
        "http-check send hdr A",
        "http-check send meth GET\nhttp-check send meth GET",
        "http-check send meth GET\nhttp-check connect",
        "http-check connect port 99999",
        "http-check set-var(foo) int(1)",
        "http-check disable-on-404 x",
        "tcp-check foo",
        "tcp-check send",
        "tcp-check send a b",
        "tcp-check send-binary 123",
        "tcp-check send-binary zz",
        "tcp-check expect string a b",
        "tcp-check expect binary zz",
        "tcp-check connect proto h2",
        "tcp-check connect via-socks4",
        "tcp-check comment",
    ];
    let said: Vec<_> = all.iter().map(|lines| format!("{lines:?}: {}\n", wrong(lines))).collect();
    expect![[r#"
        "option httpchk GET / HTTP/1.1 foo": 'option httpchk' cannot handle unexpected argument 'foo'.
        "option mysql-check bob": 'option mysql-check' only supports optional values: 'user' (got 'bob').
        "option mysql-check user bob foo": keyword 'user' only supports 'post-41' and 'pre-41' (got 'foo').
        "option pgsql-check": 'option pgsql-check' expects 'user <username>' as argument.
        "option external-check": 'option external-check' is refused: no program is started to check a server; use 'option httpchk' or an agent ('agent-check').
        "http-check foo": 'http-check' only supports 'disable-on-404', 'send-state', 'comment', 'connect', 'send', 'expect', 'set-var-fmt(*)', 'set-var(*)', 'unset-var(*)'. but got 'foo'
        "http-check expect": 'http-check expect' : expects at least a matching pattern as arguments.
        "http-check expect foo bar": 'http-check expect' : 'only supports min-recv, [!]string', '[!]rstring', '[!]string-lf', '[!]status', '[!]rstatus', [!]hdr, [!]fhdr or comment but got 'foo' as argument..
        "http-check expect status": 'http-check expect' : 'status' expects a <pattern> as argument.
        "http-check expect status 20x": 'http-check expect' : invalid character 'x' in the list of status codes.
        "http-check expect status 200-100": 'http-check expect' : invalid range of status codes '200-100'.
        "http-check expect status 200 201": 'http-check expect' : 'only supports min-recv, [!]string', '[!]rstring', '[!]string-lf', '[!]status', '[!]rstatus', [!]hdr, [!]fhdr or comment but got '201' as argument..
        "http-check expect hdr foo": 'http-check expect' : 'hdr' expects at the name keyword as first argument followed by a pattern.
        "http-check expect hdr name -m foo x": 'http-check expect' : 'hdr' : '-m' only supports 'str', 'beg', 'end', 'sub' or 'reg' (got 'foo').
        "http-check expect status 200 ok-status FOO": 'http-check expect' : 'ok-status' only supports 'L4OK', 'L6OK', 'L7OK' or 'L7OKC' status (got 'FOO')..
        "http-check expect min-recv -2 status 200": 'http-check expect' : 'min-recv' expects -1 or an integer from 0 to INT_MAX.
        "http-check send foo": 'http-check send' : expects 'comment', 'meth', 'uri', 'uri-lf', 'ver', 'hdr', 'body' or 'body-lf' but got 'foo' as argument..
        "http-check send hdr A": 'http-check send' : 'hdr' expects <name> and <value> as arguments.
        "http-check send meth GET\nhttp-check send meth GET": 'http-check send' : unable to add http-check send rule at step 2 (missing connect rule)..
        "http-check send meth GET\nhttp-check connect": 'http-check connect' : first step MUST also be a 'connect', optionally preceded by a 'set-var', an 'unset-var' or a 'comment', when there is a 'connect' step in the tcp-check ruleset.
        "http-check connect port 99999": 'http-check connect' : expects a valid TCP port (from range 1 to 65535) or a sample expression, got 99999..
        "http-check set-var(foo) int(1)": 'http-check set-var(foo)' : 'set-var' : invalid variable name 'foo'. A variable name must be start by its scope. The scope can be 'proc', 'sess', 'txn', 'req', 'res' or 'check'.
        "http-check disable-on-404 x": 'http-check' cannot handle unexpected argument 'x'.
        "tcp-check foo": 'tcp-check' only supports 'comment', 'connect', 'send', 'send-binary', 'expect', 'set-var-fmt(*)', 'set-var(*)', 'unset-var(*)'. but got 'foo'
        "tcp-check send": 'tcp-check send' : 'string' expects a send as argument.
        "tcp-check send a b": 'tcp-check send' : expects 'comment' but got 'b' as argument..
        "tcp-check send-binary 123": 'tcp-check send-binary' : '123' invalid binary string (an even number of hex digit is expected)..
        "tcp-check send-binary zz": 'tcp-check send-binary' : 'zz' invalid binary string (an hex digit is expected (found 'z'))..
        "tcp-check expect string a b": 'tcp-check expect' : 'only supports min-recv, '[!]binary', '[!]string', '[!]rstring', '[!]string-lf''[!]rbinary', '[!]binary-lf' or comment but got 'b' as argument..
        "tcp-check expect binary zz": 'tcp-check expect' : invalid binary string (an hex digit is expected (found 'z')).
        "tcp-check connect proto h2": 'tcp-check connect' : 'proto' : invalid MUX protocol 'h2' for tcp-check.
        "tcp-check connect via-socks4": 'tcp-check connect' : 'via-socks4' is refused: proxies of SOCKS are not spoken to; check an address that is reached directly.
        "tcp-check comment": 'tcp-check comment' : expects a string as argument.
    "#]].assert_eq(&said.concat());
}

proptest::proptest! {
    /// Whatever a server says, in whatever pieces, a check of any kind ends, and does not panic.
    #[test]
    fn any_answer(kind in 0..12usize, pieces in proptest::collection::vec(proptest::collection::vec(0..=255u8, 0..40), 0..8)) {
        let kinds = [
            "option httpchk", "option httpchk\nhttp-check expect rstring ab", "option smtpchk",
            "option mysql-check user bob", "option mysql-check", "option pgsql-check user bob", "option redis-check",
            "option ldap-check", "option ssl-hello-chk", "option tcp-check\ntcp-check expect rbinary ^00",
            "option tcp-check\ntcp-check expect string a\ntcp-check expect ! string b", "option tcp-check",
        ];
        // What begins as it should gets further.
        let heads: [&[u8]; 4] = [b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"\x30\x84", b"\x05\0\0\0"];
        for head in heads {
            let said: Vec<&[u8]> = std::iter::once(head).chain(pieces.iter().map(Vec::as_slice)).chain([&b"<close>"[..]]).collect();
            talk(kinds[kind], &said);
        }
        agent::read(&pieces.concat(), true);
    }
}
