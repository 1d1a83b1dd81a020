//! What HAProxy 2.6.12 did under the same rules, and what it said of wrong ones.
//!
//! `measured.txt`: `rule` lines of a frontend `front`, `ask` a request (lines parted by `@`; `x-answer` tells the server
//! what to answer, lines parted by `@@`), `got` what the server received, `end` what the client did, `body` that of an
//! answer made by a rule. Names of fields are shown in small letters.

use std::cell::RefCell;

use super::*;
use crate::{
    http::{Answer, Headers, Reply, ResponseHead, Version},
    sample::{
        context::Endpoint,
        fixture::{Fixture, with_env},
    },
};

const MEASURED: &str = include_str!("measured.txt");

thread_local! {
    /// Effects asked for since the last look.
    static EFFECTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl Exchange for Fixture {
    fn request_mut(&mut self) -> Option<&mut crate::http::RequestHead> {
        self.request.as_mut()
    }

    fn response_mut(&mut self) -> Option<&mut ResponseHead> {
        self.response.as_mut()
    }

    fn effect(&mut self, effect: Effect<'_>) {
        let moved = |end: &mut Option<Endpoint>, ip: Option<std::net::IpAddr>, port: Option<u16>| {
            if let Some(Endpoint::Ip(address)) = end {
                address.set_ip(ip.unwrap_or(address.ip()));
                address.set_port(port.unwrap_or(address.port()));
            }
        };
        match effect {
            Effect::Source(ip) => moved(&mut self.client.source, Some(ip), None),
            Effect::SourcePort(port) => moved(&mut self.client.source, None, Some(port)),
            Effect::Destination(ip) => moved(&mut self.client.destination, Some(ip), None),
            Effect::DestinationPort(port) => moved(&mut self.client.destination, None, Some(port)),
            other => EFFECTS.with_borrow_mut(|effects| effects.push(format!("{other:?}"))),
        }
    }
}

/// Words of a line, as a configuration would split it.
fn words(line: &str) -> Vec<String> {
    let (mut found, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek().is_some_and(|next| "\"\\ ".contains(*next)) => word.extend(letters.next()),
            '"' => (quoted, any) = (!quoted, true),
            ' ' if !quoted => {
                if any || !word.is_empty() {
                    found.push(std::mem::take(&mut word));
                }
                any = false;
            }
            other => word.push(other),
        }
    }
    if any || !word.is_empty() {
        found.push(word);
    }
    found
}

