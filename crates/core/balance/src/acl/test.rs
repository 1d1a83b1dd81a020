//! One test: a sample, a method, patterns.

use super::{Verdict, keyword};
use crate::pattern::{Flags, Matcher, Method, Syntax};
use crate::sample::expr::identifier;
use crate::sample::fetch::{self, http_auth};
use crate::sample::{Context, Env, Expr};
use std::sync::Arc;

#[derive(Debug, Clone)]
pub(super) struct Test {
    expr: Expr,
    method: Method,
    /// One must match.
    matchers: Vec<Arc<Matcher>>,
}

const OPERATORS: [&str; 6] = ["eq", "ge", "gt", "le", "lt", "ne"];

impl Test {
    /// `<criterion> [flags] [operator] [value ...]`.
    pub fn parse(words: &[String], env: Env<'_>) -> Result<Self, String> {
        let first = words.first().map_or("", String::as_str);
        let name = identifier(first);
        let (expr, used, method, syntax) = match keyword::find(name) {
            Some((known, method)) => {
                let (expr, used) = acl_keyword(known, name, words, env)?;
                // Behind converters the type decides.
                let method = if expr.has_converters() { Method::of(expr.output()) } else { Some(method) };
                (expr, used, method, keyword::syntax(name))
            }
            None => {
                let (expr, used) =
                    Expr::parse_words(words, env).map_err(|text| format!("{text} in ACL expression '{first}'"))?;
                let method = Method::of(expr.output());
                (expr, used, method, Syntax::Plain)
            }
        };
        env.notes().add(expr.references(true));
        Patterns { expr, name, method, syntax, env, matchers: Vec::new() }.parse(
            &words[used..],
            first,
            words.len() == 1,
        )
    }

    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// All occurrences are tried until one matches.
    pub fn test(&self, context: &dyn Context) -> Verdict {
        if self.method == Method::Group {
            return if self.in_group(context) { Verdict::Pass } else { Verdict::Fail };
        }
        let mut pass = false;
        let may_change = self.expr.each(context, &mut |value| {
            pass = match self.method {
                Method::Found => true,
                Method::Bool => value.as_bool().unwrap_or(false),
                _ => self.matchers.iter().any(|matcher| matcher.matches(&value)),
            };
            !pass
        });
        match pass {
            true => Verdict::Pass,
            false if may_change && !context.is_final() => Verdict::Wait,
            false => Verdict::Fail,
        }
    }

    fn in_group(&self, context: &dyn Context) -> bool {
        let groups = self.matchers.iter().flat_map(|matcher| matcher.list().entries());
        groups.into_iter().any(|group| http_auth::in_group(self.expr.args(), context, &group.pattern))
    }
}

fn acl_keyword(known: &str, name: &str, words: &[String], env: Env<'_>) -> Result<(Expr, usize), String> {
    let fetch = fetch::find(known).ok_or_else(|| format!("unknown fetch method '{known}'"))?;
    let (mut expr, rest) = Expr::with_fetch(fetch, name, &words[0], env, "ACL keyword")?;
    let used = expr.parse_steps(rest, &words[1..], env).map_err(|text| format!("ACL keyword '{name}' : {text}."))?;
    expr.set_text(words[..=used].join(","));
    Ok((expr, used + 1))
}

/// The words behind a criterion.
struct Patterns<'e> {
    expr: Expr,
    name: &'e str,
    method: Option<Method>,
    syntax: Syntax,
    env: Env<'e>,
    matchers: Vec<Arc<Matcher>>,
}

