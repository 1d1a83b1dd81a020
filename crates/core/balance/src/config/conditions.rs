//! Conditions of `.if`, `.elif` and `-cc` (manual, section 2.4).

use super::Env;

/// The version whose behaviour we have; `version_atleast` and `version_before` compare with it.
pub const VERSION: &str = "2.6.12";

/// Features of HAProxy's builds that `feature()` finds here.
const FEATURES: [&str; 17] = [
    "ACCEPT4",
    "CPU_AFFINITY",
    "CRYPT_H",
    "EPOLL",
    "GETADDRINFO",
    "LIBCRYPT",
    "LINUX_SPLICE",
    "LINUX_TPROXY",
    "OPENSSL",
    "POLL",
    "PRCTL",
    "PROMEX",
    "SLZ",
    "SYSTEMD",
    "TFO",
    "THREAD",
    "TPROXY",
];

/// Parentheses and operators within each other, at most: HAProxy's limit.
const DEPTH: usize = 1024;

/// Why a condition cannot be said, and the byte of it that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    pub text: String,
    pub at: usize,
}

/// Whether a condition holds.
///
/// # Errors
/// What cannot be read, in HAProxy's words.
pub fn holds(text: &str, env: &Env) -> Result<bool, Wrong> {
    if text.is_empty() {
        return Ok(false);
    }
    let mut reader = Reader { text, at: 0, env, depth: 0 };
    let value = reader.or()?;
    reader.blanks();
    match reader.rest().chars().next() {
        None => Ok(value),
        Some(extra) => {
            Err(reader.wrong(format!("unexpected character '{extra}' at the end of conditional expression '{text}'")))
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    env: &'a Env,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t']).len();
    }

    fn wrong(&self, text: impl Into<String>) -> Wrong {
        Wrong { text: text.into(), at: self.at }
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn or(&mut self) -> Result<bool, Wrong> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.wrong(format!("unparsable conditional sub-expression '{}'", self.rest())));
        }
        let start = self.at;
        let mut value = self.and()?;
        while self.operator("||", start)? {
            value |= self.and()?;
        }
        self.depth -= 1;
        Ok(value)
    }

    fn and(&mut self) -> Result<bool, Wrong> {
        let mut value = self.term()?;
        loop {
            self.blanks();
            let here = self.at;
            if !self.operator("&&", here)? {
                return Ok(value);
            }
            value &= self.term()?;
        }
    }

    /// Whether the operator follows. One without anything behind it makes unreadable what begins at `start`.
    fn operator(&mut self, token: &str, start: usize) -> Result<bool, Wrong> {
        self.blanks();
        if !self.eat(token) {
            return Ok(false);
        }
        self.blanks();
        if self.rest().is_empty() {
            self.at = start;
            return Err(self.unparsable(start));
        }
        Ok(true)
    }

    fn unparsable(&self, start: usize) -> Wrong {
        Wrong { text: format!("unparsable conditional expression '{}'", &self.text[start..]), at: start }
    }

    fn term(&mut self) -> Result<bool, Wrong> {
        self.blanks();
        let start = self.at;
        let mut negated = false;
        while self.eat("!") {
            negated = !negated;
            self.blanks();
        }
        let value = match self.rest().as_bytes() {
            [b'(', ..] => self.parenthesis(start)?,
            [b'0'..=b'9', ..] | [b'-' | b'+', b'0'..=b'9', ..] => self.number(),
            _ => self.predicate(start)?,
        };
        Ok(value != negated)
    }

    fn parenthesis(&mut self, start: usize) -> Result<bool, Wrong> {
        self.at += 1;
        let value = self.or()?;
        self.blanks();
        if self.eat(")") {
            return Ok(value);
        }
        self.at = start;
        Err(self.wrong(format!("expected ')' after conditional expression '{}'", self.rest())))
    }

    fn number(&mut self) -> bool {
        self.eat("-");
        self.eat("+");
        let rest = self.rest();
        let hex = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X"));
        let (digits, radix, skipped) = hex.map_or((rest, 10, 0), |digits| (digits, 16, 2));
        let end = digits.find(|character: char| !character.is_digit(radix)).unwrap_or(digits.len());
        self.at += skipped + end;
        digits[..end].bytes().any(|digit| digit != b'0')
    }

    fn predicate(&mut self, start: usize) -> Result<bool, Wrong> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let Some(predicate) = PREDICATES.iter().find(|predicate| predicate.name == &rest[..end]) else {
            return Err(self.unparsable(start));
        };
        self.at += end;
        let mut arguments = self.arguments(predicate)?;
        arguments.resize(predicate.arguments, String::new());
        Ok((predicate.test)(&arguments, self.env))
    }

    /// `(a,b)`, with quotes and escapes of their own.
    fn arguments(&mut self, predicate: &Predicate) -> Result<Vec<String>, Wrong> {
        if !self.eat("(") {
            return Ok(vec![]);
        }
        let start = self.at;
        let arguments = self.list(predicate.arguments)?;
        let name = predicate.name;
        let of = format!("in argument 1 of predicate '{name}' used in conditional expression");
        if arguments.len() < predicate.arguments && !(arguments.is_empty() && predicate.arguments == 1) {
            let (got, wanted) = (arguments.len().max(1), predicate.arguments);
            self.at = start;
            return Err(self.wrong(format!("missing arguments (got {got}/{wanted}), type 'string' expected {of}")));
        }
        if self.eat(")") {
            return Ok(arguments);
        }
        Err(match self.rest() {
            "" => self.wrong(format!("expected ')' {of}")),
            rest => self.wrong(format!("expected ')' before '{rest}' {of}")),
        })
    }

    fn list(&mut self, most: usize) -> Result<Vec<String>, Wrong> {
        let mut arguments = vec![];
        if self.rest().starts_with(')') {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.argument()?);
            if arguments.len() == most || !self.eat(",") {
                return Ok(arguments);
            }
        }
    }

    /// Up to a comma or a closing parenthesis.
    fn argument(&mut self) -> Result<String, Wrong> {
        let mut argument = String::new();
        let mut quote = None;
        while let Some(next) = self.rest().chars().next() {
            match (next, quote) {
                (',' | ')', None) => break,
                ('"' | '\'', None) => quote = Some(next),
                (_, Some(open)) if open == next => quote = None,
                ('\\', None | Some('"')) if self.rest().len() > 1 => {
                    self.at += 1;
                    let escaped = self.rest().chars().next().unwrap_or_default();
                    argument.push(match escaped {
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        other => other,
                    });
                    self.at += escaped.len_utf8();
                    continue;
                }
                _ => argument.push(next),
            }
            self.at += next.len_utf8();
        }
        if quote.is_some() { Err(self.wrong("Unmatched quote.")) } else { Ok(argument) }
    }
}

