//! Expressions over known streams, compared with what HAProxy finds.

use super::fixture::{Fixture, REQUEST, with_env, words};
use super::{Expr, Fetched, Value};
use crate::http::{ResponseHead, Version};
use expect_test::{Expect, expect};

/// What an expression finds, as a string; `-` for nothing, `?` for "not yet", `~` before what may change.
fn find(expr: &str, context: &Fixture) -> String {
    with_env(|env| {
        let expr = match Expr::parse_text(expr, env) {
            Ok((expr, "")) => expr,
            Ok((_, rest)) => return format!("rest {rest}"),
            Err(text) => return format!("error {text}"),
        };
        let show = |value: Value<'_>| {
            let text = value.cast(super::Type::Str).map(Value::into_bytes).unwrap_or_default();
            String::from_utf8_lossy(&text).replace('\r', "%0D").replace('\n', "%0A")
        };
        match expr.find(context) {
            Fetched::Found(value) => show(value),
            Fetched::Changing(value) => format!("~{}", show(value)),
            Fetched::Missing => "-".into(),
            Fetched::NotYet => "?".into(),
        }
    })
}

/// `golden.txt` holds what HAProxy 2.6.12 answered, in a response's body, where nothing found is empty.
#[test]
fn as_haproxy() {
    let context = Fixture::new(REQUEST);
    let mut wrong = String::new();
    for line in include_str!("golden.txt").lines() {
        let (expr, expected) = line.rsplit_once(" => ").unwrap();
        let found = find(expr, &context);
        let found = if found == "-" { "" } else { &found };
        if found != expected {
            wrong.push_str(&format!("{expr} => {expected}\n    found {found}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[track_caller]
fn check(expr: &str, expected: Expect) {
    expected.assert_eq(&find(expr, &Fixture::new(REQUEST)));
}

#[test]
fn errors_in_haproxys_words() {
    check("bogus", expect!["error unknown fetch method 'bogus'"]);
    check("", expect!["error missing fetch method"]);
    check("src(1)", expect!["error fetch method 'src' : expected ')' before '1)'"]);
    check("hdr(a,b)", expect!["error fetch method 'hdr' : failed to parse 'b' as type 'integer' at position 2"]);
    check("hdr(a,1,c)", expect!["error fetch method 'hdr' : expected ')' before ',c)'"]);
    check("hdr(a),low", expect!["error unknown converter 'low'"]);
    check("hdr(a),lower(1)", expect!["error invalid arg 1 in converter 'lower' : expected ')' before '1)'"]);
    check(
        "hdr(a),field",
        expect!["error invalid arg 1 in converter 'field' : expected type 'integer' at position 1, but got nothing"],
    );
    check(
        "hdr(a),field(1)",
        expect!["error invalid arg 2 in converter 'field' : missing arguments (got 1/2), type 'string' expected"],
    );
    check("hdr(a),field(1,)", expect!["error invalid args in converter 'field' : Empty separators list"]);
    check("method,add(1)", expect!["error converter 'add' cannot be applied"]);
    check("src,map(/none)", expect!["error invalid args in converter 'map' : failed to open pattern file </none>"]);
    check("hdr(a,-20)", expect!["error invalid args in fetch method 'hdr' : header occurrence must be >= -10"]);
    check("bin(0)", expect!["error invalid args in fetch method 'bin' : an even number of hex digit is expected"]);
    check("src,set-var(txn.a,b)", expect![[r#"error invalid args in converter 'set-var' : unknown condition "b""#]]);
    check(
        "fc_rtt",
        expect![
            "error fetch method 'fc_rtt' is not supported: the kernel's state of a connection (TCP_INFO) is not read"
        ],
    );
    check(
        "str(a),mqtt_is_valid",
        expect!["error converter 'mqtt_is_valid' is not supported: its protocol is not read"],
    );
    check("hdr(a) x", expect!["rest  x"]);
}

#[test]
fn counters_of_stick_tables() {
    check("sc1_conn_cnt", expect!["11"]);
    check("sc_conn_cnt(1)", expect!["11"]);
    check("sc2_conn_cnt", expect!["0"]);
    check("src_kbytes_in(t)", expect!["4"]);
    check("sc_inc_gpc(7,0)", expect!["3"]);
    check("str(known),in_table(t)", expect!["1"]);
    check("str(other),in_table(t)", expect!["0"]);
    check("str(other),table_expire(t)", expect!["-"]);
    check("str(other),table_expire(t,9)", expect!["9"]);
    check("str(other),table_conn_cnt(t)", expect!["0"]);
    check("sc3_conn_cnt", expect!["error unknown fetch method 'sc3_conn_cnt'"]);
}

#[test]
fn maps() {
    check("str(10.1.2.3),map_ip(nets.map)", expect!["sixteen"]);
    check("str(10.2.2.3),map_ip(nets.map)", expect!["net eight"]);
    check("ipv6(::ffff:10.2.2.3),map_ip(nets.map)", expect!["net eight"]);
    check("ipv6(::1),map_ip(nets.map)", expect!["six"]);
    check("str(11.2.2.3),map_ip(nets.map)", expect!["-"]);
    check("str(www.example.com),map_beg(hosts.map)", expect!["exact"]);
    check("str(www.x.com),map_beg(hosts.map)", expect!["site"]);
    check("str(www.x.com),map_end(hosts.map)", expect!["com"]);
    check("str(a.example.com),map_regm(re.map)", expect!["host-a"]);
    check("str(a.example.com),map_reg(re.map)", expect!["host-\\1"]);
    check("str(x),map(hosts.map,none)", expect!["none"]);
    check(
        "str(x),map_str_int(hosts.map)",
        expect!["error invalid args in converter 'map_str_int' : 'site' is not a number"],
    );
}

#[test]
fn variables_and_conditions() {
    check("str(a),set-var(txn.x),concat(-,txn.x,+)", expect!["a-a+"]);
    check("str(a),set-var(txn.x,ifexists),concat(-,txn.x,+)", expect!["a-+"]);
    check("int(3),set-var(txn.x),mul(2),add(txn.x)", expect!["9"]);
    check("str(a),set-var(txn.x),unset-var(txn.x),concat(-,txn.x)", expect!["a-"]);
    check("str(abc),set-var(txn.x),strcmp(txn.x)", expect!["0"]);
    check("str(abc),set-var(txn.x),upper,strcmp(txn.x)", expect!["-32"]);
    check("env(SET)", expect!["value"]);
}

#[track_caller]
fn bytes(expr: &str, bytes: &[u8], is_final: bool, expected: Expect) {
    expected.assert_eq(&find(expr, &Fixture::tcp(bytes, is_final)));
}

/// A client hello for `a.example` that offers h2 and http/1.1.
fn hello() -> Vec<u8> {
    let name = b"a.example";
    let mut extensions = vec![0, 0, 0, 14, 0, 12, 0, 0, 9];
    extensions.extend_from_slice(name);
    extensions.extend_from_slice(&[0, 16, 0, 14, 0, 12, 2]);
    extensions.extend_from_slice(b"h2\x08http/1.1");
    let mut body = vec![3, 3];
    body.extend_from_slice(&[7; 32]);
    body.extend_from_slice(&[0, 0, 2, 0x13, 1, 1, 0]);
    body.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let mut record = vec![0x16, 3, 1];
    record.extend_from_slice(&(body.len() as u16 + 4).to_be_bytes());
    record.extend_from_slice(&[1, 0]);
    record.extend_from_slice(&(body.len() as u16).to_be_bytes());
    record.extend(body);
    record
}

#[test]
fn bytes_that_are_not_all_here() {
    let hello = hello();
    bytes("req.ssl_hello_type", &hello, false, expect!["1"]);
    bytes("req.ssl_sni", &hello, false, expect!["a.example"]);
    bytes("req.ssl_alpn", &hello, false, expect!["h2,http/1.1"]);
    bytes("req.ssl_ver", &hello, false, expect!["196611"]);
    bytes("req.ssl_ec_ext", &hello, false, expect!["0"]);
    bytes("req.ssl_sni", &hello[..20], false, expect!["?"]);
    bytes("req.ssl_sni", &hello[..20], true, expect!["-"]);
    bytes("req.ssl_sni", b"GET / HTTP/1.0\r\n", false, expect!["-"]);
    bytes("req.len", b"abc", false, expect!["~3"]);
    bytes("req.len", b"abc", true, expect!["3"]);
    bytes("req.payload(1,2)", b"abcd", false, expect!["bc"]);
    bytes("req.payload(1,9)", b"abcd", false, expect!["?"]);
    bytes("req.payload(1,9)", b"abcd", true, expect!["-"]);
    bytes("req.payload(1,0)", b"abcd", false, expect!["~bcd"]);
    bytes("req.payload_lv(1,1)", b"a\x02xyz", false, expect!["xy"]);
    bytes("req.payload_lv(1,1,+1)", b"a\x02xyz", false, expect!["yz"]);
    bytes("req.payload_lv(1,1,0)", b"a\x02xyz", true, expect!["a\u{2}"]);
    bytes("wait_end", b"", false, expect!["?"]);
    bytes("wait_end", b"", true, expect!["1"]);
    bytes("path", b"GET", false, expect!["?"]);
    bytes("path", b"junk\r\n", false, expect!["-"]);
    bytes("req.proto_http", b"GET /a HT", false, expect!["?"]);
    bytes("req.proto_http", b"GET /a HTTP/1.1\r\nHost: a", false, expect!["?"]);
    bytes("req.proto_http", b"junk\r\n", false, expect!["-"]);
    bytes("req.proto_http", b"PRI * HTTP/2.0\r\n\r\nSM", false, expect!["1"]);
    bytes("hdr(a)", b"\x16\x03\x01", false, expect!["-"]);
    let rdp = b"\x03\0\0\x2a\x25\xe0\0\0\0\0\0Cookie: mstshash=user\r\n";
    bytes("req.rdp_cookie(MSTSHASH)", rdp, false, expect!["user"]);
    bytes("req.rdp_cookie(other)", rdp, false, expect!["-"]);
    bytes("rdp_cookie_cnt", rdp, false, expect!["1"]);
    bytes("rdp_cookie", &rdp[..20], false, expect!["?"]);
}

#[test]
fn converters_in_words_of_their_own() {
    with_env(|env| {
        let (expr, used) = Expr::parse(&words("hdr(host) lower field(1,:) table t"), env).unwrap();
        assert_eq!((expr.text(), used), ("hdr(host),lower,field(1,:)", 3));
        let (expr, used) = Expr::parse(&words("src, table t"), env).unwrap();
        assert_eq!((expr.text(), used), ("src,", 1));
        assert_eq!(Expr::parse(&words("hdr(a)b"), env).unwrap_err(), "missing comma after fetch keyword");
    });
}

#[test]
fn responses() {
    let mut context = Fixture::new(REQUEST);
    let mut head = ResponseHead::new(203, b"Odd", Version::Http11);
    let fields = [
        ("Server", "sv/1"),
        ("X-Multi", "a, b"),
        ("X-Multi", "c"),
        ("X-Num", "42x"),
        ("X-IP", "10.1.1.1"),
        ("Set-Cookie", "SID=abc; path=/"),
        ("Set-Cookie", "T=2"),
    ];
    for (name, value) in fields {
        head.headers.add(name.as_bytes(), value.as_bytes());
    }
    context.response = Some(head);
    // As HAProxy 2.6.12 sets them in headers by `http-response set-header`.
    for (expr, expected) in [
        ("status", "203"),
        ("res.ver", "1.1"),
        ("res.hdr(x-multi)", "c"),
        ("res.hdr(x-multi,1)", "a"),
        ("res.hdr_cnt(x-multi)", "3"),
        ("shdr(server)", "sv/1"),
        ("res.cook(SID)", "abc"),
        ("scook", "abc"),
        ("res.cook(path)", "-"),
        ("res.cook_cnt", "3"),
        ("res.cook_cnt(T)", "1"),
        ("res.fhdr(x-multi,1)", "a, b"),
        ("res.hdr_names", "server,x-multi,x-multi,x-num,x-ip,set-cookie,set-cookie"),
        ("res.hdr_val(x-num)", "42"),
        ("res.hdr_ip(x-ip)", "10.1.1.1"),
        ("capture.res.ver", "HTTP/1.1"),
        ("res.comp", "0"),
    ] {
        assert_eq!(find(expr, &context), expected, "{expr}");
    }
}
