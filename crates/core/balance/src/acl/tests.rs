//! Conditions over known streams, and what is said of wrong ones.

use super::{Acls, Condition, Verdict};
use crate::sample::Place;
use crate::sample::fixture::{Fixture, REQUEST, with_env, words};
use expect_test::{Expect, expect};

/// What a condition says of a request; ACLs stand before it, `;` between them.
fn judge(text: &str, context: &Fixture) -> String {
    with_env(|env| {
        let mut acls = Acls::default();
        let mut lines: Vec<&str> = text.split(" ; ").collect();
        let condition = lines.pop().unwrap_or_default();
        for line in lines {
            let line = words(line);
            if let Err(text) = acls.define(&line[0], &line[1..], env) {
                return text;
            }
        }
        let warned: String = env.notes().take_warnings().iter().map(|_| "warned ").collect();
        match Condition::parse(&words(&format!("if {condition}")), &acls, env) {
            Err(text) => text,
            Ok(condition) => match condition.test(context) {
                Verdict::Pass => format!("{warned}yes"),
                Verdict::Fail => format!("{warned}no"),
                Verdict::Wait => format!("{warned}wait"),
            },
        }
    })
}

#[track_caller]
fn check(text: &str, expected: Expect) {
    expected.assert_eq(&judge(text, &Fixture::new(REQUEST)));
}

#[track_caller]
fn all(expected: &str, conditions: &[&str]) {
    for condition in conditions {
        assert_eq!(judge(condition, &Fixture::new(REQUEST)), expected, "{condition}");
    }
}

#[test]
fn what_holds() {
    all(
        "yes",
        &[
            "TRUE",
            "!FALSE",
            "! FALSE",
            "FALSE or TRUE",
            "FALSE || TRUE",
            "TRUE TRUE or FALSE",
            "METH_POST HTTP_1.1 LOCALHOST HTTP HTTP_CONTENT HTTP_URL_SLASH WAIT_END",
            "!METH_GET",
            "{ path_beg /a/ /x }",
            "{ path_beg -i /A }",
            "{ path_end .html }",
            "{ path_dir b }",
            "{ path_dir /a/b/ }",
            "{ path_sub /b/ }",
            "{ path_reg ^/a.*html$ }",
            "{ path -m reg -i HTML }",
            "{ path_len 11 }",
            "{ path_len gt 10 }",
            "{ hdr(host) -i www.example.com:8080 }",
            "{ hdr_dom(host) -i example }",
            "{ hdr_dom(host) -i www.example.com }",
            "{ hdr_beg(host) www. }",
            "{ hdr_sub(user-agent) Ugly }",
            "{ hdr(x-forwarded-for) 10.0.0.1 }",
            "{ hdr_ip(x-forwarded-for) 192.168.0.0/16 }",
            "{ hdr_cnt(accept) 3 }",
            "{ hdr_cnt(accept) ge 3 le 1 }",
            "{ hdr(x-empty) -m found }",
            "{ hdr_val(x-num) lt 0 }",
            "{ src 10.0.0.0/8 127.1 }",
            "{ src 127.0.0.0/255.0.0.0 }",
            "{ src ::ffff:127.0.0.1 }",
            "{ src_port 39999:40001 }",
            "{ src_port :50000 }",
            "{ method POST }",
            "{ method -i post }",
            "{ cook(a) 1 }",
            "{ cook_beg(SRV) s }",
            "{ urlp(x) 2 }",
            "{ url_param(y),url_dec -m end z }",
            "{ req.body -m sub two }",
            "{ req.body -m beg p= }",
            "{ bin(6162) -m bin 6162 }",
            "{ http_auth(u) }",
            "{ http_auth_group(u) g2 g1 }",
            "{ hdr(host),lower,field(1,:) www.example.com }",
            "{ hdr_beg(host),length gt 3 }",
            "{ str(foo) -f words.lst }",
            "{ str(#y) -f words.lst }",
            "{ str(FOO) -i -f words.lst }",
            "{ str(zed) -f words.lst zed }",
            "{ int(4) ne 4 }",
            "{ str(-x) -- -x }",
            "a src 1.1.1.1 ; a path_beg /a ; a",
            "a path_beg /a ; a METH_POST",
        ],
    );
}

#[test]
fn what_does_not() {
    all(
        "no",
        &[
            "FALSE",
            "!TRUE",
            "!!FALSE",
            "TRUE FALSE or FALSE TRUE",
            "METH_GET",
            "{ path_beg /A }",
            "{ path_dir c }",
            "{ hdr_dom(host) -i exam }",
            "{ src 10.0.0.0/8 }",
            "{ hdr(nope) -m found }",
            "{ hdr(nope) x }",
            "{ method post }",
            "{ http_auth_group(u) g2 }",
            "{ var(txn.x) -m found }",
            "{ str(bar) -f words.lst }",
            "{ src_port gt 40000 }",
            "{ hdr_ip(x-forwarded-for) 172.16.0.0/12 }",
            "a path_beg /a ; !a",
        ],
    );
}

