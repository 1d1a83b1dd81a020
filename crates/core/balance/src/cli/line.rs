//! A line's commands and their words. `;` separates commands and blanks separate words, unless a backslash stands
//! before them; quotes mean nothing.

/// Arguments a command may have; HAProxy cuts at the same number.
const MOST_WORDS: usize = 64;

/// The commands of a line; an empty one is there as one without words.
pub fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![vec![]];
    let mut word = String::new();
    let mut begun = false;
    let mut chars = line.trim_end_matches(['\r', '\n']).chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                word.extend(chars.next());
                begun = true;
            }
            ';' | ' ' | '\t' => {
                if std::mem::take(&mut begun) {
                    push(&mut commands, std::mem::take(&mut word));
                }
                if c == ';' {
                    commands.push(vec![]);
                }
            }
            other => {
                word.push(other);
                begun = true;
            }
        }
    }
    if begun {
        push(&mut commands, word);
    }
    commands
}

fn push(commands: &mut [Vec<String>], word: String) {
    if let Some(command) = commands.last_mut()
        && command.len() < MOST_WORDS
    {
        command.push(word);
    }
}

/// The line without its `<<`, if a payload follows.
pub fn with_payload(line: &str) -> Option<&str> {
    let rest = line.trim_end_matches(['\r', '\n']).strip_suffix("<<")?;
    rest.ends_with([' ', '\t']).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[test]
    fn words() {
        check("show stat\r", expect![[r#"[["show", "stat"]]"#]]);
        check("  show\t info ;show stat", expect![[r#"[["show", "info"], ["show", "stat"]]"#]]);
        check(r"add map #2 a\;b c\ d\\e", expect![[r##"[["add", "map", "#2", "a;b", "c d\\e"]]"##]]);
        check(r#"get weight "a/b" 'c"#, expect![[r#"[["get", "weight", "\"a/b\"", "'c"]]"#]]);
        check("", expect!["[[]]"]);
        check("a;;b;", expect![[r#"[["a"], [], ["b"], []]"#]]);
        check("a\\", expect![[r#"[["a"]]"#]]);
        assert_eq!(commands(&"a ".repeat(100))[0].len(), MOST_WORDS);
    }

    #[test]
    fn a_payload_needs_its_sign_to_stand_alone() {
        assert_eq!(with_payload("add map #1 <<\r\n"), Some("add map #1 "));
        assert_eq!(with_payload("add map #1<<"), None);
        assert_eq!(with_payload("add map << x"), None);
    }

    #[track_caller]
    fn check(line: &str, expected: Expect) {
        expected.assert_eq(&format!("{:?}", commands(line)));
    }
}
