//! Patterns made ready, and the way to find the one that matches without trying all of them.

use super::matcher::{Flags, carried};
use super::method::Method;
use super::number::Range;
use super::regex::Regex;
use super::{hex_bytes, number};
use crate::sample::Value;
use crate::sample::args::{mask4, mask6};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

/// One pattern.
pub(super) enum Pattern {
    Range(Range),
    V4 { address: u32, mask: u32 },
    V6 { address: u128, mask: u128 },
    Bytes(Vec<u8>),
    Regex(Regex),
}

impl Pattern {
    pub fn parse(method: Method, flags: Flags, text: &str) -> Result<Self, String> {
        Ok(match method {
            Method::Int => Self::Range(Range::parse(text, flags.syntax)?),
            Method::Len => Self::Range(Range::parse(text, number::Syntax::Plain)?),
            Method::Ip => network(text).ok_or_else(|| format!("'{text}' is not a valid IPv4 or IPv6 address"))?,
            Method::Bin => Self::Bytes(hex_bytes(text)?),
            Method::Reg => Self::Regex(Regex::new(text, flags.ignore_case)?),
            Method::Dir => Self::Bytes(trimmed(&lowered(text, flags), method)),
            Method::Dom => Self::Bytes(trimmed(&lowered(text, flags), method)),
            _ => Self::Bytes(lowered(text, flags)),
        })
    }
}

fn lowered(text: &str, flags: Flags) -> Vec<u8> {
    if flags.ignore_case { text.to_ascii_lowercase().into_bytes() } else { text.as_bytes().to_vec() }
}

/// An address, with a mask or without; IPv4 may leave out zero octets in the middle (`10.1` is 10.0.0.1).
fn network(text: &str) -> Option<Pattern> {
    let (address, mask) = text.split_once('/').map_or((text, None), |(address, mask)| (address, Some(mask)));
    if address.contains(':') {
        let address = address.parse::<std::net::Ipv6Addr>().ok()?;
        let mask = mask.map_or(Some(u128::MAX), mask6)?;
        return Some(Pattern::V6 { address: u128::from(address) & mask, mask });
    }
    let mask = mask.map_or(Some(u32::MAX), mask4)?;
    Some(Pattern::V4 { address: u32::from(short_v4(address)?) & mask, mask })
}

fn short_v4(text: &str) -> Option<Ipv4Addr> {
    if let Ok(number) = text.parse::<u32>() {
        return Some(number.into());
    }
    let parts: Vec<u8> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    Some(match parts[..] {
        [a, b] => Ipv4Addr::new(a, 0, 0, b),
        [a, b, c] => Ipv4Addr::new(a, b, 0, c),
        [a, b, c, d] => Ipv4Addr::new(a, b, c, d),
        _ => return None,
    })
}

/// Up to so many patterns are compared one by one, which is faster than hashing.
const FEW: usize = 8;

/// Bytes by pattern; the first line of equal ones.
#[derive(Default)]
pub(super) struct Exact {
    few: Vec<(Box<[u8]>, usize)>,
    /// All of them, where they are not few.
    many: HashMap<Box<[u8]>, usize>,
}

impl Exact {
    fn insert(&mut self, pattern: Vec<u8>, place: usize) {
        if self.get(&pattern).is_some() {
            return;
        }
        if self.many.is_empty() && self.few.len() < FEW {
            return self.few.push((pattern.into(), place));
        }
        self.many.extend(self.few.drain(..));
        self.many.insert(pattern.into(), place);
    }

    fn get(&self, text: &[u8]) -> Option<usize> {
        match self.many.is_empty() {
            true => self.few.iter().find(|(pattern, _)| **pattern == *text).map(|found| found.1),
            false => self.many.get(text).copied(),
        }
    }
}

/// Networks by mask.
type Networks<K> = Vec<(K, HashMap<K, usize>)>;

