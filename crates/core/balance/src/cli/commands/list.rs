//! `show map`, `show acl`, `get map`, `get acl`: lists of patterns are looked at.

use crate::cli::answer::Answer;
use crate::cli::call::{Call, leading_number};
use crate::cli::{Found, ListFacts, ListKind};

/// The list a word names, `#<id>` or its file, if ACLs or maps use it.
pub(super) fn find(call: &Call<'_>, kind: ListKind, word: &str) -> Result<ListFacts, Answer> {
    let used = |list: &ListFacts| match kind {
        ListKind::Acl => list.is_acl,
        ListKind::Map => list.is_map,
    };
    find_any(call, kind, word).and_then(|list| if used(&list) { Ok(list) } else { Err(unknown(kind)) })
}

/// The list a word names, whoever uses it.
pub(super) fn find_any(call: &Call<'_>, kind: ListKind, word: &str) -> Result<ListFacts, Answer> {
    let named = |list: &ListFacts| match word.strip_prefix('#') {
        Some(id) => id.parse() == Ok(list.id),
        None => !word.is_empty() && list.file == word,
    };
    call.subject.lists().into_iter().find(named).ok_or_else(|| unknown(kind))
}

fn unknown(kind: ListKind) -> Answer {
    Answer::error(format!("Unknown {} identifier. Please use #<id> or <file>.\n", title(kind)))
}

pub(super) fn title(kind: ListKind) -> &'static str {
    match kind {
        ListKind::Acl => "ACL",
        ListKind::Map => "map",
    }
}

/// `@<version>` in front of the list's name, and what follows.
pub(super) fn version<'a>(call: &Call<'a>) -> (Option<&'a str>, &'a [String]) {
    match call.words.split_first() {
        Some((first, rest)) if first.starts_with('@') => (Some(&first[1..]), rest),
        _ => (None, call.words),
    }
}

pub fn show_map(call: &mut Call<'_>) -> Answer {
    show(call, ListKind::Map)
}

pub fn show_acl(call: &mut Call<'_>) -> Answer {
    show(call, ListKind::Acl)
}

fn show(call: &Call<'_>, kind: ListKind) -> Answer {
    let (version, words) = version(call);
    let Some(word) = words.first() else {
        return match version {
            Some(_) => find(call, kind, "").map_or_else(|answer| answer, |_| Answer::done()),
            None => Answer::data(all(&call.subject.lists(), kind)),
        };
    };
    let list = match find(call, kind, word) {
        Ok(list) => list,
        Err(answer) => return answer,
    };
    let version = version.map_or(list.current, |text| leading_number(text) as u32);
    let mut out = String::new();
    for entry in call.subject.patterns(list.id, version) {
        let value = entry.value.map_or(String::new(), |value| format!(" {value}"));
        out += &format!("{:#x} {}{value}\n", entry.id, entry.pattern);
    }
    Answer::data(out)
}

fn all(lists: &[ListFacts], kind: ListKind) -> String {
    let mut out = String::from("# id (file) description\n");
    let used = |list: &&ListFacts| match kind {
        ListKind::Acl => list.is_acl,
        ListKind::Map => list.is_map,
    };
    for list in lists.iter().filter(used) {
        out += &format!(
            "{} ({}) {}. curr_ver={} next_ver={} entry_cnt={}\n",
            list.id, list.file, list.description, list.current, list.next, list.entries
        );
    }
    out
}

pub fn get_map(call: &mut Call<'_>) -> Answer {
    get(call, ListKind::Map)
}

pub fn get_acl(call: &mut Call<'_>) -> Answer {
    get(call, ListKind::Acl)
}

fn get(call: &Call<'_>, kind: ListKind) -> Answer {
    let value = call.word(1);
    if call.word(0).is_empty() || value.is_empty() {
        return Answer::error(format!("Missing {} identifier and/or key.\n", title(kind)));
    }
    match find_any(call, kind, call.word(0)) {
        Ok(list) => {
            let found = call.subject.look_up(list.id, kind, value);
            Answer::data(found.iter().map(|found| found_line(found, kind)).collect::<String>())
        }
        Err(answer) => answer,
    }
}

fn found_line(found: &Found, kind: ListKind) -> String {
    let case = if found.ignores_case { "insensitive" } else { "sensitive" };
    let (word, pattern_word) = match kind {
        ListKind::Acl => ("match", "pattern"),
        ListKind::Map => ("found", "key"),
    };
    let start = format!("type={}, case={case}, {word}=", found.method);
    let Some((pattern, in_tree)) = &found.pattern else {
        return format!("{start}no\n");
    };
    let index = if *in_tree { "tree" } else { "list" };
    let value = match (&found.value, kind) {
        (Some((value, kind)), _) => format!(", value=\"{value}\", type=\"{kind}\""),
        (None, ListKind::Map) => ", value=none".to_owned(),
        (None, ListKind::Acl) => String::new(),
    };
    format!("{start}yes, idx={index}, {pattern_word}=\"{pattern}\"{value}\n")
}
