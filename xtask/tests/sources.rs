//! Keeps every source file readable: a header that says what it is, a size one can hold in mind, nothing half done.

use std::path::{Path, PathBuf};

/// Lines a file may have. Aim for less than half.
const MOST_LINES: usize = 700;

/// Files that are one long table, with the reason they are not split.
const TABLES: &[(&str, &str)] = &[];

#[test]
fn files_begin_with_what_they_are() {
    let without = files().into_iter().filter(|(_, text)| !text.starts_with("//!"));
    let names: Vec<String> = without.map(|(path, _)| path).collect();
    assert!(names.is_empty(), "these files begin without a `//!` header:\n{}", names.join("\n"));
}

#[test]
fn files_are_small() {
    let large = files().into_iter().filter_map(|(path, text)| {
        let lines = text.lines().count();
        let is_table = TABLES.iter().any(|(table, _)| *table == path);
        (lines > MOST_LINES && !is_table).then(|| format!("{path}: {lines} lines"))
    });
    let large: Vec<String> = large.collect();
    assert!(large.is_empty(), "more than {MOST_LINES} lines, split along what they do:\n{}", large.join("\n"));
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let marks = ["todo", "unimplemented"].map(|name| format!("{name}!("));
    let notes = ["TO", "FIX"].map(|start| format!("// {start}{}", if start == "TO" { "DO" } else { "ME" }));
    let ignored = format!("#[{}]", "ignore");
    let found = files().into_iter().flat_map(|(path, text)| {
        let is_marked = |line: &str| {
            marks.iter().chain(&notes).any(|mark| line.contains(mark.as_str())) || line.trim().starts_with(&ignored)
        };
        let lines = text.lines().enumerate().filter(|(_, line)| is_marked(line));
        lines.map(|(number, line)| format!("{path}:{}: {}", number + 1, line.trim())).collect::<Vec<_>>()
    });
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "finish it, or return an error that says so:\n{}", found.join("\n"));
}

/// All Rust files of the repository, with their texts.
fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository");
    let mut paths = Vec::new();
    for folder in ["crates", "xtask", "fuzz"] {
        collect(&root.join(folder), &mut paths);
    }
    assert!(paths.len() > 100, "only {} files were found", paths.len());
    let name = |path: &Path| path.strip_prefix(root).expect("it was found there").display().to_string();
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).expect("it was just listed"))).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the repository").flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
