//! What becomes of each keyword of HAProxy 2.6's manual, as a page: gathered from the tables that read them.

use super::keyword::{BACKEND, DEFAULTS, FRONTEND, Fate, Keyword, LISTEN, NAMED_DEFAULTS, Sections};
use super::sections::{http_errors, peers, resolvers};
use super::{bind, global, parser, proxy, server};
use crate::rules::{ACTIONS, Set, Support};
use crate::sample;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A row of the page.
struct Row {
    name: String,
    sections: Option<Sections>,
    fate: Shown,
}

enum Shown {
    Done,
    Ignored(String),
    Refused(String),
}

const HEAD: &str = "# HAProxy's keywords

What Barque does with each keyword of HAProxy 2.6's configuration manual. **done**: it does what the manual says, or the
difference stands in `haproxy-differences.md`. **ignored**: accepted, and named once at start, since it changes no
traffic here. **refused**: the configuration does not start, with the line, the reason and what to write instead, since
traffic would not be as it says.

This page is made from the tables in `crates/core/balance`; `UPDATE_EXPECT=1 cargo test -p balance keywords` writes it.
";

/// The page, in Markdown.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    let tables = [
        ("`global`", rows(&global::TABLES, false)),
        ("`defaults`, `frontend`, `listen`, `backend`", proxies()),
        ("`bind` and `stats socket`", rows(&[bind::KEYWORDS, bind::TLS], false)),
        ("`server`, `default-server`, `server-template`", rows(&server::TABLES, false)),
        ("`resolvers`", rows(&[resolvers::KEYWORDS], false)),
        ("`userlist`", ["group", "user"].map(|name| row(name, Shown::Done)).into()),
        ("`peers`", rows(&[peers::KEYWORDS], false)),
        ("`http-errors`", rows(&[http_errors::KEYWORDS], false)),
        ("Other sections", sections()),
        ("Conditional blocks and messages", blocks()),
        ("Sample fetches", fetches()),
        ("Converters", converters()),
    ];
    let _ = writeln!(page, "\n| | done | ignored | refused |\n|---|---|---|---|");
    for (title, rows) in
        tables.iter().chain(&[("Actions of rules", actions().into_iter().map(|(row, _)| row).collect())])
    {
        let count = |wanted: fn(&Shown) -> bool| rows.iter().filter(|row| wanted(&row.fate)).count();
        let done = count(|fate| matches!(fate, Shown::Done));
        let ignored = count(|fate| matches!(fate, Shown::Ignored(_)));
        let refused = count(|fate| matches!(fate, Shown::Refused(_)));
        let _ = writeln!(page, "| {title} | {done} | {ignored} | {refused} |");
    }
    for (title, rows) in tables {
        section(&mut page, title, rows);
    }
    action_section(&mut page);
    page
}

fn row(name: &str, fate: Shown) -> Row {
    Row { name: name.to_owned(), sections: None, fate }
}

fn rows<F>(tables: &[&[Keyword<F>]], with_sections: bool) -> Vec<Row> {
    let show = |keyword: &Keyword<F>| Row {
        name: keyword.name.to_owned(),
        sections: with_sections.then_some(keyword.sections),
        fate: match keyword.fate {
            Fate::Done(_) => Shown::Done,
            Fate::Ignored(reason) => Shown::Ignored(reason.to_owned()),
            Fate::Refused(reason, cure) => Shown::Refused(format!("{reason}; {cure}")),
        },
    };
    tables.iter().flat_map(|table| table.iter()).map(show).collect()
}

fn proxies() -> Vec<Row> {
    let mut rows = rows(&proxy::TABLES, true);
    rows.extend(proxy::removed().map(|(name, cure)| {
        let text = format!("taken out of HAProxy. {cure}").trim_end().to_owned();
        Row { name, sections: Some(DEFAULTS | FRONTEND | LISTEN | BACKEND), fate: Shown::Refused(text) }
    }));
    rows
}

fn sections() -> Vec<Row> {
    let skipped = parser::SKIPPED.iter().map(|(name, reason)| row(name, Shown::Ignored((*reason).to_owned())));
    let refused = row("log-forward", Shown::Refused("log lines of others are not taken; use a syslog server".into()));
    skipped.chain([refused]).collect()
}

fn blocks() -> Vec<Row> {
    let names = [".if", ".elif", ".else", ".endif", ".alert", ".warning", ".notice", ".diag"];
    let environment = ["presetenv", "resetenv", "setenv", "unsetenv"];
    names.into_iter().chain(environment).map(|name| row(name, Shown::Done)).collect()
}

