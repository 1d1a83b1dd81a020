//! The statistics page: what `stats uri` shows to a person, in one answer without anything from elsewhere.
//!
//! Addresses, forms and their words are those of HAProxy's page, so that bookmarks and scripts that post to it go on
//! working. The page is ours: cards per proxy, light or dark as the reader likes it, rows that fold into cards on a
//! phone, and a refresh that waits while servers are ticked.

mod admin;
mod card;
pub mod number;
mod query;
mod row;
#[cfg(test)]
mod tests;
mod top;

use super::{Info, Kind, Row};
pub use admin::{Outcome, allowed_from, apply};
pub use query::{Form, Query};

/// Style and behaviour, part of the page itself. Other pages of the family begin with the same style.
pub const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Headers of the page besides its type: nothing comes from elsewhere, nobody frames it, nothing is kept.
pub const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; form-action 'self'; \
         frame-ancestors 'self'; base-uri 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
];

/// What `stats ...` lines say about the page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `stats uri`.
    pub uri: String,
    /// Seconds, `stats refresh`.
    pub refresh: Option<u64>,
    pub hide_version: bool,
    /// Shown with `stats show-node`.
    pub node: Option<String>,
    /// Shown with `stats show-desc`.
    pub description: Option<String>,
    /// `stats show-legends`: addresses, cookies and algorithms.
    pub legends: bool,
    /// `stats admin` holds for who asks.
    pub admin: bool,
}

/// Everything on the page, at one instant.
pub struct Page<'a> {
    pub info: &'a Info,
    pub rows: &'a [Row],
    pub options: &'a Options,
    pub query: &'a Query,
}

impl Page<'_> {
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(16 * 1024);
        self.head(&mut out);
        top::write(&mut out, self);
        for (at, rows) in self.proxies().iter().enumerate() {
            card::write(&mut out, self, rows, at);
        }
        self.foot(&mut out);
        out
    }

    fn head(&self, out: &mut String) {
        let node = self.options.node.as_deref().map_or(String::new(), |node| format!(" on {}", escape(node)));
        *out += "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">";
        *out += "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">";
        *out += "<meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"data:,\">";
        *out +=
            &format!("<title>Statistics Report for {}{node}</title><style>{STYLE}</style>", escape(&self.info.name));
        if let Some(seconds) = self.refresh() {
            *out += &format!("<noscript><meta http-equiv=\"refresh\" content=\"{seconds}\"></noscript>");
        }
        *out += "</head>\n";
        let refresh = self.refresh().map_or(String::new(), |seconds| format!(" data-refresh=\"{seconds}\""));
        *out += &format!("<body{refresh}>\n");
    }

    fn foot(&self, out: &mut String) {
        if self.rows.is_empty() {
            *out += "<p class=\"empty\">No proxy matches.</p>\n";
        }
        *out += &format!("<script>{SCRIPT}</script></body></html>\n");
    }

    /// Seconds between looks, unless the reader wants none.
    fn refresh(&self) -> Option<u64> {
        self.options.refresh.filter(|seconds| *seconds > 0 && !self.query.no_refresh)
    }

    /// The rows of each proxy, in order.
    fn proxies(&self) -> Vec<Vec<&Row>> {
        let mut proxies: Vec<Vec<&Row>> = Vec::new();
        for row in self.rows {
            match proxies.last_mut() {
                Some(rows) if rows[0].iid == row.iid => rows.push(row),
                _ => proxies.push(vec![row]),
            }
        }
        proxies
    }
}

/// Text as text, in elements and in attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// How a state looks: the class of its colour.
fn colour(row: &Row) -> &'static str {
    let status = row.status.as_str();
    match status.split([' ', '(']).next().unwrap_or_default() {
        "OPEN" => "up",
        "FULL" | "WAITING" => "warn",
        "STOP" | "PAUSED" => "maint",
        "UP" if row.kind == Kind::Server && status.contains('/') => "warn",
        "UP" if row.bck == Some(1) && row.kind == Kind::Server => "backup",
        "UP" => "up",
        "DOWN" if status.contains('/') => "rising",
        "DOWN" => "down",
        "MAINT" => "maint",
        "DRAIN" | "NOLB" => "drain",
        _ => "plain",
    }
}