/// Parses with a context of its own; warnings are left behind.
fn parsed<T>(parse: impl FnOnce(&Context<'_>) -> Result<T, String>) -> Result<T, String> {
    with_env(|env| {
        let (captures, warnings) = (RefCell::new([vec![8], Vec::new()]), RefCell::default());
        let acls = Acls::default();
        parse(&Context {
            proxy: "front",
            acls: &acls,
            env,
            experimental: true,
            captures: &captures,
            warnings: &warnings,
        })
    })
}

/// A rule of `http-request`.
pub(super) fn request_rule(line: &str) -> Rule {
    parsed(|context| http_request(&words(line), context)).unwrap()
}

#[derive(Default)]
struct Lists {
    request: Vec<Rule>,
    redirects: Vec<Rule>,
    response: Vec<Rule>,
    after: Vec<Rule>,
}

impl Lists {
    fn add(&mut self, line: &str) {
        let words = words(line);
        let args = &words[1..];
        let rule = parsed(|context| match words[0].as_str() {
            "http-request" => http_request(args, context),
            "http-response" => http_response(args, context),
            "http-after-response" => http_after_response(args, context),
            "redirect" => redirect(args, context),
            other => panic!("{other}"),
        });
        let list = match words[0].as_str() {
            "http-request" => &mut self.request,
            "http-response" => &mut self.response,
            "redirect" => &mut self.redirects,
            _ => &mut self.after,
        };
        list.push(rule.unwrap());
    }

    /// `got`, `end` and `body` lines.
    fn play(&self, request: &str) -> Vec<String> {
        let mut out = Vec::new();
        let mut exchange = Fixture::new(&request.split(" @ ").collect::<Vec<_>>().join("\n"));
        let answer = exchange.request.as_ref().and_then(|head| head.headers.get(b"x-answer"));
        let answer = answer.map_or_else(|| "200 OK".into(), |text| String::from_utf8_lossy(text).into_owned());
        let mut verdict = evaluate(&self.request, &mut 0, &mut exchange);
        if matches!(verdict, Verdict::Continue | Verdict::Accept) {
            verdict = evaluate(&self.redirects, &mut 0, &mut exchange);
        }
        let mut body = Vec::new();
        if matches!(verdict, Verdict::Continue | Verdict::Accept) {
            let head = exchange.request.as_ref().unwrap();
            let line = format!("{} {} HTTP/1.1", lossy(head.method()), lossy(head.uri()));
            out.push(format!("got {}", shown(line, &head.headers)));
            exchange.response = Some(head_of(&answer));
            verdict = evaluate(&self.response, &mut 0, &mut exchange);
        }
        if !matches!(verdict, Verdict::Continue | Verdict::Accept) {
            let Some(answer) = answer_of(verdict) else { return vec!["end closed".into()] };
            let mut head = ResponseHead::new(answer.status, answer.reason.as_bytes(), Version::Http11);
            answer.headers.iter().for_each(|(name, value)| head.headers.add(name, value));
            (exchange.response, body) = (Some(head), answer.body);
            out.retain(|line| !line.starts_with("got"));
        }
        evaluate(&self.after, &mut 0, &mut exchange);
        let head = exchange.response.as_ref().unwrap();
        out.push(format!("end {}", shown(format!("HTTP/1.1 {} {}", head.status, lossy(head.reason())), &head.headers)));
        if !body.is_empty() {
            out.push(format!("body {:?}", lossy(&body)));
        }
        out
    }
}

fn head_of(answer: &str) -> ResponseHead {
    let mut lines = answer.split(" @@ ");
    let (status, reason) = lines.next().unwrap().split_once(' ').unwrap();
    let mut head = ResponseHead::new(status.parse().unwrap(), reason.as_bytes(), Version::Http11);
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        head.headers.add(name.as_bytes(), value.as_bytes());
    }
    head
}

