//! Requests of strangers, under all rules that read or change them: whatever comes, nothing panics.

use proptest::prelude::*;

use super::{
    cookie::{Answered, Cookie, Persistence, ServerCookie},
    evaluate,
    tests::request_rule,
};
use crate::{
    http::{RequestHead, ResponseHead, Version},
    sample::fixture::Fixture,
};

const RULES: &[&str] = &[
    "set-path /x%[path]",
    "set-query %[path]",
    "set-pathq %[hdr(x)]",
    "set-uri %[hdr(x)]",
    "set-header Host %[hdr(x)]",
    "replace-path (.*)/(.*) \\2\\1\\9\\x4",
    "replace-value X (.) [\\1]",
    "replace-header X ^(.*)$ \\0\\",
    "normalize-uri fragment-encode",
    "normalize-uri path-strip-dot",
    "normalize-uri path-strip-dotdot full",
    "normalize-uri path-merge-slashes",
    "normalize-uri percent-decode-unreserved",
    "normalize-uri percent-to-uppercase",
    "normalize-uri query-sort-by-name",
    "normalize-uri fragment-strip",
];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    // Much of what parsers look at, and anything else.
    let telling = prop::sample::select(b"/?#&=%;:,.|~\"\\ *aZ09-".to_vec());
    prop::collection::vec(prop_oneof![3 => telling, 1 => any::<u8>()], 0..40)
}

proptest! {
    #[test]
    fn rules_take_any_request(uri in bytes(), fields in prop::collection::vec(bytes(), 0..3)) {
        for line in RULES {
            let mut exchange = Fixture::new("");
            let mut head = RequestHead::new(b"GET", &uri, Version::Http11);
            head.headers.add(b"Host", b"h");
            fields.iter().for_each(|value| head.headers.add(b"X", value));
            exchange.request = Some(head);
            evaluate(&[request_rule(line)], &mut 0, &mut exchange);
        }
    }

    #[test]
    fn cookies_take_any_field(field in bytes(), set in bytes(), mode in 0..4_usize) {
        let words = ["A insert maxidle 10 maxlife 20", "A insert indirect", "A prefix", "A rewrite"][mode];
        let words: Vec<_> = words.split(' ').map(str::to_owned).collect();
        let cookie = Cookie::parse(&words, &mut Vec::new()).unwrap();
        let mut head = RequestHead::new(b"GET", b"/", Version::Http11);
        head.headers.add(b"Cookie", &[b"A=a", &field[..]].concat());
        head.headers.add(b"Cookie", &field);
        let servers = [ServerCookie { index: 0, value: "a", running: true }];
        let found = cookie.request(&mut head, servers.into_iter(), Persistence::default());
        let mut answer = ResponseHead::new(200, b"OK", Version::Http11);
        answer.headers.add(b"Set-Cookie", &[b"A=", &set[..]].concat());
        let answered = Answered { server: Some("a"), direct: true, method: b"GET", ignored: false, now: 5 };
        cookie.response(&mut answer, &found, answered);
    }
}
