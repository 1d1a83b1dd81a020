//! Field selectors: `metadata.name=web,status.phase!=Running`.
//!
//! Which fields a kind can be selected by is the kind's own; here is only the grammar. Upstream:
//! `apimachinery/pkg/fields/selector.go`.

use super::SelectorError;
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub field: String,
    pub value: String,
    /// True for `=` and `==`, false for `!=`.
    pub equal: bool,
}

/// All terms must hold; none selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldSelector {
    terms: Vec<Term>,
}

impl FieldSelector {
    /// Reads the text of a `fieldSelector` parameter. `\,`, `\=` and `\\` stand for the characters themselves.
    ///
    /// # Errors
    /// In upstream's words, `invalid selector: '...'; can't understand '...'`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut terms = Vec::new();
        for part in split_terms(text).into_iter().filter(|part| !part.is_empty()) {
            let Some((field, equal, value)) = split_term(part) else {
                return Err(SelectorError(format!("invalid selector: '{text}'; can't understand '{part}'")));
            };
            terms.push(Term { field: field.to_owned(), value: unescape(value)?, equal });
        }
        terms.sort_by(|a, b| a.field.cmp(&b.field));
        Ok(Self { terms })
    }

    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether every term holds; `field` gives a field's value, empty where it is absent.
    pub fn matches<'a>(&self, field: impl Fn(&str) -> &'a str) -> bool {
        self.terms.iter().all(|term| (field(&term.field) == term.value) == term.equal)
    }

    /// The value this selector demands of a field, where it demands one: `metadata.name=x` is a lookup, not a scan.
    pub fn exact(&self, field: &str) -> Option<&str> {
        self.terms.iter().find(|term| term.equal && term.field == field).map(|term| term.value.as_str())
    }
}

fn split_terms(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b',' => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Splits at the first operator.
fn split_term(part: &str) -> Option<(&str, bool, &str)> {
    for (at, _) in part.char_indices() {
        let rest = &part[at..];
        for (operator, equal) in [("!=", false), ("==", true), ("=", true)] {
            if let Some(value) = rest.strip_prefix(operator) {
                return Some((&part[..at], equal, value));
            }
        }
    }
    None
}

fn unescape(value: &str) -> Result<String, SelectorError> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(character) = chars.next() {
        match character {
            '\\' => match chars.next() {
                Some(escaped @ ('\\' | ',' | '=')) => out.push(escaped),
                other => {
                    let sequence: String = std::iter::once('\\').chain(other).collect();
                    return Err(SelectorError(format!("invalid field selector: invalid escape sequence: {sequence}")));
                }
            },
            ',' | '=' => {
                let why = format!("invalid field selector: unescaped character in value: {character}");
                return Err(SelectorError(why));
            }
            _ => out.push(character),
        }
    }
    Ok(out)
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            let value = term.value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=");
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{}{}{value}", term.field, if term.equal { "=" } else { "!=" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        FieldSelector::parse(text).map_or_else(|error| error.to_string(), |selector| selector.to_string())
    }

    #[test]
    fn texts() {
        assert_eq!(shown("b==1,a!=2,"), "a!=2,b=1");
        assert_eq!(shown(r"a=x\,y\=z\\"), r"a=x\,y\=z\\");
        assert_eq!(shown("a"), "invalid selector: 'a'; can't understand 'a'");
        assert_eq!(shown("a=b=c"), "invalid field selector: unescaped character in value: =");
        assert_eq!(shown(r"a=\b"), r"invalid field selector: invalid escape sequence: \b");
    }

    #[test]
    fn matching() {
        let selector = FieldSelector::parse("metadata.name=a,spec.nodeName!=n1").unwrap();
        let of = |name: &'static str, node: &'static str| {
            selector.matches(move |field| if field == "metadata.name" { name } else { node })
        };
        assert!(of("a", "") && of("a", "n2") && !of("a", "n1") && !of("b", ""));
        assert_eq!((selector.exact("metadata.name"), selector.exact("spec.nodeName")), (Some("a"), None));
    }
}
