//! Settings at the end of `bind` and `server` lines: a word, sometimes with values behind it.

use super::keyword::{self, Fate, Keyword};
use super::line::Ctx;
use super::model::Global;
use super::model::{Place, Placed};
use super::values::{self, Wrong};
use super::{Env, Files, suggest};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The words not read yet, and what reading them needs.
pub(super) struct Params<'a> {
    words: &'a [String],
    at: usize,
    pub env: &'a Env,
    pub files: &'a dyn Files,
    place: Place,
    ca_base: Option<&'a Path>,
    crt_base: Option<&'a Path>,
    /// Said with the line's place once it is read.
    pub warnings: Vec<String>,
    pub ignored: Vec<(&'static str, &'static str)>,
}

/// Reads a setting's values.
pub(super) type Read<T> = fn(&mut Params, &mut T) -> Result<(), String>;

/// Why a line was not read to its end.
pub(super) enum Stop {
    /// No such setting; the known one most like it.
    Unknown(String, Option<&'static str>),
    Wrong(String),
    Refused(&'static str, &'static str, &'static str),
}

impl<'a> Params<'a> {
    /// The words of a line from `at` on.
    pub fn new(ctx: &Ctx<'a>, at: usize, global: &'a Global) -> Self {
        Self {
            words: ctx.rest(at),
            at: 0,
            env: ctx.env,
            files: ctx.files,
            place: ctx.report.place.clone(),
            ca_base: global.ca_base.as_deref(),
            crt_base: global.crt_base.as_deref(),
            warnings: vec![],
            ignored: vec![],
        }
    }

    pub fn placed<T>(&self, words: std::sync::Arc<[String]>, value: T) -> Placed<T> {
        Placed { place: self.place.clone(), words, value }
    }

    /// The same surroundings with other words.
    pub fn nested<'b>(&'b self, words: &'b [String]) -> Params<'b> {
        Params { words, at: 0, place: self.place.clone(), warnings: vec![], ignored: vec![], ..*self }
    }

    /// Reads all words by the tables.
    pub fn read<T>(&mut self, tables: &[&'static [Keyword<Read<T>>]], into: &mut T) -> Result<(), Stop> {
        while let Some(word) = self.words.get(self.at) {
            let Some(keyword) = keyword::find(tables, std::slice::from_ref(word)) else {
                let known = tables.iter().flat_map(|table| table.iter()).map(|keyword| keyword.name);
                return Err(Stop::Unknown(word.clone(), suggest::best(word, known)));
            };
            self.at += 1;
            match keyword.fate {
                Fate::Done(read) => read(self, into).map_err(Stop::Wrong)?,
                Fate::Ignored(reason) => {
                    self.ignored.push((keyword.name, reason));
                    self.skip_values(tables);
                }
                Fate::Refused(reason, cure) => return Err(Stop::Refused(keyword.name, reason, cure)),
            }
        }
        Ok(())
    }

    /// Passes over what belongs to a setting without effect: all up to the next known one.
    fn skip_values<T>(&mut self, tables: &[&'static [Keyword<Read<T>>]]) {
        while self.words.get(self.at).is_some_and(|word| keyword::find(tables, std::slice::from_ref(word)).is_none()) {
            self.at += 1;
        }
    }

    /// The next word, empty at the end.
    pub fn value(&mut self) -> &'a str {
        let word = self.peek();
        self.at += 1;
        word
    }

    pub fn peek(&self) -> &'a str {
        self.words.get(self.at).map_or("", String::as_str)
    }

    /// The name of the setting whose value is asked for.
    pub fn name(&self) -> &'a str {
        self.at.checked_sub(1).and_then(|at| self.words.get(at)).map_or("", String::as_str)
    }

    /// A word that must be there.
    pub fn required(&mut self, missing: &str) -> Result<&'a str, String> {
        let name = self.name();
        match self.value() {
            "" => Err(format!("'{name}' : missing {missing}")),
            word => Ok(word),
        }
    }

    /// A number as C reads it; what it does not read is said.
    pub fn lax_number(&mut self) -> i32 {
        let name = self.name();
        let word = self.value();
        let number = values::leading_number(word);
        if !values::is_number(word) {
            self.warnings.push(format!("'{name}' : '{word}' is read as {number}, as HAProxy does"));
        }
        number
    }

    pub fn time(&mut self) -> Result<Duration, Wrong> {
        values::time(self.value())
    }

    /// A file of certificates of authorities: below `ca-base` unless its path is absolute.
    pub fn ca_path(&self, word: &str) -> PathBuf {
        if word.starts_with('@') { word.into() } else { below(self.ca_base, word) }
    }

    pub fn crt_path(&self, word: &str) -> PathBuf {
        below(self.crt_base, word)
    }
}

fn below(base: Option<&Path>, word: &str) -> PathBuf {
    match base {
        Some(base) if !word.starts_with('/') => base.join(word),
        _ => word.into(),
    }
}