fn fetches() -> Vec<Row> {
    named(sample::fetch::table())
}

fn converters() -> Vec<Row> {
    named(sample::converter::table())
}

/// Rows of names with reasons for refusal; a name that is there twice has one.
fn named(table: impl Iterator<Item = (String, Option<&'static str>)>) -> Vec<Row> {
    let table: BTreeMap<_, _> = table.collect();
    let show = |(name, refused): (String, Option<&str>)| {
        row(&name, refused.map_or(Shown::Done, |why| Shown::Refused(why.into())))
    };
    table.into_iter().map(show).collect()
}

/// Lists of rules an action may stand in, with the head of their column.
const SETS: [(Set, &str); 7] = [
    (Set::TcpConnection, "tcp-request connection"),
    (Set::TcpSession, "tcp-request session"),
    (Set::TcpContent, "tcp-request content"),
    (Set::TcpResponse, "tcp-response content"),
    (Set::HttpRequest, "http-request"),
    (Set::HttpResponse, "http-response"),
    (Set::HttpAfterResponse, "http-after-response"),
];

/// Each action with the lists it may stand in.
fn actions() -> Vec<(Row, Vec<&'static str>)> {
    let show = |action: &crate::rules::ActionRow| {
        let fate = match action.support {
            Support::Done(_) => Shown::Done,
            Support::Refused(reason) => Shown::Refused(reason.to_owned()),
        };
        let sets = SETS.iter().filter(|(set, _)| action.stands_in(*set)).map(|(_, name)| *name).collect();
        (row(action.name, fate), sets)
    };
    let mut actions: Vec<_> = ACTIONS.iter().map(show).collect();
    actions.sort_by(|(left, _), (right, _)| left.name.cmp(&right.name));
    actions
}

fn section(page: &mut String, title: &str, mut rows: Vec<Row>) {
    rows.sort_by(|left, right| left.name.cmp(&right.name));
    let with_sections = rows.iter().any(|row| row.sections.is_some());
    let _ = writeln!(page, "\n## {title}\n");
    match with_sections {
        true => _ = writeln!(page, "| keyword | D | F | L | B | | |\n|---|---|---|---|---|---|---|"),
        false => _ = writeln!(page, "| keyword | | |\n|---|---|---|"),
    }
    for row in rows {
        let sections = row.sections.map(columns).unwrap_or_default();
        let (fate, note) = row.fate.columns();
        let _ = writeln!(page, "| {}{sections} | {fate} | {note} |", row.name);
    }
    if with_sections {
        let _ =
            writeln!(page, "\nD is `defaults` ((x): only those with a name), F `frontend`, L `listen`, B `backend`.");
    }
}

fn action_section(page: &mut String) {
    let _ = writeln!(page, "\n## Actions of rules\n\n| action | in | | |\n|---|---|---|---|");
    for (row, sets) in actions() {
        let (fate, note) = row.fate.columns();
        let _ = writeln!(page, "| {} | {} | {fate} | {note} |", row.name, sets.join(", "));
    }
}

fn columns(sections: Sections) -> String {
    let mark = |bit| if sections & bit != 0 { "x" } else { "" };
    let defaults = if sections & NAMED_DEFAULTS != 0 { "(x)" } else { mark(DEFAULTS) };
    format!(" | {defaults} | {} | {} | {}", mark(FRONTEND), mark(LISTEN), mark(BACKEND))
}

impl Shown {
    fn columns(&self) -> (&'static str, String) {
        let (fate, note) = match self {
            Self::Done => ("done", ""),
            Self::Ignored(reason) => ("ignored", reason.as_str()),
            Self::Refused(reason) => ("refused", reason.as_str()),
        };
        (fate, note.replace('|', "\\|"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect_file;
    use std::collections::HashSet;

    #[test]
    fn keywords_page_is_up_to_date() {
        expect_file!["../../../../../docs/haproxy-keywords.md"].assert_eq(&page());
    }

    #[test]
    fn every_keyword_has_one_row() {
        let tables = [
            rows(&global::TABLES, false),
            proxies(),
            rows(&[bind::KEYWORDS, bind::TLS], false),
            rows(&server::TABLES, false),
        ];
        for table in tables {
            let mut seen = HashSet::new();
            let twice: Vec<_> = table.iter().map(|row| &row.name).filter(|name| !seen.insert(*name)).collect();
            assert!(twice.is_empty(), "{twice:?}");
        }
    }
}