impl Patterns<'_> {
    fn parse(mut self, words: &[String], criterion: &str, alone: bool) -> Result<Test, String> {
        let mut words = words.iter().map(String::as_str).peekable();
        let (mut ignore_case, mut is_map, mut id) = (false, false, None);
        while let Some(flag) = words.next_if(|word| word.starts_with('-')) {
            match flag {
                "--" => break,
                "-i" => ignore_case = true,
                // Names are resolved while the configuration is read, or not at all.
                "-n" => {}
                "-M" => is_map = true,
                "-u" => {
                    let number = words.next().map_or(Ok(0), str::parse);
                    id = Some(number.map_err(|_| "the argument of -u must be an integer")?);
                }
                "-m" => self.set_method(words.next().unwrap_or_default())?,
                "-f" => self.load(words.next().unwrap_or_default(), is_map, ignore_case)?,
                _ => {
                    return Err(format!(
                        "'{flag}' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'"
                    ));
                }
            }
        }
        let method = self.known_method()?;
        let flags = Flags { ignore_case, syntax: self.syntax };
        let list = self.env.patterns.anonymous(id);
        let mut operator = "eq";
        let mut patterns = 0;
        for word in words {
            let takes_operators = matches!(method, Method::Int | Method::Len);
            if takes_operators && OPERATORS.contains(&word) {
                operator = word;
                continue;
            }
            let pattern =
                if takes_operators { compared(operator, word, self.syntax)? } else { self.resolved(word, method)? };
            if method.takes_patterns() {
                list.add_unchecked(&pattern);
            }
            patterns += 1;
        }
        if alone && method.takes_patterns() {
            self.env.notes().warn(never_matches(criterion));
        }
        let user = format!("acl '{}'", self.name);
        let own = Matcher::new(list, method, flags, None, &user, self.env.patterns)?;
        if patterns > 0 || self.matchers.is_empty() {
            self.matchers.push(Arc::new(own));
        }
        Ok(Test { expr: self.expr, method, matchers: self.matchers })
    }

    fn known_method(&self) -> Result<Method, String> {
        self.method.ok_or_else(|| {
            format!(
                "matching method must be specified first (using '-m') when using a sample fetch of this type ('{}')",
                self.expr.keyword()
            )
        })
    }

    fn set_method(&mut self, name: &str) -> Result<(), String> {
        let method = Method::parse(name)
            .ok_or_else(|| format!("unknown matching method '{name}' when parsing ACL expression"))?;
        if !self.matchers.is_empty() {
            return Err("'-m' must only be specified before patterns and files in parsing ACL expression".into());
        }
        if !self.expr.output().casts_to(method.input()) {
            return Err(format!(
                "matching method '{name}' cannot be used with fetch keyword '{}'",
                self.expr.keyword()
            ));
        }
        self.method = Some(method);
        Ok(())
    }

    fn load(&mut self, file: &str, is_map: bool, ignore_case: bool) -> Result<(), String> {
        let method = self.known_method()?;
        let list = self.env.patterns.file(file, is_map, self.env.files)?;
        let flags = Flags { ignore_case, syntax: self.syntax };
        let matcher = Matcher::new(list, method, flags, None, "by acl at", self.env.patterns)?;
        self.matchers.push(Arc::new(matcher));
        Ok(())
    }

    /// Host names among addresses are looked up once, now.
    fn resolved(&self, word: &str, method: Method) -> Result<String, String> {
        let is_name = method == Method::Ip && word.starts_with(|letter: char| letter.is_ascii_alphabetic());
        if !is_name || word.contains([':', '/']) {
            return Ok(word.into());
        }
        match self.env.files.resolve(word) {
            Some(address) => Ok(address.to_string()),
            None => Err(format!("'{word}' is not a valid IPv4 or IPv6 address")),
        }
    }
}

/// A number with an operator, as the range it means.
fn compared(operator: &str, word: &str, syntax: Syntax) -> Result<String, String> {
    if matches!(operator, "eq" | "ne") {
        return Ok(word.into());
    }
    // Of a range, the end counts that makes the test weakest.
    let (low, high) = word.split_once(':').unwrap_or((word, word));
    let end = if operator.starts_with('g') { low } else { high };
    let number = syntax.parse(end).ok_or_else(|| format!("'{word}' is neither a number nor a supported operator"))?;
    Ok(match operator {
        "ge" => format!("{}:", syntax.show(number)),
        "gt" => format!("{}:", syntax.show(number.saturating_add(1))),
        "le" => format!(":{}", syntax.show(number)),
        _ => format!(":{}", syntax.show(number.saturating_sub(1))),
    })
}

fn never_matches(criterion: &str) -> String {
    format!(
        "parsing acl keyword '{criterion}' :\n  \
         no pattern to match against were provided, so this ACL will never match.\n  \
         If this is what you intended, please add '--' to get rid of this warning.\n  \
         If you intended to match only for existence, please use '-m found'.\n  \
         If you wanted to force an int to match as a bool, please use '-m bool'.\n"
    )
}
