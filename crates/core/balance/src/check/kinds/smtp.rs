//! `option smtpchk`: greeting, `HELO` or `EHLO`, `QUIT` (RFC 5321).

use super::{connect, expect, numbered, send};
use crate::check::rule::{Code, Expect, Info, Rule};
use crate::health::Status;

pub fn rules(hello: &str, domain: &str) -> Vec<Rule> {
    // Anything but EHLO is HELO, and of oneself: so HAProxy.
    let greeting = match hello {
        "EHLO" | "HELO" if !domain.is_empty() => format!("{hello} {domain}\r\n"),
        _ => "HELO localhost\r\n".to_owned(),
    };
    let code = |expect: &mut Expect| {
        expect.error_status = Some(Status::L7Status);
        expect.on_error = Info::Line(4);
        expect.on_success = Info::Line(4);
        expect.code = Some(Code::Digits);
    };
    numbered(vec![
        connect(),
        expect("^[0-9]{3}[ \r]", |expect| {
            expect.min_recv = 4;
            expect.on_error = Info::Line(0);
        }),
        expect("^2[0-9]{2}[ \r]", |expect| {
            expect.min_recv = 4;
            code(expect);
        }),
        send(greeting),
        expect("^(2[0-9]{2}-[^\r]*\r\n)*2[0-9]{2}[ \r]", code),
        send("QUIT\r\n"),
        expect("^2[0-9]{2}[- \r]", |expect| {
            expect.min_recv = 4;
            code(expect);
        }),
    ])
}
