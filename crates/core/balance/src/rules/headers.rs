//! `add-header`, `set-header`, `del-header`, `replace-header`, `replace-value`.

use super::{
    Context,
    action::{Step, text},
    exchange::Exchange,
    uri::copy_host,
    words::Words,
};
use crate::{http::Headers, log::Format, pattern::Regex, sample::Side};

#[derive(Debug, Clone)]
pub enum HeaderAction {
    Add {
        name: Vec<u8>,
        value: Format,
    },
    Set {
        name: Vec<u8>,
        value: Format,
    },
    Del(NameMatch),
    /// The whole field at once (`replace-header`) or each of its comma-separated values (`replace-value`).
    Replace {
        name: Vec<u8>,
        matches: Regex,
        template: Format,
        each_value: bool,
    },
}

/// Which names `del-header -m` means; case never counts but in `reg`.
#[derive(Debug, Clone)]
pub enum NameMatch {
    Str(Vec<u8>),
    Beg(Vec<u8>),
    End(Vec<u8>),
    Sub(Vec<u8>),
    Reg(Regex),
}

impl HeaderAction {
    pub fn parse_add(words: &mut Words<'_>, context: &Context<'_>) -> Result<Self, String> {
        let (name, value) = name_and_value(words, context)?;
        Ok(Self::Add { name, value })
    }

    pub fn parse_set(words: &mut Words<'_>, context: &Context<'_>) -> Result<Self, String> {
        let (name, value) = name_and_value(words, context)?;
        Ok(Self::Set { name, value })
    }

    pub fn parse_del(words: &mut Words<'_>, _: &Context<'_>) -> Result<Self, String> {
        let name = words.next_argument().ok_or("expects at least 1 argument")?;
        let method = match words.take("-m") {
            true => words.next_argument().ok_or("-m flag expects exactly 1 argument")?,
            false => "str",
        };
        let bytes = name.as_bytes().to_ascii_lowercase();
        Ok(Self::Del(match method {
            "str" => NameMatch::Str(bytes),
            "beg" => NameMatch::Beg(bytes),
            "end" => NameMatch::End(bytes),
            "sub" => NameMatch::Sub(bytes),
            "reg" => NameMatch::Reg(Regex::new(name, false)?),
            other => return Err(format!("-m with unsupported matching method '{other}'")),
        }))
    }

    pub fn parse_replace(words: &mut Words<'_>, context: &Context<'_>, each_value: bool) -> Result<Self, String> {
        let [name, matches, template] = words.values("expects exactly 3 arguments")?;
        let template = Format::parse(template, context.env)?;
        Ok(Self::Replace { name: name.into(), matches: Regex::new(matches, false)?, template, each_value })
    }

    pub fn apply(&self, exchange: &mut dyn Exchange, side: Side) -> Step {
        let value = match self {
            Self::Add { value, .. } | Self::Set { value, .. } => text(value, exchange),
            Self::Replace { template, .. } => text(template, exchange),
            Self::Del(_) => Vec::new(),
        };
        let headers = match side {
            Side::Client => exchange.request_mut().map(|head| &mut head.headers),
            Side::Server => exchange.response_mut().map(|head| &mut head.headers),
        };
        let Some(headers) = headers else { return Step::Next };
        match self {
            Self::Add { name, .. } => headers.add(name, &value),
            Self::Set { name, .. } => headers.set(name, &value),
            Self::Del(names) => _ = headers.retain(|name, _| !names.matches(name)),
            Self::Replace { name, matches, each_value, .. } => {
                replace(headers, name, |old| match each_value {
                    true => each(old, |old| matches.expand(old, &value)),
                    false => matches.expand(old, &value),
                });
            }
        }
        if side == Side::Client
            && self.changes_host()
            && let Some(head) = exchange.request_mut()
        {
            copy_host(head);
        }
        Step::Next
    }

    fn changes_host(&self) -> bool {
        match self {
            Self::Add { name, .. } | Self::Set { name, .. } | Self::Replace { name, .. } => {
                name.eq_ignore_ascii_case(b"host")
            }
            Self::Del(_) => false,
        }
    }
}

fn name_and_value(words: &mut Words<'_>, context: &Context<'_>) -> Result<(Vec<u8>, Format), String> {
    let [name, value] = words.values("expects exactly 2 arguments")?;
    Ok((name.into(), Format::parse(value, context.env)?))
}

impl NameMatch {
    fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Str(wanted) => name.eq_ignore_ascii_case(wanted),
            Self::Beg(wanted) => name.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted)),
            Self::End(wanted) => {
                name.len().checked_sub(wanted.len()).is_some_and(|at| name[at..].eq_ignore_ascii_case(wanted))
            }
            Self::Sub(wanted) => memchr::memmem::find(&name.to_ascii_lowercase(), wanted).is_some(),
            Self::Reg(regex) => regex.is_match(name),
        }
    }
}

/// Gives each field of this name the value that `change` makes of its old one.
fn replace(headers: &mut Headers, name: &[u8], change: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    for place in 0..headers.len() {
        let changed = headers.iter().nth(place).filter(|(field, _)| field.eq_ignore_ascii_case(name));
        if let Some(value) = changed.and_then(|(_, value)| change(value)) {
            headers.replace_value(place, &value);
        }
    }
}

/// Changes the comma-separated values of a field, none if no value changed.
fn each(value: &[u8], change: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut changed = false;
    let mut out = Vec::with_capacity(value.len());
    for (at, item) in list_items(value).into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        // A new value takes the place of the blanks around the old one, too.
        let trimmed = item.trim_ascii();
        let new = if trimmed.is_empty() { None } else { change(trimmed) };
        changed |= new.is_some();
        out.extend(new.as_deref().unwrap_or(item));
    }
    changed.then_some(out)
}

/// Parts at commas outside of quotes.
fn list_items(value: &[u8]) -> Vec<&[u8]> {
    let (mut items, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in value.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                items.push(&value[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(&value[start..]);
    items
}