#[test]
fn errors_in_haproxys_words() {
    check("x", expect!["no such ACL : 'x'"]);
    check("{ src 1.1.1.1", expect!["missing closing '}' in condition"]);
    check("{ }", expect!["missing fetch method in ACL expression ''"]);
    check("{ bogus }", expect!["unknown fetch method 'bogus' in ACL expression 'bogus'"]);
    check("{ src x.invalid }", expect!["'x.invalid' is not a valid IPv4 or IPv6 address"]);
    check("{ src 1.1.1.1/33 }", expect!["'1.1.1.1/33' is not a valid IPv4 or IPv6 address"]);
    check("{ src_port 5:3 }", expect!["'5:3' is not a valid number range"]);
    check("{ src_port : }", expect!["':' is not a valid number range"]);
    check("{ src_port x }", expect!["'x' is not a number"]);
    check("{ src_port gt x }", expect!["'x' is neither a number nor a supported operator"]);
    check("{ req.ssl_ver x }", expect!["'x' is not a dotted number"]);
    check("{ src -m foo 1 }", expect!["unknown matching method 'foo' when parsing ACL expression"]);
    check(
        "{ src -z }",
        expect!["'-z' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'"],
    );
    check("{ req.body -m int 1 }", expect!["matching method 'int' cannot be used with fetch keyword 'req.body'"]);
    check(
        "{ hdr(a) -f words.lst -m str }",
        expect!["'-m' must only be specified before patterns and files in parsing ACL expression"],
    );
    check("{ hdr(a) -f /none }", expect!["failed to open pattern file </none>"]);
    check("{ src -u x }", expect!["the argument of -u must be an integer"]);
    check("{ hdr(a) -m bin 0g }", expect!["an hex digit is expected (found 'g')"]);
    check("a/b src 1.1.1.1 ; a", expect!["character '/' is not permitted in acl name 'a/b'."]);
    check(
        "or src 1.1.1.1 ; a",
        expect!["acl name 'or' will never match. 'or' is used to express a logical disjunction within a condition."],
    );
    check(
        "a hdr(a),low x ; a",
        expect!["error detected while parsing ACL 'a' : ACL keyword 'hdr' : unknown converter 'low'.."],
    );
    check("a hdr( ; a", expect!["error detected while parsing ACL 'a' : ACL keyword 'hdr' : expected ')'."]);
    check(
        "a meth(x) ; a",
        expect![
            "error detected while parsing ACL 'a' : matching method must be specified first (using '-m') when using a sample fetch of this type ('meth')."
        ],
    );
    check("a hdr(a) ; a", expect!["warned no"]);
    check("a hdr(a) -- ; a", expect!["no"]);
}

#[test]
fn waits_for_bytes() {
    for (condition, bytes, is_final, expected) in [
        ("{ req.len gt 3 }", "abc", false, "wait"),
        ("{ req.len gt 2 }", "abc", false, "yes"),
        ("{ req.len gt 3 }", "abc", true, "no"),
        ("{ req.ssl_hello_type 1 }", "", false, "wait"),
        ("{ req.ssl_hello_type 1 }", "GET", false, "no"),
        ("!{ req.ssl_hello_type 1 }", "", false, "wait"),
        ("WAIT_END", "", false, "wait"),
        ("FALSE WAIT_END", "", false, "no"),
        ("TRUE or WAIT_END", "", false, "yes"),
        ("{ src 127.0.0.1 } WAIT_END", "", true, "yes"),
        ("RDP_COOKIE", "", false, "wait"),
        ("HTTP", "GE", false, "wait"),
    ] {
        assert_eq!(judge(condition, &Fixture::tcp(bytes.as_bytes(), is_final)), expected, "{condition}");
    }
}

#[test]
fn places() {
    let warning = |text: &str| {
        with_env(|env| {
            let mut acls = Acls::default();
            acls.define("b", &words("res.hdr(x) y"), env).unwrap();
            acls.define("c", &words("res.hdr(x) y"), env).unwrap();
            acls.define("b", &words("src 1.1.1.1"), env).unwrap();
            let condition = Condition::parse(&words(text), &acls, env).unwrap();
            condition.check_place(Place::FrontendHttpRequest).unwrap_or_default()
        })
    };
    let check = |text, expected: Expect| expected.assert_eq(&warning(text));
    check("if TRUE", expect![""]);
    check(
        "if b",
        expect!["acl 'b' involves keywords 'res.hdr' which is incompatible with 'frontend http-request header rule'"],
    );
    check(
        "if c",
        expect![
            "acl 'c' will never match because it only involves keywords that are incompatible with 'frontend http-request header rule'"
        ],
    );
    check(
        "if { status 200 }",
        expect![
            "anonymous acl will never match because it uses keyword 'status' which is incompatible with 'frontend http-request header rule'"
        ],
    );
}
