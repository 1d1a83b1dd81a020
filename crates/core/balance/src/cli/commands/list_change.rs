//! Lists of patterns are changed: `add`, `set`, `del`, `clear`, and versions by `prepare` and `commit`.

use super::list::{find, find_any, title, version};
use crate::cli::answer::Answer;
use crate::cli::call::Call;
use crate::cli::{ListFacts, ListKind, Pick};

pub fn add_map(call: &mut Call<'_>) -> Answer {
    const USAGE: &str = "'add map' expects three parameters (map identifier, key and value) or one parameter (map \
                         identifier) and a payload\n";
    let (version, words) = version(call);
    match (words, call.payload) {
        ([map, ..], Some(payload)) => add_all(call, map, version, payload),
        ([map, key, value, ..], None) => add(call, ListKind::Map, map, version, &[(key, Some(value))]),
        _ => Answer::error(USAGE),
    }
}

/// A line a pattern: its first word, and the rest as its value.
fn add_all(call: &Call<'_>, map: &str, version: Option<&str>, payload: &str) -> Answer {
    let mut pairs = Vec::new();
    for line in payload.lines() {
        let line = line.trim_matches([' ', '\t', '\r']);
        if line.is_empty() {
            continue;
        }
        let Some((key, value)) = line.split_once([' ', '\t']) else {
            return Answer::error(format!("Missing value for key '{line}'.\n"));
        };
        pairs.push((key, Some(value.trim_start())));
    }
    add(call, ListKind::Map, map, version, &pairs)
}

pub fn add_acl(call: &mut Call<'_>) -> Answer {
    let (version, words) = version(call);
    let patterns: Vec<(&str, Option<&str>)> = match (words.get(1), call.payload) {
        (Some(pattern), None) => vec![(pattern, None)],
        (_, Some(payload)) => {
            payload.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| (line, None)).collect()
        }
        (None, None) => vec![],
    };
    match words.first().filter(|_| !patterns.is_empty()) {
        Some(acl) => add(call, ListKind::Acl, acl, version, &patterns),
        None => Answer::error("'add acl' expects two parameters: ACL identifier and pattern.\n"),
    }
}

const ONLY_BY_MAP: &str = "This ACL is shared with a map containing samples. You must use the command 'add map' to add \
                           values.\n";

fn add(
    call: &Call<'_>,
    kind: ListKind,
    name: &str,
    version: Option<&str>,
    patterns: &[(&str, Option<&str>)],
) -> Answer {
    let list = match find_any(call, kind, name) {
        Ok(list) if kind == ListKind::Acl && list.is_map => return Answer::error(ONLY_BY_MAP),
        Ok(list) => list,
        Err(answer) => return answer,
    };
    let version = match version {
        None => list.current,
        Some(text) => match parse_version(text) {
            Some(version) if is_after(version, list.next) => {
                let command = if kind == ListKind::Map { "prepare map" } else { "prepare acl" };
                return Answer::error(format!("Version number in the future, please use '{command}' before.\n"));
            }
            Some(version) => version,
            None => return Answer::error("Version number out of range.\n"),
        },
    };
    for (pattern, value) in patterns {
        if let Err(why) = call.subject.add_pattern(list.id, version, pattern, *value) {
            return Answer::error(format!("{}.\n", why.trim_end_matches(['.', '\n'])));
        }
    }
    Answer::done()
}

/// A version's number; they go round at the end of 32 bits.
fn parse_version(text: &str) -> Option<u32> {
    text.parse().ok()
}

fn is_after(version: u32, other: u32) -> bool {
    (version.wrapping_sub(other) as i32) > 0
}

/// `#0x55b8..` or a pattern.
fn pick(word: &str) -> Option<Pick> {
    match word.strip_prefix('#') {
        Some(number) => {
            let digits = number.strip_prefix("0x").unwrap_or(number);
            u64::from_str_radix(digits, 16).ok().map(Pick::Entry)
        }
        None => Some(Pick::Pattern(word.to_owned())),
    }
}

