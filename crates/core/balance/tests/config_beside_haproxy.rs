//! Configurations, right and wrong, read by us and by a HAProxy 2.6 that is installed: the same lines, the same verdict.
//!
//! Each file of `tests/config/beside/` holds cases separated by lines that begin with `###`; what stands there is the
//! case's name. A case whose name ends in `(differs)` is only read by us; why it differs stands beside it. After
//! `### each:` every line is a case of its own, behind the line that follows the colon.
//!
//! `BALANCE_CONFIGS=<folder>` compares all files of a folder of yours, too.

use balance::config::{self, Files, Level, Source};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn says_what_haproxy_says() {
    if Command::new("haproxy").arg("-v").output().is_err() {
        eprintln!("haproxy is not installed: nothing to compare with");
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/beside");
    let scratch = std::env::temp_dir().join(format!("balance-config-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).unwrap();
    let mut differences = String::new();
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let more = std::env::var_os("BALANCE_CONFIGS").map(|folder| whole_files(Path::new(&folder))).unwrap_or_default();
    for (name, text) in files.iter().flat_map(|file| cases(file)).chain(more) {
        let ours = ours(&text);
        if name.ends_with("(differs)") {
            continue;
        }
        let path = scratch.join("x.cfg");
        std::fs::write(&path, &text).unwrap();
        let theirs = theirs(&scratch);
        if ours != theirs {
            let _ = writeln!(differences, "=== {name}\n{text}--- haproxy\n{theirs}--- ours\n{ours}");
        }
    }
    std::fs::remove_dir_all(&scratch).unwrap();
    assert!(differences.is_empty(), "\n{differences}");
}

fn whole_files(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: PathBuf| (path.display().to_string(), std::fs::read_to_string(&path).unwrap());
    files.into_iter().map(read).collect()
}

fn cases(file: &Path) -> Vec<(String, String)> {
    let mut cases: Vec<(String, String)> = vec![];
    let mut each = None;
    for line in std::fs::read_to_string(file).unwrap().lines() {
        if let Some(head) = line.strip_prefix("### each:") {
            each = Some(head.trim());
            continue;
        }
        match (line.strip_prefix("###"), cases.last_mut()) {
            (None, _) if each.is_some() => cases.push((line.to_owned(), format!("{}\n {line}\n", each.unwrap()))),
            (Some(name), _) => cases.push((name.trim().to_owned(), String::new())),
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => panic!("{} begins with no '###'", file.display()),
        }
    }
    cases
}

fn theirs(folder: &Path) -> String {
    let output = Command::new("haproxy").args(["-c", "-f", "x.cfg"]).current_dir(folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let mut lines: Vec<String> = vec![];
    for line in text.lines() {
        let line = line
            .split_once(" : ")
            .filter(|(begin, _)| begin.starts_with('['))
            .map_or(line.to_owned(), |(begin, rest)| format!("{} {rest}", begin.split(' ').next().unwrap()));
        let notice = line.starts_with("[NOTICE]") && !line.contains("parsing [");
        if !notice && !line.trim().is_empty() && line != "Warnings were found." {
            lines.push(line);
        }
    }
    let last = match output.status.code() {
        Some(1) => None,
        _ => lines.pop(),
    };
    lines.push(output.status.code().map_or_else(|| "crash".to_owned(), |code| format!("exit {code}")));
    drop(last);
    lines.join("\n") + "\n"
}

fn ours(text: &str) -> String {
    let source = Source { name: "x.cfg".into(), text: text.as_bytes().into() };
    let env = std::env::vars().collect::<BTreeMap<_, _>>();
    let (problems, code) = match config::parse(&[source], &env, &Disk) {
        Ok(parsed) => (parsed.warnings, if parsed.config.listens() { 0 } else { 2 }),
        Err(problems) => (problems.0, 1),
    };
    let mut out = String::new();
    for problem in problems.iter().filter(|problem| {
        problem.level != Level::Diag && (problem.level != Level::Notice || problem.text.contains("parsing ["))
    }) {
        for line in format!("[{}] {}", problem.level, problem.text).lines().filter(|line| !line.trim().is_empty()) {
            let _ = writeln!(out, "{line}");
        }
    }
    out + &format!("exit {code}\n")
}

/// The real files, users and names of this machine.
struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        std::fs::read(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "No such file or directory".into(),
            _ => error.to_string(),
        })
    }

    fn list(&self, path: &Path) -> Result<Vec<PathBuf>, String> {
        let entries = std::fs::read_dir(path).map_err(|error| error.to_string())?;
        let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        Ok(paths)
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn resolve(&self, host: &str) -> Option<IpAddr> {
        (host, 0).to_socket_addrs().ok()?.next().map(|address| address.ip())
    }

    fn has_user(&self, name: &str) -> bool {
        in_table("/etc/passwd", name)
    }

    fn has_group(&self, name: &str) -> bool {
        in_table("/etc/group", name)
    }
}

fn in_table(path: &str, name: &str) -> bool {
    let table = std::fs::read_to_string(path).unwrap_or_default();
    table.lines().any(|line| line.split(':').next() == Some(name))
}
