//! The words of a rule, taken one after the other.

use crate::log::Format;

use super::Context;

/// Words behind the action's name.
#[derive(Debug, Clone)]
pub struct Words<'a> {
    rest: &'a [String],
    /// What stands in parentheses behind the name: `txn.x` of `set-var(txn.x)`.
    pub argument: Option<&'a str>,
    /// The name with its parentheses, for messages.
    pub name: &'a str,
}

impl<'a> Words<'a> {
    pub fn new(name: &'a str, rest: &'a [String]) -> Self {
        let argument = name.split_once('(').map(|(_, inner)| inner.rsplit_once(')').map_or(inner, |(inner, _)| inner));
        Self { rest, argument, name }
    }

    pub fn rest(&self) -> &'a [String] {
        self.rest
    }

    pub fn peek(&self) -> Option<&'a str> {
        self.rest.first().map(String::as_str)
    }

    /// The next word, unless the condition begins there.
    pub fn next_argument(&mut self) -> Option<&'a str> {
        match self.peek() {
            None | Some("if" | "unless") => None,
            word => {
                self.skip(1);
                word
            }
        }
    }

    /// The next word, whatever it is: for values.
    pub fn value(&mut self) -> Option<&'a str> {
        let word = self.peek();
        self.skip(1);
        word
    }

    /// Takes the next word if it is this one.
    pub fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        if found {
            self.skip(1);
        }
        found
    }

    pub fn skip(&mut self, count: usize) {
        self.rest = &self.rest[count.min(self.rest.len())..];
    }

    /// Exactly `N` values, of which the last ends the arguments.
    pub fn values<const N: usize>(&mut self, refusal: &str) -> Result<[&'a str; N], String> {
        let mut found = [""; N];
        for place in &mut found {
            *place = self.value().ok_or(refusal)?;
        }
        Ok(found)
    }

    /// Nothing or a condition may follow.
    pub fn at_end(&self) -> bool {
        matches!(self.peek(), None | Some("if" | "unless"))
    }

    pub fn format(&mut self, refusal: &str, context: &Context<'_>) -> Result<Format, String> {
        let [text] = self.values(refusal)?;
        Format::parse(text, context.env)
    }
}

/// The known word that was probably meant, if one is near.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may differ: more is another word.
    let limit = word.len().div_ceil(3).max(1);
    known.map(|name| (distance(word, name), name)).filter(|(far, _)| *far <= limit).min().map(|(_, name)| name)
}

/// Letters to insert, delete or replace between two words.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// A time in milliseconds (manual section 2.4).
pub fn millis(word: &str) -> Result<u64, String> {
    let (number, unit) = digits(word)?;
    let micros = match unit {
        "us" => number,
        "" | "ms" => number.saturating_mul(1_000),
        "s" => number.saturating_mul(1_000_000),
        "m" => number.saturating_mul(60_000_000),
        "h" => number.saturating_mul(3_600_000_000),
        "d" => number.saturating_mul(86_400_000_000),
        _ => return Err(unexpected(unit)),
    };
    // Rounded up, so that no time becomes none.
    let millis = micros.div_ceil(1_000);
    if millis > i32::MAX as u64 { Err("timer overflow".into()) } else { Ok(millis) }
}

/// A size in bytes (manual section 2.4).
pub fn bytes(word: &str) -> Result<u64, String> {
    let (number, unit) = digits(word)?;
    let factor = match unit {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        _ => return Err(unexpected(unit)),
    };
    number.checked_mul(factor).filter(|bytes| *bytes <= u64::from(u32::MAX)).ok_or_else(|| "size overflow".to_owned())
}

fn digits(word: &str) -> Result<(u64, &str), String> {
    let end = word.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(word.len());
    word[..end].parse().map(|number| (number, &word[end..])).map_err(|_| unexpected(word))
}

fn unexpected(rest: &str) -> String {
    match rest.chars().next() {
        Some(stranger) => format!("unexpected character '{stranger}'"),
        None => "missing value".into(),
    }
}
