//! Checks that speak one protocol: each is a list of rules.

pub(super) mod ldap;
pub(super) mod mysql;
pub(super) mod pgsql;
pub(super) mod redis;
pub(super) mod smtp;
pub(super) mod ssl_hello;

use super::pattern::Regex;
use super::rule::{Action, Connect, Expect, Pattern, Rule};
use super::text::Text;

/// A connect that closes in order: these protocols log clients that vanish.
fn connect() -> Rule {
    Rule::new(Action::Connect(Connect { implicit: true, server_options: true, linger: true, ..Connect::default() }))
}

fn send(bytes: impl Into<Vec<u8>>) -> Rule {
    Rule::new(Action::Send(Text::Plain(bytes.into())))
}

/// An expect of this pattern, with what `more` says of it.
fn expect(pattern: &str, more: impl FnOnce(&mut Expect)) -> Rule {
    expect_pattern(Pattern::Regex(regex(pattern)), more)
}

fn expect_pattern(pattern: Pattern, more: impl FnOnce(&mut Expect)) -> Rule {
    let mut expect = Expect::new(pattern);
    more(&mut expect);
    Rule::new(Action::Expect(Box::new(expect)))
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("patterns of our own are valid")
}

/// Numbers the steps as HAProxy does, whose logs tell the number: with some protocols the connect is one of them, with
/// others it is not.
fn numbered(mut rules: Vec<Rule>) -> Vec<Rule> {
    for (place, rule) in rules.iter_mut().enumerate() {
        rule.step = place + 1;
    }
    rules
}
