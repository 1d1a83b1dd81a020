//! One use of a list: a method and the index made for it.

use super::index::{Index, Pattern};
use super::library::Library;
use super::list::{List, Use};
use super::method::Method;
use super::number::Syntax;
use super::regex::expand;
use crate::sample::Value;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

/// How patterns are read and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// `-i`.
    pub ignore_case: bool,
    pub syntax: Syntax,
}

/// What a map's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Str,
    Int,
    Ip,
    /// Text with `\1` for what groups of the pattern matched (`map_regm`).
    Template,
}

/// Whether a pattern can be read.
pub(super) fn check(method: Method, flags: Flags, pattern: &str) -> Result<(), String> {
    Pattern::parse(method, flags, pattern).map(drop)
}

impl Output {
    pub(super) fn parse(self, text: &str) -> Result<Value<'static>, String> {
        Ok(match self {
            Self::Str | Self::Template => Value::text(text.to_owned()),
            Self::Int => Value::Int(text.parse().map_err(|_| format!("'{text}' is not a number"))?),
            Self::Ip => {
                let address = text.parse().map_err(|_| format!("'{text}' is not a valid IPv4 or IPv6 address"))?;
                Value::Ip(address)
            }
        })
    }
}

pub struct Matcher {
    list: Arc<List>,
    method: Method,
    flags: Flags,
    output: Option<Output>,
    made: RwLock<Made>,
}

/// What was made of the list's text.
#[derive(Default)]
struct Made {
    version: u64,
    index: Index,
    values: Vec<Option<Value<'static>>>,
}

impl std::fmt::Debug for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Matcher").field("method", &self.method).field("file", &self.list.file()).finish()
    }
}

impl Matcher {
    /// Uses a list; `user` is how descriptions call who does. All its patterns must be good for the method.
    pub fn new(
        list: Arc<List>,
        method: Method,
        flags: Flags,
        output: Option<Output>,
        user: &str,
        library: &Library,
    ) -> Result<Self, String> {
        for entry in list.entries() {
            check(method, flags, &entry.pattern)?;
            if let (Some(output), Some(value)) = (output, &entry.value) {
                output.parse(value)?;
            }
        }
        let user = if user.is_empty() { String::new() } else { format!("{user}{}", library.origin()) };
        list.used(Use { method, flags, output }, user);
        let matcher = Self { list, method, flags, output, made: RwLock::default() };
        matcher.refresh();
        Ok(matcher)
    }

    pub fn list(&self) -> &Arc<List> {
        &self.list
    }

    pub fn method(&self) -> Method {
        self.method
    }

    pub fn ignores_case(&self) -> bool {
        self.flags.ignore_case
    }

    /// Whether a pattern matches. What cannot be made the method's type does not.
    pub fn matches(&self, value: &Value<'_>) -> bool {
        match self.method {
            Method::Found => true,
            Method::Bool => value.as_bool().unwrap_or(false),
            _ => self.find(value, |_, place| place.is_some()),
        }
    }

    /// The place in the list of the pattern that matches, for `get acl` and `get map`.
    pub fn place(&self, value: &Value<'_>) -> Option<usize> {
        self.find(value, |_, place| place)
    }

    /// The value of the pattern that matches.
    pub fn lookup(&self, value: &Value<'_>) -> Option<Value<'static>> {
        self.find(value, |made, place| {
            let found = made.values.get(place?)?.as_ref()?;
            if self.output == Some(Output::Template)
                && let Index::Regexes(regexes) = &made.index
            {
                let text = value.as_bytes();
                let groups = regexes.get(place?)?.1.groups(&text, 0)?;
                let mut out = Vec::new();
                expand(&found.as_bytes(), &text, &groups, &mut out);
                return Some(Value::str(out));
            }
            Some(found.clone())
        })
    }

    fn find<R>(&self, value: &Value<'_>, then: impl FnOnce(&Made, Option<usize>) -> R) -> R {
        let mut made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        if made.version != self.list.version() {
            drop(made);
            self.refresh();
            made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        }
        let place = made.index.find(value, self.method, self.flags);
        then(&made, place)
    }

    /// Makes the index anew. Lines that are good for other uses of the list only are passed over.
    fn refresh(&self) {
        let version = self.list.version();
        let entries = self.list.entries();
        let patterns = entries.iter().enumerate().filter_map(|(place, entry)| {
            Pattern::parse(self.method, self.flags, &entry.pattern).ok().map(|pattern| (place, pattern))
        });
        let index = Index::new(self.method, patterns);
        let value = |text: &Option<String>| self.output?.parse(text.as_ref()?).ok();
        let values = entries.iter().map(|entry| value(&entry.value)).collect();
        *self.made.write().unwrap_or_else(PoisonError::into_inner) = Made { version, index, values };
    }
}

/// Of an IPv6 address that carries an IPv4 one: 2002:IPV4::, ::IPV4, ::ffff:IPV4.
pub(super) fn carried(address: IpAddr) -> Option<u32> {
    let IpAddr::V6(address) = address else { return None };
    match address.segments() {
        [0x2002, high, low, ..] => Some(u32::from(high) << 16 | u32::from(low)),
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Some(u32::from(high) << 16 | u32::from(low)),
        _ => None,
    }
}