struct Predicate {
    name: &'static str,
    arguments: usize,
    test: fn(&[String], &Env) -> bool,
}

const PREDICATES: [Predicate; 8] = [
    Predicate { name: "defined", arguments: 1, test: |arguments, env| env.contains_key(&arguments[0]) },
    Predicate { name: "feature", arguments: 1, test: |arguments, _| FEATURES.contains(&arguments[0].as_str()) },
    Predicate { name: "streq", arguments: 2, test: |arguments, _| arguments[0] == arguments[1] },
    Predicate { name: "strneq", arguments: 2, test: |arguments, _| arguments[0] != arguments[1] },
    Predicate {
        name: "version_atleast",
        arguments: 1,
        test: |arguments, _| version(&arguments[0]) <= version(VERSION),
    },
    Predicate { name: "version_before", arguments: 1, test: |arguments, _| version(&arguments[0]) > version(VERSION) },
    // TLS is not OpenSSL's here; scripts that ask want to know whether modern settings are understood.
    Predicate { name: "openssl_version_atleast", arguments: 1, test: |arguments, _| version(&arguments[0]) <= OPENSSL },
    Predicate { name: "openssl_version_before", arguments: 1, test: |arguments, _| version(&arguments[0]) > OPENSSL },
];

/// What Debian's 2.6.12 was built with.
const OPENSSL: Version = ([3, 0, 0], 0, 0, 0);

/// Numbers; -2 for `-dev`, -1 for `-rc`, else 0, and its number; commits after it.
type Version = ([u32; 3], i32, u32, u32);

