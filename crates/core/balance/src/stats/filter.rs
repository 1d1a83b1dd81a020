//! Which rows of `show stat` are wanted, and in which form.

use super::{Kind, Row, csv, json, typed};

/// Selection of rows: `{<iid>|<proxy>} <type> <sid>` and `up`, `no-maint`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filter {
    /// Number of the proxy; `None` for all.
    pub iid: Option<u32>,
    /// Kinds as bits: 1 frontends, 2 backends, 4 servers, 8 listeners.
    pub kinds: i64,
    /// Number of the server or listener; `None` for all.
    pub sid: Option<u32>,
    /// Only servers that are up or not checked.
    pub up: bool,
    /// No servers in maintenance.
    pub no_maint: bool,
}

impl Default for Filter {
    fn default() -> Self {
        Self { iid: None, kinds: -1, sid: None, up: false, no_maint: false }
    }
}

impl Filter {
    pub fn wants(&self, row: &Row) -> bool {
        let bit = match row.kind {
            Kind::Frontend => 1,
            Kind::Backend => 2,
            Kind::Server => 4,
            Kind::Listener => 8,
        };
        self.kinds & bit != 0
            && self.iid.is_none_or(|iid| iid == row.iid)
            && self.sid.is_none_or(|sid| sid == row.sid || matches!(row.kind, Kind::Frontend | Kind::Backend))
            && (row.kind != Kind::Server || self.wants_state(&row.status))
    }

    fn wants_state(&self, status: &str) -> bool {
        let maint = status.starts_with("MAINT");
        let down = maint || status.starts_with("DOWN");
        !(self.up && down || self.no_maint && maint)
    }
}

/// The words behind `show stat`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// `proxy` unless another domain is named.
    pub domain: Option<String>,
    /// Proxy by number or name, kinds, server's number.
    pub selection: Option<(String, i64, i64)>,
    pub typed: bool,
    pub json: bool,
    pub desc: bool,
    pub up: bool,
    pub no_maint: bool,
}

impl Wanted {
    /// Three words that are no option select rows; other unknown words are overlooked, as HAProxy does.
    pub fn parse(mut words: &[String]) -> Self {
        let mut wanted = Self::default();
        if words.first().is_some_and(|word| word == "domain") {
            wanted.domain = Some(words.get(1).cloned().unwrap_or_default());
            words = words.get(2..).unwrap_or_default();
        }
        if let [proxy, kinds, sid, rest @ ..] = words
            && !is_option(proxy)
        {
            wanted.selection = Some((proxy.clone(), number(kinds), number(sid)));
            words = rest;
        }
        for word in words {
            match word.as_str() {
                "typed" => (wanted.typed, wanted.json) = (true, false),
                "json" => (wanted.json, wanted.typed) = (true, false),
                "desc" => wanted.desc = true,
                "up" => wanted.up = true,
                "no-maint" => wanted.no_maint = true,
                _ => {}
            }
        }
        wanted
    }

    pub fn render(&self, rows: &[Row]) -> String {
        match self {
            Self { json: true, .. } => json::rows(rows),
            Self { typed: true, .. } => typed::rows(rows, self.desc),
            _ => csv::header() + &csv::rows(rows),
        }
    }
}

fn is_option(word: &str) -> bool {
    ["typed", "json", "desc", "up", "no-maint"].contains(&word)
}

/// The leading integer, 0 without one, as C's `atol` reads it.
fn number(word: &str) -> i64 {
    let (sign, digits) = word.strip_prefix('-').map_or((1, word), |rest| (-1, rest));
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    sign * digits[..end].parse::<i64>().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[test]
    fn words() {
        check("", expect!["None None csv"]);
        check("typed desc", expect!["None None typed desc"]);
        check("web 1 -1", expect![[r#"None Some(("web", 1, -1)) csv"#]]);
        check("-1 4 1 json", expect![[r#"None Some(("-1", 4, 1)) json"#]]);
        check("2 1", expect!["None None csv"]);
        check("domain resolvers typed", expect![[r#"Some("resolvers") None typed"#]]);
        check("domain", expect![[r#"Some("") None csv"#]]);
        check("typed json up no-maint", expect!["None None json up no-maint"]);
    }

    #[test]
    fn states() {
        let servers = ["UP", "UP 1/3", "DOWN", "MAINT (via b/s)", "no check", "DRAIN", "NOLB"];
        let kept = |filter: Filter| -> String {
            servers
                .into_iter()
                .filter(|status| filter.wants(&Row { kind: Kind::Server, status: (*status).into(), ..Row::default() }))
                .collect::<Vec<_>>()
                .join(" ")
        };
        expect!["UP UP 1/3 no check DRAIN NOLB"].assert_eq(&kept(Filter { up: true, ..Filter::default() }));
        expect!["UP UP 1/3 DOWN no check DRAIN NOLB"].assert_eq(&kept(Filter { no_maint: true, ..Filter::default() }));
    }

    #[track_caller]
    fn check(line: &str, expected: Expect) {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let wanted = Wanted::parse(&words);
        let form = if wanted.json {
            "json"
        } else if wanted.typed {
            "typed"
        } else {
            "csv"
        };
        let flags: String = [(wanted.desc, " desc"), (wanted.up, " up"), (wanted.no_maint, " no-maint")]
            .into_iter()
            .filter_map(|(set, text)| set.then_some(text))
            .collect();
        expected.assert_eq(&format!("{:?} {:?} {form}{flags}", wanted.domain, wanted.selection));
    }
}
