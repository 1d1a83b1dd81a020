//! Formats, rendered for known sessions.

use super::{
    Cause, CookieRequest, CookieResponse, Facility, Format, Framing, Header, Level, Phase, Record, Termination,
};
use crate::http::{ResponseHead, Version};
use crate::sample::fixture::{Fixture, with_env};
use crate::sample::{Now, Place, Standing};
use expect_test::{Expect, expect};

/// A request whose line and headers have all that must be escaped.
fn context() -> Fixture {
    let request = "GET /a/b\"c?x=1&y=\\]z HTTP/1.1\nHost: ex.com\n\n";
    let mut context = Fixture::new(request);
    context.response = Some(ResponseHead::new(201, b"Created", Version::Http11));
    context.captures = [
        vec![Some(b"ex.com".to_vec()), None, Some("Very \"Ug]ly\\\" é|{U} A\tb".into())],
        vec![Some(b"re\"s]p\\o".to_vec()), None],
    ];
    let now = Now { micros: 1_795_825_047_088_123, offset: 3600 };
    context.now = now;
    context.record = Record {
        accepted: now,
        requested: now,
        request_ms: 1,
        queue_ms: 2,
        connect_ms: 3,
        response_ms: 4,
        data_ms: 5,
        active_ms: 15,
        total_ms: 16,
        bytes_out: 109,
        bytes_in: 125,
        termination: Termination {
            cause: Cause::ServerTimeout,
            phase: Phase::Data,
            cookie: CookieRequest::Valid,
            set_cookie: CookieResponse::Inserted,
        },
        request_cookie: Some(b"SRV=s1".to_vec()),
        retries: 2,
        request_count: 2,
        pid: 25_000,
        ..Record::default()
    };
    context
}

fn line(text: &str, context: &Fixture) -> String {
    with_env(|env| match Format::parse_log(text, env) {
        Ok(format) => String::from_utf8_lossy(&format.to_bytes(context)).into_owned(),
        Err(text) => text,
    })
}

#[track_caller]
fn check(text: &str, expected: Expect) {
    expected.assert_eq(&line(text, &context()));
}

#[track_caller]
fn rule(text: &str, expected: Expect) {
    let shown = with_env(|env| Format::parse(text, env).unwrap().to_bytes(&context()));
    expected.assert_eq(&String::from_utf8_lossy(&shown));
}

#[test]
fn standard_formats() {
    check(super::TCP, expect!["127.0.0.1:40000 [28/Nov/2026:01:17:27.088] f f/<NOSRV> 2/3/16 109 sD 0/0/0/0/2 0/0"]);
    check(
        super::HTTP,
        expect![[
            r##"127.0.0.1:40000 [28/Nov/2026:01:17:27.088] f f/<NOSRV> 1/2/3/4/15 201 109 SRV=s1 - sDVI 0/0/0/0/2 0/0 {ex.com||Very #22Ug]ly\#22 #C3#A9#7C#7BU#7D A#09b} {re#22s]p\o|} "GET /a/b#22c?x=1&y=\]z HTTP/1.1""##
        ]],
    );
    check(
        super::CLF,
        expect![[
            r##"127.0.0.1 - - [28/Nov/2026:00:17:27 +0000] "GET /a/b#22c?x=1&y=\]z HTTP/1.1" 201 109 "" "" 40000 088 "f" "f" "<NOSRV>" 1 2 3 4 15 sDVI 0 0 0 0 2 0 0 "SRV=s1" "" "ex.com" "" "Very #22Ug]ly\#22 #C3#A9#7C#7BU#7D A#09b" "re#22s]p\o" """##
        ]],
    );
    check("%[ssl_fc_sni] %sslv/%sslc", expect!["- -/-"]);
    with_env(|env| {
        env.notes().stand(Standing { places: vec![Place::Log], ..Standing::default() });
        for text in [super::TCP, super::HTTP, super::HTTPS, super::CLF] {
            let format = Format::parse_log(text, env).unwrap();
            assert_eq!(format.check_mode(false).is_ok(), text == super::TCP);
        }
    });
}

