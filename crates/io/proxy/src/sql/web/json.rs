//! The page's figures for programs.

use super::view::{Shown, View};
use crate::sql::latency::Times;
use crate::sql::stats::shown;
use std::fmt::Write;

pub fn write(view: &View) -> String {
    let mut out = Object::default();
    out.text("node", &view.node);
    out.text("version", env!("CARGO_PKG_VERSION"));
    out.number("uptime_seconds", view.uptime);
    out.number("resident_bytes", view.resident);
    out.number("statements_per_second", format!("{:.1}", view.rate));
    let alarms = view.alarms.iter().map(|(code, text)| {
        let mut alarm = Object::default();
        alarm.text("code", code);
        alarm.text("text", text);
        alarm
    });
    out.list("alarms", alarms);
    let mut figures = Object::default();
    view.figures.iter().for_each(|(name, value)| figures.number(name, value));
    out.raw("figures", &figures.close());
    let servers =
        view.groups.iter().flat_map(|group| group.servers.iter().map(move |shown| server(group.hostgroup, shown)));
    out.list("servers", servers);
    let digests = view.digests.iter().map(|digest| {
        let mut out = Object::default();
        // As ProxySQL's tables have it.
        out.number("hostgroup", shown(digest.hostgroup));
        out.text("schema", &digest.schema);
        out.text("user", &digest.user);
        out.text("digest", &format!("0x{:016X}", digest.digest));
        out.text("text", &digest.text);
        out.number("count", digest.count);
        out.number("sum_us", digest.sum_us);
        out.number("max_us", digest.max_us);
        out.number("rows", digest.rows);
        out
    });
    out.list("digests", digests);
    let rules = view.rules.iter().map(|rule| {
        let mut out = Object::default();
        out.number("rule_id", rule.id);
        out.number("hits", rule.hits);
        out
    });
    out.list("rules", rules);
    out.close() + "\n"
}

fn server(hostgroup: u32, shown: &Shown) -> Object {
    let mut out = Object::default();
    out.number("hostgroup", hostgroup);
    out.text("address", &shown.address);
    out.text("status", shown.standing.as_str());
    out.raw("read_only", shown.read_only.map_or("null", |on| if on { "true" } else { "false" }));
    out.raw("lag_seconds", &shown.lag.flatten().map_or_else(|| "null".to_owned(), |lag| lag.to_string()));
    out.number("connections_used", shown.used);
    out.number("connections_free", shown.free);
    out.number("connections_max", shown.max);
    out.number("statements_per_second", format!("{:.1}", shown.recent.rate));
    out.number("errors", shown.errors);
    for (name, times) in [("read", &shown.recent.read), ("write", &shown.recent.write)] {
        out.raw(name, &self::times(times));
    }
    out.text("gtid_position", &shown.position);
    out
}

/// Of the last minute.
fn times(times: &Times) -> String {
    let mut out = Object::default();
    out.number("count", times.count());
    out.number("mean_us", times.mean());
    out.number("p95_us", times.quantile(0.95));
    out.close()
}

#[derive(Default)]
struct Object(String);

impl Object {
    fn key(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        string(&mut self.0, name);
        self.0.push(':');
    }

    fn raw(&mut self, name: &str, json: &str) {
        self.key(name);
        self.0 += json;
    }

    fn number(&mut self, name: &str, number: impl std::fmt::Display) {
        self.raw(name, &number.to_string());
    }

    fn text(&mut self, name: &str, text: &str) {
        self.key(name);
        string(&mut self.0, text);
    }

    fn list(&mut self, name: &str, objects: impl Iterator<Item = Object>) {
        let all: Vec<String> = objects.map(Object::close).collect();
        self.raw(name, &format!("[{}]", all.join(",")));
    }

    fn close(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0 + "}"
    }
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => *out += "\\\"",
            '\\' => *out += "\\\\",
            // Also what would end a script, wherever this is put.
            c if c.is_control() || matches!(c, '<' | '\u{2028}' | '\u{2029}') => {
                // Writing to a String cannot fail; none of these is beyond U+FFFF.
                _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_texts() {
        let mut out = Object::default();
        out.text("a\"b", "</script>\n\\");
        out.list("none", std::iter::empty());
        assert_eq!(out.close(), r#"{"a\"b":"\u003c/script>\u000a\\","none":[]}"#);
        assert_eq!(Object::default().close(), "{}");
    }
}