fn answer_of(verdict: Verdict) -> Option<Answer> {
    match verdict {
        Verdict::Deny(reply) | Verdict::Tarpit(reply) | Verdict::Reply(reply) => match reply {
            Reply::Page(status) => Some(Answer::page(status)),
            Reply::Built(answer) => Some(answer),
            other => panic!("{other:?}"),
        },
        Verdict::Unauthorized { realm } => Some(Answer::unauthorized(&realm)),
        _ => None,
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn shown(line: String, headers: &Headers) -> String {
    let field = |(name, value): (&[u8], &[u8])| format!("{}: {}", lossy(name).to_ascii_lowercase(), lossy(value));
    let fields = headers.iter().map(field).filter(|field| !field.starts_with("x-answer"));
    [line].into_iter().chain(fields).collect::<Vec<_>>().join(" @ ")
}

#[test]
fn as_measured() {
    let mut wrong = Vec::new();
    for case in MEASURED.split("\n\n") {
        let mut lists = Lists::default();
        let (mut ask, mut expected) = ("", Vec::new());
        for line in case.lines() {
            match line.split_once(' ').unwrap() {
                ("rule", rule) => lists.add(rule),
                ("ask", request) => ask = request,
                _ => expected.push(line.trim_end()),
            }
        }
        let played = lists.play(ask);
        if played.iter().map(|line| line.trim_end()).ne(expected.iter().copied()) {
            wrong.push(format!("{case}\n--- but\n{}\n", played.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[track_caller]
fn refused<T: std::fmt::Debug>(
    line: &str,
    parse: impl Fn(&[String], &Context<'_>) -> Result<T, String>,
    expected: &str,
) {
    let args = words(line);
    assert_eq!(parsed(|context| parse(&args, context)).unwrap_err(), expected, "{line}");
}

#[test]
fn refusals_of_http_request_are_haproxys() {
    // What follows "error detected in proxy 'front' while parsing 'http-request <first word>' rule : ".
    for (line, text) in [
        ("set-header", "expects exactly 2 arguments."),
        ("set-header x", "expects exactly 2 arguments."),
        ("del-header", "expects at least 1 argument."),
        ("del-header x -m foo", "-m with unsupported matching method 'foo'."),
        ("del-header x -m", "-m flag expects exactly 1 argument."),
        ("replace-header x", "expects exactly 3 arguments."),
        ("set-path", "expects exactly 1 argument <format>."),
        ("set-uri a b", "expects exactly 1 argument <format>."),
        ("deny deny_status 600", "Unexpected status code '600'."),
        ("deny status", "'status' expects <status_code> as argument."),
        ("return status 700", "Unexpected status code '700'."),
        ("return status 200 string", "'string' expects <str> as argument."),
        ("return string x", "a content type must be defined when non-empty payload is configured."),
        ("return status 200 content-type", "'content-type' expects <ctype> as argument."),
        ("return string x content-type x hdr a", "'hdr' expects <name> and <value> as arguments."),
        ("return content-type a string x file y", "unexpected 'file' argument, 'string' already defined."),
        ("return status 204 content-type a string x", "No body expected for 204 responses."),
        (
            "return status 299 default-errorfiles",
            "status code '299' not handled by default with 'default-errorfiles' argument..",
        ),
        ("return errorfile", "'errorfile' expects <fmt> as argument."),
        ("return file /nope", "error opening file '/nope'."),
        ("redirect", "redirection type expected ('prefix', 'location', or 'scheme')."),
        ("redirect location", "missing argument for 'location'."),
        (
            "redirect location / code 200",
            "'code': unsupported HTTP code '200' (must be one of 301, 302, 303, 307 or 308).",
        ),
        (
            "redirect location / foo",
            "expects 'code', 'prefix', 'location', 'scheme', 'set-cookie', 'clear-cookie', 'drop-query', \
             'ignore-empty' or 'append-slash' (was 'foo').",
        ),
        ("auth realm", "missing realm value.\n."),
        ("use-service foo", "'foo' unknown service name.."),
        ("use-service", "'use-service' expects a service name.."),
        (
            "set-var(foo) int(1)",
            "invalid variable name 'foo'. A variable name must be start by its scope. The scope can be 'proc', \
             'sess', 'txn', 'req', 'res' or 'check'.",
        ),
        ("set-var(txn.foo)", "missing fetch method."),
        ("set-var(txn.foo) foo", "unknown fetch method 'foo'."),
        ("set-var(txn.x,foo) int(1)", "unknown condition \"foo\"."),
        (
            "set-var",
            "invalid or incomplete action 'set-var'. Expects 'set-var(<var-name>)', 'set-var-fmt(<var-name>)' or \
             'unset-var(<var-name>)'.",
        ),
        ("set-nice", "expects exactly 1 argument (integer value)."),
        ("set-log-level foo", "expects exactly 1 argument (log level name or 'silent')."),
        ("set-tos foo", "invalid character starting at 'foo' (integer/hex value expected)."),
        ("track-sc0", "missing fetch method."),
        ("track-sc9 src", "9 track-sc number exceeding 2 (MAX_SESS_STKCTR-1) value."),
        ("sc-inc-gpc0(9)", "invalid stick table track ID. The max allowed ID is 2."),
        ("sc-inc-gpc(0,9)", "invalid stick table track ID 'sc-inc-gpc(0,9)'. The max allowed ID is 2."),
        ("capture hdr(x)", "expects <expression> [ 'len' <length> | id <idx> ]."),
        ("capture hdr(x) len 0", "length must be > 0."),
        ("wait-for-body", "expects time <time> [ at-least <bytes> ]."),
        ("wait-for-body time x", "unexpected character 'x'."),
        ("strict-mode", "expects exactly 1 arguments."),
        ("strict-mode x", "Unexpected value 'x'. Only 'on' and 'off' are supported."),
        ("early-hint", "expects exactly 2 arguments."),
        ("set-timeout", "expects exactly 2 arguments."),
        ("set-timeout x 1s", "'set-timeout' rule supports 'server'/'tunnel' (got 'x')."),
        ("add-acl(x)", "expects exactly 1 arguments."),
        ("set-map(/tmp/x) y", "expects exactly 2 arguments."),
        ("set-src foo", "unknown fetch method 'foo'."),
        ("cache-use x", "'cache-use' cannot be used here: there is no cache."),
    ] {
        let name = line.split(' ').next().unwrap();
        let expected = format!("error detected in proxy 'front' while parsing 'http-request {name}' rule : {text}");
        refused(line, http_request, &expected);
    }
}

#[test]
fn other_refusals_are_haproxys() {
    refused(
        "set-header x y z",
        http_request,
        "'http-request set-header' expects either 'if' or 'unless' followed by a condition but found 'z'.",
    );
    refused(
        "add-header x y if foo",
        http_request,
        "error detected while parsing an 'http-request add-header' condition : no such ACL : 'foo'.",
    );
    refused(
        "foo",
        http_after_response,
        "'http-after-response' expects 'ot-group', 'add-header', 'allow', 'capture', 'del-header', 'replace-header', \
         'replace-value', 'set-header', 'set-status', 'strict-mode', 'set-var-fmt(*)', 'set-var(*)', 'unset-var(*)', \
         but got 'foo'.",
    );
    refused(
        "redirect prefix /",
        http_response,
        "error detected in proxy 'front' while parsing 'http-response redirect' rule : response only supports redirect \
         type 'location'.",
    );
    for (line, text) in [
        ("", "missing argument for 'tcp-request' in proxy 'front'"),
        ("foo", "'tcp-request' expects 'inspect-delay', 'connection', or 'content' in proxy 'front' (got 'foo')"),
        ("inspect-delay", "'tcp-request inspect-delay' expects a positive delay in milliseconds, in proxy 'front'"),
        (
            "inspect-delay x",
            "'tcp-request inspect-delay' expects a positive delay in milliseconds, in proxy 'front' (unexpected \
             character 'x')",
        ),
        (
            "connection accept foo",
            "'tcp-request connection accept' only accepts 'if' or 'unless', in proxy 'front' (got 'foo')",
        ),
        (
            "content accept if foo",
            "'tcp-request content accept' : error detected in proxy 'front' while parsing 'if' condition : no such \
             ACL : 'foo'",
        ),
        (
            "connection expect-proxy layer7",
            "'tcp-request connection expect-proxy' only supports 'layer4' in proxy 'front' (got 'layer7')",
        ),
        ("content switch-mode", "'tcp-request switch-mode' expects a mode as argument."),
        ("content capture req.len", "'tcp-request content capture' : a positive 'len' argument is mandatory"),
        ("connection track-sc0", "'tcp-request connection track-sc0' : missing fetch method"),
        ("content set-dst foo", "unknown fetch method 'foo'"),
        (
            "connection acept",
            "'tcp-request connection' expects 'accept', 'reject', 'capture', 'expect-proxy', 'expect-netscaler-cip', \
             'track-sc0' ... 'track-sc2', 'sc-inc-gpc(*)', 'sc-inc-gpc0(*)', 'sc-inc-gpc1(*)', 'sc-set-gpt(*)', \
             'sc-set-gpt0(*)', 'set-var-fmt(*)', 'set-var(*)', 'unset-var(*)', 'set-dst', 'set-dst-port', 'set-mark', \
             'set-src', 'set-src-port', 'set-tos', 'silent-drop' in proxy 'front' (got 'acept'). Did you mean \
             'accept' maybe ?",
        ),
    ] {
        refused(line, tcp_request, text);
    }
    for (line, text) in [
        ("", "'use_backend' expects a backend name."),
        ("x foo", "unexpected keyword 'foo' after switching rule, only 'if' and 'unless' are allowed."),
        ("x if foo", "error detected while parsing switching rule : no such ACL : 'foo'."),
    ] {
        refused(line, use_backend, text);
    }
    refused("s1", use_server, "'use-server' requires either 'if' or 'unless' followed by a condition.");
    for (line, text) in [
        ("foo", "'stick' expects 'on', 'match', or 'store'."),
        ("on", "'stick' expects a fetch method."),
        ("on foo", "'stick': unknown fetch method 'foo'"),
        ("match src foo", "'stick': unknown keyword 'foo'."),
        ("on src if foo", "'stick': error detected while parsing sticking condition : no such ACL : 'foo'."),
    ] {
        refused(line, stick, text);
    }
    refused("foo", force_persist, "'force-persist' requires either 'if' or 'unless' followed by a condition.");
    refused("if foo", ignore_persist, "error detected while parsing a 'ignore-persist' rule : no such ACL : 'foo'.");
    refused("foo", monitor_fail, "'monitor' only supports 'fail'.");
    refused("fail", monitor_fail, "'monitor fail' requires either 'if' or 'unless' followed by a condition.");
    refused(
        "location / if foo",
        redirect,
        "error detected in proxy 'front' while parsing redirect rule : error in condition: no such ACL : 'foo'.",
    );
}

/// Effects and verdict of one `tcp-request content` or `http-request` rule.
#[track_caller]
fn effects(line: &str, mut exchange: Fixture, expected: &[&str]) {
    let args = words(line);
    let rule = parsed(|context| match http_request(&args, context) {
        Ok(rule) => Ok(rule),
        Err(_) => match tcp_request(&[vec!["content".to_owned()], args.clone()].concat(), context)? {
            TcpRequest::Content(rule) => Ok(rule),
            other => panic!("{other:?}"),
        },
    });
    EFFECTS.take();
    let verdict = evaluate(&[rule.unwrap()], &mut 0, &mut exchange);
    let mut seen = EFFECTS.take();
    if verdict != Verdict::Continue {
        seen.push(format!("{verdict:?}"));
    }
    assert_eq!(seen, expected, "{line}");
}

#[test]
fn effects_and_verdicts() {
    let request = || Fixture::new("GET /a?x=7 HTTP/1.1\nHost: h");
    for (line, expected) in [
        ("track-sc1 path table t", &[r#"Track { slot: 1, table: "t", key: Str([47, 97]) }"#][..]),
        ("track-sc0 hdr(nope)", &[]),
        ("sc-set-gpt0(2) 5", &["SetGpt { slot: 2, index: None, value: 5 }"]),
        ("sc-set-gpt(3,1) url_param(x)", &["SetGpt { slot: 1, index: Some(3), value: 7 }"]),
        ("set-log-level silent", &["LogLevel(None)"]),
        ("set-log-level err", &["LogLevel(Some(Err))"]),
        ("set-nice 5000", &["Nice(1024)"]),
        ("set-tos 0x10", &["Tos(16)"]),
        ("set-mark 5", &["Mark(5)"]),
        ("set-timeout server 5s", &["Timeout { timer: Server, millis: 5000 }"]),
        ("set-timeout tunnel url_param(x)", &["Timeout { timer: Tunnel, millis: 7 }"]),
        ("set-priority-class int(-9999)", &["PriorityClass(-2047)"]),
        ("set-priority-offset int(12)", &["PriorityOffset(12)"]),
        ("capture path id 0", &["Capture { side: Client, slot: 0, len: 8, text: [47, 97] }"]),
        ("capture path len 1", &["Capture { side: Client, slot: 1, len: 1, text: [47] }"]),
        ("disable-l7-retry", &["DisableL7Retry"]),
        ("strict-mode off", &["StrictMode(false)"]),
        ("set-dst str(x)", &[]),
        ("set-dst-port int(99999)", &[]),
        ("wait-for-body time 1s at-least 1k", &["WaitForBody { millis: 1000, at_least: 1024 }"]),
        ("use-service prometheus-exporter", &["PrometheusExporter"]),
        ("silent-drop", &["SilentDrop"]),
        ("allow", &["Accept"]),
        ("switch-mode http proto h2", &["SwitchToHttp { h2: true }"]),
        ("accept", &["Accept"]),
    ] {
        effects(line, request(), expected);
    }
}

#[test]
fn early_hints_go_out_together() {
    let rules = ["early-hint Link </a>", "early-hint X-Y b", "set-header a b", "early-hint Z c"];
    let rules = rules.map(request_rule);
    EFFECTS.take();
    evaluate(&rules, &mut 0, &mut Fixture::new("GET / HTTP/1.1"));
    let names = EFFECTS.take().iter().map(|effect| effect.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names, ["EarlyHint", "EarlyHint", "EndEarlyHints", "EarlyHint", "EndEarlyHints"]);
}

#[test]
fn rules_wait_for_bytes_until_it_is_final() {
    effects("reject if { req.len gt 5 }", Fixture::tcp(b"abc", false), &["Wait"]);
    effects("reject if { req.len gt 5 }", Fixture::tcp(b"abc", true), &[]);
    effects("reject if { req.len gt 5 }", Fixture::tcp(b"abcdefgh", false), &["Reject"]);
    effects("track-sc0 req.payload(0,4)", Fixture::tcp(b"abc", false), &["Wait"]);
    effects("track-sc0 req.payload(0,4)", Fixture::tcp(b"abc", true), &[]);
}