#[test]
fn flags() {
    check(
        "%{+X}ci|%{+X}cp|%{+X}Ts|%{+X}rt|%{+X}pid|%{+X}B|%{+X}ms|%{+X}lc",
        expect!["7F000001|9C40|6B0A1D97|0002|61A8|109|58|0000"],
    );
    check(
        "%{+Q}hr|%{+Q}hrl|%hsl|%hrl",
        expect![[
            r#""{ex.com||Very #22Ug]ly\#22 #C3#A9#7C#7BU#7D A#09b}"|"ex.com" "" "Very #22Ug]ly\#22 #C3#A9#7C#7BU#7D A#09b"|re#22s]p\o -|ex.com - Very #22Ug]ly\#22 #C3#A9#7C#7BU#7D A#09b"#
        ]],
    );
    check(
        "%{+E}r|%{+Q,+E}r|%r",
        expect![[
            r#"GET /a/b#22c?x=1&y=\\\]z HTTP/1.1|"GET /a/b#22c?x=1&y=\\\]z HTTP/1.1"|GET /a/b#22c?x=1&y=\]z HTTP/1.1"#
        ]],
    );
    check(
        "%{+Q}o %ci %cp %{-Q}ft %b %T %ST %[src] %[dst_port] %tsc",
        expect![[r#""127.0.0.1" 40000 f "f" 28/Nov/2026:00:17:27 +0000 201 "127.0.0.1" "8000" sDVI"#]],
    );
    check(
        "%[capture.req.hdr(2)]|%{+Q}[capture.req.hdr(1)]|%{+E}[capture.req.hdr(2)]",
        expect![[r#"Very "Ug]ly\" é|{U} A	b|""|Very \"Ug\]ly\\\" é|{U} A	b"#]],
    );
    check("%[bin(0041ff)]|%[bool(true)]|%[var(txn.x)]|%{+Q}[var(txn.x)]", expect![[r#"-|1|-|"""#]]);
    check("%{Q}ci %{+Z}ci %{}ci", expect!["127.0.0.1 127.0.0.1 127.0.0.1"]);
}

#[test]
fn parts_of_requests_and_times() {
    check(
        "%HM|%HP|%HPO|%HQ|%HU|%HV|%ID|%H",
        expect![[r##"GET|/a/b#22c|/a/b#22c|?x=1&y=\]z|/a/b#22c?x=1&y=\]z|HTTP/1.1|-|host"##]],
    );
    check("%Th|%Ti|%Tq|%TR|%Tr|%Td|%Tt|%Tu|%Ta|%Tw|%Tc|%U", expect!["0|0|1|1|4|5|16|16|15|2|3|125"]);
    check(
        "%T|%Tl|%t|%tr|%trg|%trl|%ms",
        expect![
            "28/Nov/2026:00:17:27 +0000|28/Nov/2026:01:17:27 +0100|28/Nov/2026:01:17:27.088|28/Nov/2026:01:17:27.088|28/Nov/2026:00:17:27 +0000|28/Nov/2026:01:17:27 +0100|088"
        ],
    );
    check("%bi|%si|%sp|%s|%b|%bp|%fi|%fp", expect!["-|-|-|<NOSRV>|f|-|127.0.0.1|8000"]);
    let mut bad = Fixture::tcp(b"", true);
    bad.captures = [vec![None], vec![None]];
    expect![[r#"|||<BADREQ>|"<BADREQ>"|<BADREQ>|- - 0 -1"#]]
        .assert_eq(&line("%hr|%hrl|%{+Q}hs|%r|%{+Q}HU|%HQ|%CC %CS %ST %Tq", &bad));
    let mut early = context();
    (early.record.asap, early.record.redispatched) = (true, true);
    expect!["+109 +16 +15 +16 +2"].assert_eq(&line("%B %Tt %Ta %Tu %rc", &early));
}

#[test]
fn blanks_are_merged() {
    check("  a  b   %ci  %cp   c   ", expect!["a b 127.0.0.1 40000 c "]);
    let mut none = context();
    none.captures = [Vec::new(), Vec::new()];
    expect!["127.0.0.1 201"].assert_eq(&line("%ci %hr %hs %ST", &none));
    check("a%%b\tc %[str()]|%{+Q}[str()]", expect!["a%b\tc -|\"\""]);
}

#[test]
fn rules_get_values_as_they_are() {
    rule(
        "  %ci  %{+Q}[str(ab)]|%[var(txn.x)]|%{+Q}CS|%CS|%{+E}[path]|%bi|%ID ",
        expect![[r#"  127.0.0.1  ab||""||/a/b"c|| "#]],
    );
    rule("%[bin(0109041b207f41)]", expect!["%01	%04%1B %7FA"]);
    rule("%[str(\"a\tb\u{1b}é\u{7f}\")]", expect!["a\tb%1Bé%7F"]);
    rule("%{+Q}o %[str(ab)] %HM %{-Q}HM %b", expect![[r#" ab "GET" GET "f""#]]);
}

#[test]
fn errors_in_haproxys_words() {
    check("%", expect!["truncated line after '%'"]);
    check(
        "%zz",
        expect!["no such format variable 'zz'. If you wanted to emit the '%' character verbatim, you need to use '%%'"],
    );
    check(
        "%cia",
        expect![
            "no such format variable 'cia'. If you wanted to emit the '%' character verbatim, you need to use '%%'"
        ],
    );
    check("%{+Q}", expect!["parse argument modifier without variable name near '%{+Q}'"]);
    check("%{+Q", expect!["truncated line after '+Q'"]);
    check("%[src", expect!["missing ']' after 'src'"]);
    check("%[src,foo]", expect!["failed to parse sample expression <src,foo]> : unknown converter 'foo'"]);
    check("%[]", expect!["failed to parse sample expression <]> : missing fetch method"]);
    check("%[hdr(a),lower ]", expect!["expected ']' after 'hdr(a),lower', but found ' '"]);
    check("%[hdr(a),]", expect!["failed to parse sample expression <hdr(a),]> : unknown converter ''"]);
    with_env(|env| {
        env.notes().stand(Standing { places: vec![Place::Log], ..Standing::default() });
        let refused = |text| Format::parse(text, env).unwrap_err();
        expect!["sample fetch <res.hdr(a)]> may not be reliably used here because it needs 'HTTP response headers' which is not available here"].assert_eq(&refused("%[res.hdr(a)]"));
        expect!["format variable 'tr' is reserved for HTTP mode"]
            .assert_eq(&Format::parse(super::HTTP, env).unwrap().check_mode(false).unwrap_err());
    });
}

#[test]
fn framings() {
    let header = Header {
        facility: Facility::parse("local0").unwrap(),
        level: Level::Info,
        now: Now { micros: 1_796_000_047_000_123, offset: -12_600 },
        hostname: None,
        tag: "haproxy",
        pid: 31_983,
        structured: b"",
    };
    let mut shown = String::new();
    for name in ["local", "rfc3164", "rfc5424", "priority", "short", "timed", "iso", "raw"] {
        let mut out = Vec::new();
        header.frame(Framing::parse(name).unwrap(), b"hello", 80, &mut out);
        shown.push_str(&format!("{}\n", String::from_utf8_lossy(&out)));
    }
    expect![[r#"
        <134>Nov 29 21:24:07 haproxy[31983]: hello
        <134>Nov 29 21:24:07 localhost haproxy[31983]: hello
        <134>1 2026-11-29T21:24:07.000123-03:30 - haproxy 31983 - - hello
        <134>hello
        <6>hello
        <6>2026-11-29T21:24:07.000123-03:30 hello
        2026-11-29T21:24:07.000123-03:30 hello
        hello
    "#]]
    .assert_eq(&shown);
    let mut out = b"before".to_vec();
    let header = Header { structured: b"[a@1 b=\"c\"]", hostname: Some("hst"), ..header };
    header.frame(Framing::Rfc5424, b"0123456789", 75, &mut out);
    expect![[r#"before<134>1 2026-11-29T21:24:07.000123-03:30 hst haproxy 31983 - [a@1 b="c"] 012"#]]
        .assert_eq(&String::from_utf8_lossy(&out));
}

#[test]
fn days_of_the_calendar() {
    for (seconds, expected) in
        [(0, "1970-01-01"), (951_782_400, "2000-02-29"), (4_107_542_399, "2100-02-28"), (-1, "1969-12-31")]
    {
        let date = super::render::Date::of(seconds);
        assert_eq!(format!("{:04}-{:02}-{:02}", date.year, date.month, date.day), expected);
    }
}
