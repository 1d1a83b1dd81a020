//! Access lists: named tests on samples, and the conditions (`if`, `unless`) made of them (manual sections 7.1, 7.2).

mod condition;
mod keyword;
mod predefined;
mod test;
#[cfg(test)]
mod tests;

pub use condition::Condition;

use crate::sample::{Context, Env, Place};
use std::collections::HashMap;
use std::sync::Arc;
use test::Test;

/// What a test or a condition says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Fail,
    /// More bytes are needed to say.
    Wait,
}

/// The ACLs of one proxy, by name.
#[derive(Debug, Clone, Default)]
pub struct Acls {
    named: HashMap<String, Arc<Acl>>,
}

/// Tests of which one must pass.
#[derive(Debug, Clone, Default)]
pub(crate) struct Acl {
    tests: Vec<Test>,
}

impl Acls {
    /// `acl <name> <criterion> [flags] [operator] [value ...]`; the same name again adds to it.
    pub fn define(&mut self, name: &str, words: &[String], env: Env<'_>) -> Result<(), String> {
        let allowed = |letter: &char| letter.is_ascii_alphanumeric() || "-_.:".contains(*letter);
        if let Some(letter) = name.chars().find(|letter| !allowed(letter)) {
            return Err(format!("character '{letter}' is not permitted in acl name '{name}'."));
        }
        if name.eq_ignore_ascii_case("or") {
            return Err(format!(
                "acl name '{name}' will never match. 'or' is used to express a logical disjunction within a condition."
            ));
        }
        let test =
            Test::parse(words, env).map_err(|text| format!("error detected while parsing ACL '{name}' : {text}."))?;
        Arc::make_mut(self.named.entry(name.to_owned()).or_default()).tests.push(test);
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// The ACL of this name, or the one that is there without being declared.
    fn find(&self, name: &str, env: Env<'_>) -> Result<Option<Arc<Acl>>, String> {
        if let Some(acl) = self.named.get(name) {
            return Ok(Some(Arc::clone(acl)));
        }
        let Some(words) = predefined::find(name) else { return Ok(None) };
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let test = Test::parse(&words, env)?;
        Ok(Some(Arc::new(Acl { tests: vec![test] })))
    }
}

impl Acl {
    fn test(&self, context: &dyn Context) -> Verdict {
        let mut wait = false;
        for test in &self.tests {
            match test.test(context) {
                Verdict::Pass => return Verdict::Pass,
                Verdict::Wait => wait = true,
                Verdict::Fail => {}
            }
        }
        if wait { Verdict::Wait } else { Verdict::Fail }
    }

    /// The first keyword that cannot be had at this place, and whether that goes for all of them.
    fn out_of_place(&self, place: Place) -> Option<(&str, bool)> {
        let mut outside = self.tests.iter().filter(|test| !test.expr().source().reaches(place));
        let first = outside.next()?;
        Some((first.expr().keyword(), outside.count() + 1 == self.tests.len()))
    }
}