/// Missing parts are zero.
fn version(text: &str) -> Version {
    let mut numbers = [0; 3];
    let mut parts = text.split('-');
    for (number, part) in numbers.iter_mut().zip(parts.next().unwrap_or_default().split('.')) {
        *number = leading(part);
    }
    let (mut stage, mut stage_number, mut commits) = (0, 0, 0);
    for part in parts {
        if let Some(number) = part.strip_prefix("dev") {
            (stage, stage_number) = (-2, leading(number));
        } else if let Some(number) = part.strip_prefix("rc") {
            (stage, stage_number) = (-1, leading(number));
        } else {
            commits = leading(part);
        }
    }
    (numbers, stage, stage_number, commits)
}

fn leading(text: &str) -> u32 {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn check(condition: &str, expected: Expect) {
        let env = [("HOME".to_owned(), String::new())].into();
        expected.assert_eq(&match holds(condition, &env) {
            Ok(value) => value.to_string(),
            Err(wrong) => format!("{} at {}", wrong.text, wrong.at),
        });
    }

    #[test]
    fn expressions() {
        check("", expect!["false"]);
        check("1", expect!["true"]);
        check("-1", expect!["true"]);
        check("010", expect!["true"]);
        check("0x10", expect!["true"]);
        check("00", expect!["false"]);
        check("!!1", expect!["true"]);
        check("! 0", expect!["true"]);
        check("(0)||1", expect!["true"]);
        check("1&&0||1", expect!["true"]);
        check("1 || 0 && 0", expect!["true"]);
        check("(1) && (0)", expect!["false"]);
    }

    #[test]
    fn predicates() {
        check("defined(HOME)", expect!["true"]);
        check("defined(NO)", expect!["false"]);
        check("defined", expect!["false"]);
        check("feature(OPENSSL)", expect!["true"]);
        check("feature(LUA)", expect!["false"]);
        check("streq(a,a)", expect!["true"]);
        check("streq(a, a)", expect!["false"]);
        check(r#"streq("a b",a\ b)"#, expect!["true"]);
        check("strneq('a',b)", expect!["true"]);
        check("streq(,)", expect!["true"]);
        check("version_atleast(2.6.12)", expect!["true"]);
        check("version_atleast(2.6.13)", expect!["false"]);
        check("version_atleast(2.6-dev3)", expect!["true"]);
        check("version_before(2.7)", expect!["true"]);
        check("version_before(2.7-dev1)", expect!["true"]);
        check("version_before(2.6)", expect!["false"]);
        check("openssl_version_atleast(1.1.1)", expect!["true"]);
    }

    #[test]
    fn refusals() {
        check("1 || ", expect!["unparsable conditional expression '1 || ' at 0"]);
        check("1 && ", expect!["unparsable conditional expression '&& ' at 2"]);
        check("|| 1", expect!["unparsable conditional expression '|| 1' at 0"]);
        check("!", expect!["unparsable conditional expression '!' at 0"]);
        check("(1", expect!["expected ')' after conditional expression '(1' at 0"]);
        check("!(1", expect!["expected ')' after conditional expression '!(1' at 0"]);
        check("(1))", expect!["unexpected character ')' at the end of conditional expression '(1))' at 3"]);
        check("()", expect!["unparsable conditional expression ')' at 1"]);
        check("1 2", expect!["unexpected character '2' at the end of conditional expression '1 2' at 2"]);
        check("foo(x)", expect!["unparsable conditional expression 'foo(x)' at 0"]);
        check(
            "defined(",
            expect!["expected ')' in argument 1 of predicate 'defined' used in conditional expression at 8"],
        );
        check(
            "streq(a,b",
            expect!["expected ')' in argument 1 of predicate 'streq' used in conditional expression at 9"],
        );
        check(
            "streq(a)",
            expect![
                "missing arguments (got 1/2), type 'string' expected in argument 1 of predicate 'streq' used in conditional expression at 6"
            ],
        );
        check(
            "streq(a,b,c)",
            expect!["expected ')' before ',c)' in argument 1 of predicate 'streq' used in conditional expression at 9"],
        );
        check(r#"streq(a"b,c"#, expect!["Unmatched quote. at 11"]);
    }

    #[test]
    fn deep() {
        let deep = "(".repeat(100_000);
        assert!(holds(&deep, &Env::new()).is_err());
    }
}