/// With each pattern its place in the list.
#[derive(Default)]
pub(super) enum Index {
    #[default]
    Empty,
    Ranges(Vec<(usize, Range)>),
    /// Networks by mask, longest masks first.
    Networks {
        v4: Networks<u32>,
        v6: Networks<u128>,
    },
    Exact(Exact),
    /// Beginnings or ends by length, longest first.
    Affixes(Vec<(usize, Exact)>),
    Listed(Vec<(usize, Vec<u8>)>),
    Finders(Vec<(usize, memchr::memmem::Finder<'static>)>),
    Regexes(Vec<(usize, Regex)>),
}

impl Index {
    pub fn new(method: Method, patterns: impl Iterator<Item = (usize, Pattern)>) -> Self {
        let mut ranges = Vec::new();
        let mut bytes: Vec<(usize, Vec<u8>)> = Vec::new();
        let mut regexes = Vec::new();
        let (mut v4, mut v6) = (Networks::<u32>::new(), Networks::<u128>::new());
        for (place, pattern) in patterns {
            match pattern {
                Pattern::Range(range) => ranges.push((place, range)),
                Pattern::Bytes(pattern) => bytes.push((place, pattern)),
                Pattern::Regex(regex) => regexes.push((place, regex)),
                Pattern::V4 { address, mask } => _ = by_mask(&mut v4, mask).entry(address).or_insert(place),
                Pattern::V6 { address, mask } => _ = by_mask(&mut v6, mask).entry(address).or_insert(place),
            }
        }
        match method {
            Method::Int | Method::Len => Self::Ranges(ranges),
            Method::Ip => {
                v4.sort_by_key(|entry| std::cmp::Reverse(entry.0));
                v6.sort_by_key(|entry| std::cmp::Reverse(entry.0));
                Self::Networks { v4, v6 }
            }
            Method::Reg => Self::Regexes(regexes),
            Method::Str | Method::Bin | Method::HttpMethod => Self::Exact(exact(bytes)),
            Method::Beg | Method::End => {
                let mut lengths: Vec<(usize, Exact)> = Vec::new();
                for (place, pattern) in bytes {
                    by_mask(&mut lengths, pattern.len()).insert(pattern, place);
                }
                lengths.sort_by_key(|entry| std::cmp::Reverse(entry.0));
                Self::Affixes(lengths)
            }
            Method::Sub => {
                let finder = |pattern: Vec<u8>| memchr::memmem::Finder::new(&pattern).into_owned();
                Self::Finders(bytes.into_iter().map(|(place, pattern)| (place, finder(pattern))).collect())
            }
            Method::Dir | Method::Dom | Method::Group => Self::Listed(bytes),
            Method::Found | Method::Bool => Self::Empty,
        }
    }

    /// The place of the pattern that matches: the finest network, the longest beginning, else the first.
    pub fn find(&self, value: &Value<'_>, method: Method, flags: Flags) -> Option<usize> {
        match self {
            Self::Empty => None,
            Self::Ranges(ranges) => {
                let number = match method {
                    Method::Len => value.as_bytes().len() as i64,
                    _ if matches!(value, Value::Bin(_) | Value::Method(_)) => return None,
                    _ => value.as_int()?,
                };
                ranges.iter().find(|(_, range)| range.contains(number)).map(|found| found.0)
            }
            Self::Networks { v4, v6 } => network_of(value.as_ip()?, v4, v6),
            _ => self.find_text(&text(value, method, flags), method),
        }
    }

    fn find_text(&self, text: &[u8], method: Method) -> Option<usize> {
        match self {
            Self::Exact(exact) => exact.get(text),
            Self::Affixes(lengths) => {
                let part = |length: usize| match method {
                    Method::End => &text[text.len() - length..],
                    _ => &text[..length],
                };
                let mut found = lengths.iter().filter(|(length, _)| *length <= text.len());
                match method {
                    // Ends are a list: the first line counts.
                    Method::End => found.filter_map(|(length, exact)| exact.get(part(*length))).min(),
                    _ => found.find_map(|(length, exact)| exact.get(part(*length))),
                }
            }
            Self::Finders(finders) => {
                finders.iter().find(|(_, finder)| finder.find(text).is_some()).map(|found| found.0)
            }
            Self::Regexes(regexes) => regexes.iter().find(|(_, regex)| regex.is_match(text)).map(|found| found.0),
            Self::Listed(patterns) => {
                patterns.iter().find(|(_, pattern)| holds_part(text, pattern, method)).map(|found| found.0)
            }
            Self::Empty | Self::Ranges(_) | Self::Networks { .. } => None,
        }
    }
}

fn by_mask<K: PartialEq, M: Default>(maps: &mut Vec<(K, M)>, key: K) -> &mut M {
    let place = match maps.iter().position(|(known, _)| *known == key) {
        Some(place) => place,
        None => {
            maps.push((key, M::default()));
            maps.len() - 1
        }
    };
    &mut maps[place].1
}

fn exact(bytes: Vec<(usize, Vec<u8>)>) -> Exact {
    let mut exact = Exact::default();
    for (place, pattern) in bytes {
        exact.insert(pattern, place);
    }
    exact
}

/// The sample's text as the method compares it.
fn text<'v>(value: &'v Value<'_>, method: Method, flags: Flags) -> std::borrow::Cow<'v, [u8]> {
    let mut text = value.as_bytes();
    // A string ends at the first zero byte.
    if let (Value::Bin(bytes), true) = (value, method != Method::Bin)
        && let Some(end) = memchr::memchr(0, bytes)
    {
        text = std::borrow::Cow::Borrowed(&bytes[..end]);
    }
    let folds = flags.ignore_case && !matches!(method, Method::Bin | Method::Reg);
    if folds && text.iter().any(u8::is_ascii_uppercase) {
        text.to_mut().make_ascii_lowercase();
    }
    text
}

fn network_of(address: IpAddr, v4: &Networks<u32>, v6: &Networks<u128>) -> Option<usize> {
    let in_v4 = |address: u32| v4.iter().find_map(|(mask, networks)| networks.get(&(address & mask)).copied());
    let in_v6 = |address: u128| v6.iter().find_map(|(mask, networks)| networks.get(&(address & mask)).copied());
    match address {
        IpAddr::V4(plain) => in_v4(plain.into()).or_else(|| in_v6(plain.to_ipv6_mapped().into())),
        IpAddr::V6(plain) => in_v6(plain.into()).or_else(|| carried(address).and_then(in_v4)),
    }
}

fn delimits(byte: u8, method: Method) -> bool {
    match method {
        Method::Dir => matches!(byte, b'/' | b'?'),
        _ => matches!(byte, b'/' | b'?' | b'.' | b':'),
    }
}

/// Without delimiters at its ends.
fn trimmed(pattern: &[u8], method: Method) -> Vec<u8> {
    let Some(start) = pattern.iter().position(|byte| !delimits(*byte, method)) else { return Vec::new() };
    let end = pattern.iter().rposition(|byte| !delimits(*byte, method)).map_or(start, |place| place + 1);
    pattern[start..end].to_vec()
}

/// Whether the pattern stands in the text between delimiters or ends.
fn holds_part(text: &[u8], pattern: &[u8], method: Method) -> bool {
    if pattern.is_empty() {
        // Nothing is left of a pattern like `/`: it names no part.
        return false;
    }
    let mut from = 0;
    while let Some(found) = memchr::memmem::find(&text[from..], pattern) {
        let start = from + found;
        let before = start.checked_sub(1).is_none_or(|place| delimits(text[place], method));
        let after = text.get(start + pattern.len()).is_none_or(|byte| delimits(*byte, method));
        if before && after {
            return true;
        }
        from = start + 1;
    }
    false
}
