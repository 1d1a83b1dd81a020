//! What a health check says to a server and how it reads the answer: one file per kind, bytes in, verdict out.
//!
//! A backend's check is a list of rules, whatever its kind: connect, send, expect. [`Dialogue`] walks along it and says
//! what to do next; it never waits and never reads a clock. The same rules serve all servers of the backend.

pub mod agent;
mod dialogue;
mod expect;
mod http;
mod kinds;
mod parse;
mod pattern;
mod rule;
mod state_header;
mod telling;
#[cfg(test)]
mod tests;
mod text;
mod view;

pub use dialogue::{Dialogue, Failure, Layer, Step};
pub use http::HttpRequest;
pub use parse::{parse_http_check, parse_option, parse_tcp_check};
pub use rule::Connect;
pub use state_header::{Numbers, state_header};
pub use view::About;

use crate::config::model::{Place, Proxy};
use crate::sample::Env;
use rule::Rule;

/// Bytes of an answer that a check looks at: `tune.bufsize`. What comes behind them is never read.
pub const LONGEST_ANSWER: usize = 16384;

/// What a backend's checks do.
#[derive(Debug, Clone, Default)]
pub struct Check {
    kind: Kind,
    /// Of `tcp-check` lines. In force with `option tcp-check`.
    tcp: Vec<Rule>,
    /// Of `http-check` lines. In force with `option httpchk`.
    http: Vec<Rule>,
    /// Of the line `option httpchk`.
    request: http::Request,
    /// What the kind in force runs; [`Check::finish`] makes it.
    rules: Vec<Rule>,
    pub disable_on_404: bool,
    /// `http-check send-state`: requests bear what [`state_header`] says.
    pub send_state: bool,
}

/// By the last `option` that named one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    /// Connect only.
    #[default]
    None,
    Tcp,
    Http,
    Smtp,
    Mysql,
    Pgsql,
    Redis,
    Ldap,
    SslHello,
}

impl Check {
    /// Reads a backend's `option`, `http-check` and `tcp-check` lines; says all that is wrong at once.
    pub fn read(proxy: &Proxy, env: Env<'_>) -> Result<Self, Vec<(Place, String)>> {
        let mut check = Self::default();
        let mut problems = Vec::new();
        for line in &proxy.check {
            if let Err(problem) = check.read_line(&line.words, env) {
                problems.push((line.place.clone(), problem));
            }
        }
        if problems.is_empty() { Ok(check.finish()) } else { Err(problems) }
    }

    fn read_line(&mut self, words: &[String], env: Env<'_>) -> Result<(), String> {
        match words.split_first() {
            Some((word, rest)) if word == "option" => {
                let (name, args) = rest.split_first().ok_or("'option' expects an option name.")?;
                parse_option(name, args, self, env).map(drop)
            }
            Some((word, args)) if word == "http-check" => parse_http_check(args, self, env),
            Some((word, args)) if word == "tcp-check" => parse_tcp_check(args, self, env),
            _ => Ok(()),
        }
    }

    /// After the last line: puts the rules of the kind in force together.
    pub fn finish(mut self) -> Self {
        let mut rules = match self.kind {
            Kind::Tcp => std::mem::take(&mut self.tcp),
            Kind::Http => http::complete(std::mem::take(&mut self.http), &self.request),
            _ => std::mem::take(&mut self.rules),
        };
        rule::spread_comments(&mut rules);
        if !rules.iter().any(Rule::is_connect) {
            rules.insert(0, Rule::implicit_connect(self.kind));
        }
        self.rules = rules;
        self
    }

    /// Which lines have no effect, since no `option` says which check they are of: warnings' texts, which name the
    /// backend. HAProxy says nothing where another kind of check is in force.
    pub fn ignored(&self, backend: &str) -> Vec<String> {
        let lists = [("http-check", "httpchk", &self.http), ("tcp-check", "tcp-check", &self.tcp)];
        let unused = lists.iter().filter(|(.., rules)| self.kind == Kind::None && !rules.is_empty());
        let text = |(rules, option, _): &(&str, &str, _)| {
            format!("backend '{backend}' uses {rules} rules without 'option {option}', so the rules are ignored.")
        };
        unused.map(text).collect()
    }
}
