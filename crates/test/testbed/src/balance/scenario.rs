//! The form of a scenario's file.
//!
//! ```text
//! # What it shows, in a sentence.
//! --- config
//! frontend f
//!     bind $A:28001
//! --- file 503.http
//! HTTP/1.0 503 ...
//! --- script
//! serve s1 28101
//! start
//! get 28001 /
//! ```
//!
//! `$A` is the world's address, `$D` its folder. `config` gets [`PREAMBLE`] before it, `config bare` nothing.
//! A line of the script may begin with `timed` (its duration is observed, in whole seconds) and `differs(NAME)`
//! (it must differ between the two, for the reason that the table of differences has under NAME).

use std::path::Path;

/// What each configuration begins with, unless it is bare. One thread: the order of servers is then certain.
pub const PREAMBLE: &str = "global
    stats socket $D/cli level admin
    stats timeout 10s
    log $A:28000 len 8192 local0
    nbthread 1
    maxconn 500
defaults
    log global
    mode http
    option httplog
    timeout connect 1s
    timeout client 10s
    timeout server 10s
";

#[derive(Debug, Clone, Default)]
pub struct Scenario {
    pub name: String,
    pub about: String,
    pub config: String,
    /// Name and text.
    pub files: Vec<(String, String)>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, Default)]
pub struct Step {
    pub text: String,
    pub words: Vec<String>,
    pub timed: bool,
    /// The name of the difference it is allowed, and bound, to show.
    pub differs: Option<String>,
}

/// Where the scenarios are.
pub fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/balance")
}

/// All scenarios, by name.
pub fn all() -> Vec<Scenario> {
    let files = std::fs::read_dir(folder()).expect("the folder of scenarios");
    let mut paths: Vec<_> = files.flatten().map(|file| file.path()).collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Scenario {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    parse(&name, &text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn parse(name: &str, text: &str) -> Result<Scenario, String> {
    let mut scenario = Scenario { name: name.to_owned(), ..Scenario::default() };
    let mut sections: Vec<(&str, String)> = vec![("about", String::new())];
    for line in text.lines() {
        match line.strip_prefix("--- ") {
            Some(title) => sections.push((title.trim(), String::new())),
            None => {
                let body = &mut sections.last_mut().expect("there is a first one").1;
                body.push_str(line);
                body.push('\n');
            }
        }
    }
    for (title, body) in sections {
        match title.split_once(' ').unwrap_or((title, "")) {
            ("about", _) => scenario.about = body.trim_start_matches('#').trim().to_owned(),
            ("config", "") => scenario.config = format!("{PREAMBLE}{body}"),
            ("config", "bare") => scenario.config = body,
            ("file", name) => scenario.files.push((name.to_owned(), body)),
            ("script", _) => scenario.steps = steps(&body)?,
            _ => return Err(format!("there are no sections called '{title}'")),
        }
    }
    if scenario.steps.is_empty() {
        return Err("it has no steps".to_owned());
    }
    Ok(scenario)
}

fn steps(script: &str) -> Result<Vec<Step>, String> {
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| step(line).map_err(|error| format!("{line}: {error}"))).collect()
}

fn step(line: &str) -> Result<Step, String> {
    let mut step = Step { text: line.to_owned(), words: words(line)?, ..Step::default() };
    while let Some(first) = step.words.first() {
        if first == "timed" {
            step.timed = true;
        } else if let Some(name) = first.strip_prefix("differs(").and_then(|rest| rest.strip_suffix(')')) {
            step.differs = Some(name.to_owned());
        } else {
            return Ok(step);
        }
        step.words.remove(0);
    }
    Err("there is nothing to do".to_owned())
}

/// Words are split at blanks; `"..."` keeps blanks; `\r \n \t \0 \" \\ \xNN` stand for their characters (one byte each,
/// so a character beyond ASCII means the byte of that number).
pub fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' | '\t' if !quoted => words.extend(word.take()),
            '\\' => word.get_or_insert_default().push(escaped(&mut letters)?),
            other => word.get_or_insert_default().push(other),
        }
    }
    if quoted {
        return Err("a quote is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}

fn escaped(letters: &mut std::str::Chars<'_>) -> Result<char, String> {
    Ok(match letters.next() {
        Some('r') => '\r',
        Some('n') => '\n',
        Some('t') => '\t',
        Some('0') => '\0',
        Some(same @ ('"' | '\\' | ' ' | '#')) => same,
        Some('x') => {
            let digits: String = letters.by_ref().take(2).collect();
            char::from(u8::from_str_radix(&digits, 16).map_err(|error| format!("\\x{digits}: {error}"))?)
        }
        other => return Err(format!("there is no escape {other:?}")),
    })
}

/// The bytes that a word stands for.
pub fn bytes(word: &str) -> Vec<u8> {
    word.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_said() {
        let line = r#"send 1 "GET / HTTP/1.0\r\n\r\n" a\x41 """#;
        assert_eq!(words(line), Ok(["send", "1", "GET / HTTP/1.0\r\n\r\n", "aA", ""].map(String::from).to_vec()));
        assert_eq!(words("\"open"), Err("a quote is not closed".to_owned()));
    }

    #[test]
    fn a_step_has_its_marks() {
        let step = step("timed differs(x) get 1 /").expect("it is well formed");
        assert_eq!((step.timed, step.differs.as_deref(), step.words.len()), (true, Some("x"), 3));
    }

    #[test]
    fn each_scenario_can_be_read_and_says_what_it_shows() {
        for scenario in all() {
            assert!(!scenario.about.is_empty(), "{} does not say what it shows", scenario.name);
        }
    }
}
