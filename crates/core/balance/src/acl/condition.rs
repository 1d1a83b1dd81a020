//! Conditions: ACLs joined by "and" (nothing), `or`, and `!`.

use super::test::Test;
use super::{Acl, Acls, Verdict};
use crate::sample::{Context, Env, Place};
use std::sync::Arc;

/// `if a b or !c`, `unless { path_beg /x }`.
#[derive(Debug, Clone)]
pub struct Condition {
    /// As written.
    text: String,
    /// `unless`.
    negated: bool,
    /// One must pass: all of its terms pass.
    suites: Vec<Vec<Term>>,
}

#[derive(Debug, Clone)]
struct Term {
    negated: bool,
    acl: Arc<Acl>,
    /// `None`: it stands in braces.
    name: Option<String>,
}

/// Equal when written the same: what a changed configuration compares.
impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Condition {}

impl Condition {
    /// Reads all words, the first being `if` or `unless`.
    pub fn parse(words: &[String], acls: &Acls, env: Env<'_>) -> Result<Self, String> {
        let negated = words.first().is_some_and(|word| word == "unless");
        let mut condition = Self { text: words.join(" "), negated, suites: Vec::new() };
        let mut rest = words.get(1..).unwrap_or_default();
        let (mut suite, mut negated) = (Vec::new(), false);
        while let Some((word, after)) = rest.split_first() {
            rest = after;
            let name = word.trim_start_matches('!');
            negated ^= (word.len() - name.len()) % 2 == 1;
            match name {
                // An exclamation mark may stand alone.
                "" => continue,
                "||" => condition.suites.extend(take(&mut suite)),
                _ if name.eq_ignore_ascii_case("or") => condition.suites.extend(take(&mut suite)),
                "{" => {
                    let end = rest.iter().position(|word| word == "}").ok_or("missing closing '}' in condition")?;
                    let test = Test::parse(&rest[..end], env)?;
                    rest = &rest[end + 1..];
                    suite.push(Term { negated, acl: Arc::new(Acl { tests: vec![test] }), name: None });
                }
                _ => {
                    let acl = acls.find(name, env)?.ok_or_else(|| format!("no such ACL : '{name}'"))?;
                    suite.push(Term { negated, acl, name: Some(name.into()) });
                }
            }
            negated = false;
        }
        condition.suites.extend(take(&mut suite));
        if let Some(text) = env.notes().first_place().and_then(|place| condition.check_place(place)) {
            env.notes().warn(format!("parsing [{}] : {text}", env.notes().standing().line));
        }
        Ok(condition)
    }

    /// As written, with `if` or `unless`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds now.
    pub fn holds(&self, context: &dyn Context) -> bool {
        self.test(context) == Verdict::Pass
    }

    /// Whether it holds, or cannot be said before more bytes come.
    pub fn test(&self, context: &dyn Context) -> Verdict {
        match (self.any(context), self.negated) {
            (Verdict::Pass, true) => Verdict::Fail,
            (Verdict::Fail, true) => Verdict::Pass,
            (verdict, _) => verdict,
        }
    }

    fn any(&self, context: &dyn Context) -> Verdict {
        let mut wait = false;
        for suite in &self.suites {
            match all(suite, context) {
                Verdict::Pass => return Verdict::Pass,
                Verdict::Wait => wait = true,
                Verdict::Fail => {}
            }
        }
        if wait { Verdict::Wait } else { Verdict::Fail }
    }

    /// What HAProxy warns of where it stands: keywords that cannot be had there.
    pub(super) fn check_place(&self, place: Place) -> Option<String> {
        let (term, (keyword, all)) =
            self.suites.iter().flatten().find_map(|term| Some((term, term.acl.out_of_place(place)?)))?;
        let directive = place.tcp_directive().map_or_else(String::new, |directive| format!(" in '{directive}'"));
        let place = place.name();
        Some(match (&term.name, all) {
            (None, _) => format!(
                "anonymous acl will never match{directive} because it uses keyword '{keyword}' which is incompatible \
                 with '{place}'"
            ),
            (Some(name), true) => format!(
                "acl '{name}' will never match{directive} because it only involves keywords that are incompatible \
                 with '{place}'"
            ),
            (Some(name), false) => {
                format!("acl '{name}' involves keywords '{keyword}' which is incompatible with '{place}'")
            }
        })
    }
}

fn take(suite: &mut Vec<Term>) -> Option<Vec<Term>> {
    (!suite.is_empty()).then(|| std::mem::take(suite))
}

/// One term that fails decides, even if others must wait.
fn all(suite: &[Term], context: &dyn Context) -> Verdict {
    let mut wait = false;
    for term in suite {
        match (term.acl.test(context), term.negated) {
            (Verdict::Wait, _) => wait = true,
            (Verdict::Pass, false) | (Verdict::Fail, true) => {}
            (Verdict::Fail, false) | (Verdict::Pass, true) => return Verdict::Fail,
        }
    }
    if wait { Verdict::Wait } else { Verdict::Pass }
}