pub fn set_map(call: &mut Call<'_>) -> Answer {
    let [name, key, value, ..] = call.words else {
        return Answer::error("'set map' expects three parameters: map identifier, key and value.\n");
    };
    let list = match find_any(call, ListKind::Map, name) {
        Ok(list) => list,
        Err(answer) => return answer,
    };
    let Some(picked) = pick(key) else {
        return Answer::error("Malformed identifier. Please use #<id> or <file>.\n");
    };
    match call.subject.set_value(list.id, &picked, value) {
        Ok(Ok(())) => Answer::done(),
        Ok(Err(_)) if matches!(picked, Pick::Entry(_)) => Answer::error("key or pattern not found.\n"),
        Ok(Err(_)) => Answer::error("entry not found.\n"),
        Err(why) => Answer::error(format!("{}.\n", why.trim_end_matches(['.', '\n']))),
    }
}

pub fn del_map(call: &mut Call<'_>) -> Answer {
    del(call, ListKind::Map)
}

pub fn del_acl(call: &mut Call<'_>) -> Answer {
    del(call, ListKind::Acl)
}

fn del(call: &Call<'_>, kind: ListKind) -> Answer {
    let [name, key, ..] = call.words else {
        return Answer::error(format!("This command expects two parameters: {} identifier and key.\n", title(kind)));
    };
    let list = match find(call, kind, name) {
        Ok(list) => list,
        Err(answer) => return answer,
    };
    let Some(picked) = pick(key) else {
        return Answer::error("Malformed identifier. Please use #<id> or <file>.\n");
    };
    match call.subject.delete_pattern(list.id, &picked) {
        Ok(()) => Answer::done(),
        Err(_) => Answer::error("Key not found.\n"),
    }
}

pub fn clear_map(call: &mut Call<'_>) -> Answer {
    clear(call, ListKind::Map)
}

pub fn clear_acl(call: &mut Call<'_>) -> Answer {
    clear(call, ListKind::Acl)
}

fn clear(call: &Call<'_>, kind: ListKind) -> Answer {
    let (version, words) = version(call);
    let Some(name) = words.first() else {
        return Answer::error(format!("Missing {} identifier.\n", title(kind)));
    };
    match find(call, kind, name) {
        Ok(list) => {
            let version = version.and_then(parse_version).unwrap_or(list.current);
            call.subject.clear_patterns(list.id, version);
            Answer::done()
        }
        Err(answer) => answer,
    }
}

pub fn prepare_map(call: &mut Call<'_>) -> Answer {
    prepare(call, ListKind::Map)
}

pub fn prepare_acl(call: &mut Call<'_>) -> Answer {
    prepare(call, ListKind::Acl)
}

fn prepare(call: &Call<'_>, kind: ListKind) -> Answer {
    match find(call, kind, call.word(0)) {
        Ok(list) => {
            let version = call.subject.prepare_patterns(list.id);
            Answer::info(format!("New version created: {version}\n"))
        }
        Err(answer) => answer,
    }
}

pub fn commit_map(call: &mut Call<'_>) -> Answer {
    commit(call, ListKind::Map)
}

pub fn commit_acl(call: &mut Call<'_>) -> Answer {
    commit(call, ListKind::Acl)
}

fn commit(call: &Call<'_>, kind: ListKind) -> Answer {
    let (Some(text), words) = version(call) else {
        return Answer::error("Missing version number.\n");
    };
    let name = words.first().map_or("", String::as_str);
    let list: ListFacts = match find(call, kind, name) {
        Ok(list) => list,
        Err(answer) => return answer,
    };
    match parse_version(text) {
        Some(version) if is_after(version, list.current) && !is_after(version, list.next) => {
            call.subject.commit_patterns(list.id, version);
            Answer::done()
        }
        _ => Answer::error("Version number out of range.\n"),
    }
}
