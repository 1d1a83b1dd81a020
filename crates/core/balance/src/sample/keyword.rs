//! What the tables of fetches and converters are made of.

use super::args::{Arg, Spec};
use super::{Context, Env, Fetched, Source, Type, Value, Var};
use std::borrow::Cow;

/// Arguments and what to look at.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub args: &'a [Arg],
    pub context: &'a dyn Context,
    /// All values are wanted, not only the preferred one.
    pub every: bool,
}

impl<'a> Call<'a> {
    pub fn int(self, place: usize) -> Option<i64> {
        match self.args.get(place) {
            Some(Arg::Int(value)) => Some(*value),
            _ => None,
        }
    }

    /// A text; an empty one counts.
    pub fn text(self, place: usize) -> Option<&'a str> {
        match self.args.get(place) {
            Some(Arg::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A text or a name, `None` where it is empty: "the current one", "any".
    pub fn name(self, place: usize) -> Option<&'a str> {
        match self.args.get(place) {
            Some(Arg::Text(text) | Arg::Name(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    pub fn var(self, place: usize) -> Option<&'a Var> {
        match self.args.get(place) {
            Some(Arg::Var(var)) => Some(var),
            _ => None,
        }
    }

    /// Bytes given as such or as a variable's content.
    pub fn bytes(self, place: usize) -> Option<Cow<'a, [u8]>> {
        match self.args.get(place)? {
            Arg::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
            Arg::Text(text) => Some(Cow::Borrowed(text.as_bytes())),
            Arg::Var(var) => Some(self.context.var(var)?.into_bytes()),
            _ => None,
        }
    }
}

/// Looks for one value.
pub type One = for<'a> fn(Call<'a>) -> Fetched<'a>;

/// Gets values until it says that it has seen enough (`false`).
pub type Sink<'s, 'a> = &'s mut (dyn FnMut(Value<'a>) -> bool + 's);

/// Looks for all values of several; `false` where more bytes are needed to say.
pub type All = for<'a, 's> fn(Call<'a>, Sink<'s, 'a>) -> bool;

/// Which of several values counts where only one is wanted. ACLs look at all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefer {
    First,
    Last,
}

#[derive(Clone, Copy)]
pub enum Run {
    One(One),
    All(Prefer, All),
    /// HAProxy knows it, we do not: why.
    Refused(&'static str),
    /// A number of a stick table's entry.
    Counter(super::fetch::counters::Row),
}

/// Makes arguments ready, or says what is wrong with them.
pub type Check = fn(&mut [Arg], Env<'_>) -> Result<(), String>;

/// A fetch keyword.
#[derive(Clone, Copy)]
pub struct Fetch {
    pub name: &'static str,
    pub args: Spec,
    pub output: Type,
    pub source: Source,
    pub check: Check,
    pub run: Run,
}

/// A converter keyword.
#[derive(Clone, Copy)]
pub struct Converter {
    pub name: &'static str,
    pub args: Spec,
    pub input: Type,
    pub output: Type,
    pub check: Check,
    pub run: Convert,
}

pub type Change = for<'a> fn(Value<'a>, Call<'a>) -> Option<Value<'a>>;

#[derive(Clone, Copy)]
pub enum Convert {
    Change(Change),
    Refused(&'static str),
    /// A number of the stick table's entry that the sample is the key of.
    Counter(super::fetch::counters::Row),
}

pub fn unchecked(_: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    Ok(())
}

pub const fn one(name: &'static str, args: Spec, output: Type, source: Source, run: One) -> Fetch {
    Fetch { name, args, output, source, check: unchecked, run: Run::One(run) }
}

pub const fn all(name: &'static str, args: Spec, output: Type, source: Source, prefer: Prefer, run: All) -> Fetch {
    Fetch { name, args, output, source, check: unchecked, run: Run::All(prefer, run) }
}

pub const fn refused(name: &'static str, why: &'static str) -> Fetch {
    let args = super::args::spec(0, &[]);
    Fetch { name, args, output: Type::Any, source: Source::Constant, check: unchecked, run: Run::Refused(why) }
}

pub const fn converter(name: &'static str, args: Spec, input: Type, output: Type, run: Change) -> Converter {
    Converter { name, args, input, output, check: unchecked, run: Convert::Change(run) }
}

pub const fn refused_converter(name: &'static str, why: &'static str) -> Converter {
    let args = super::args::spec(0, &[]);
    Converter { name, args, input: Type::Any, output: Type::Any, check: unchecked, run: Convert::Refused(why) }
}

impl Fetch {
    pub const fn checked(mut self, check: Check) -> Self {
        self.check = check;
        self
    }

    /// The same under another name.
    pub const fn alias(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }
}

impl Converter {
    pub const fn checked(mut self, check: Check) -> Self {
        self.check = check;
        self
    }
}
