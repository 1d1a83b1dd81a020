//! Log-format strings (manual section 8.2.6), read.

use super::variable::{self, Variable};
use crate::sample::{Env, Expr};

/// What a format is for: how text, blanks and missing values are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavor {
    /// A log line: blanks are merged, `-` stands for what is missing.
    Log,
    /// A value in a rule: text as it is, nothing for what is missing, control characters of samples as `%XX`.
    Rule,
    /// `unique-id-format`: as `Rule`, blanks merged.
    Id,
}

/// `%{+Q,+E}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Flags {
    /// `Q`: in double quotes.
    pub quote: bool,
    /// `X`: addresses, ports and some numbers in hexadecimal.
    pub hex: bool,
    /// `E`: a backslash before `"`, `\` and `]`.
    pub escape: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    Text(String),
    /// Blanks that are merged.
    Blank,
    Variable(&'static Variable, Flags),
    Sample(Box<Expr>, Flags),
}

/// A log-format string (manual section 8.2.6), read once.
#[derive(Debug, Clone)]
pub struct Format {
    text: String,
    flavor: Flavor,
    nodes: Vec<Node>,
}

/// Equal when written the same: what a changed configuration compares.
impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.flavor == other.flavor
    }
}

impl Eq for Format {}

impl Format {
    /// For a value in a rule.
    pub fn parse(text: &str, env: Env<'_>) -> Result<Self, String> {
        Self::with_flavor(text, Flavor::Rule, env)
    }

    /// For `log-format`, `log-format-sd` and `error-log-format`.
    pub fn parse_log(text: &str, env: Env<'_>) -> Result<Self, String> {
        Self::with_flavor(text, Flavor::Log, env)
    }

    /// For `unique-id-format`.
    pub fn parse_id(text: &str, env: Env<'_>) -> Result<Self, String> {
        Self::with_flavor(text, Flavor::Id, env)
    }

    fn with_flavor(text: &str, flavor: Flavor, env: Env<'_>) -> Result<Self, String> {
        let mut parser = Parser { flavor, flags: Flags::default(), nodes: Vec::new() };
        let mut rest = text;
        while let Some(percent) = rest.find('%') {
            parser.text(&rest[..percent]);
            rest = parser.item(&rest[percent..], env)?;
        }
        parser.text(rest);
        Ok(Self { text: text.into(), flavor, nodes: parser.nodes })
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn flavor(&self) -> Flavor {
        self.flavor
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Whether it can be used in a proxy that does not speak HTTP; what HAProxy says otherwise.
    pub fn check_mode(&self, http: bool) -> Result<(), String> {
        let reserved = self.nodes.iter().find_map(|node| match node {
            Node::Variable(variable, _) if variable.http_only && !http => Some(variable.name),
            _ => None,
        });
        match reserved {
            Some(name) => Err(format!("format variable '{name}' is reserved for HTTP mode")),
            None => Ok(()),
        }
    }

    /// The text, where nothing in it depends on the stream.
    pub fn constant(&self) -> Option<&str> {
        match &self.nodes[..] {
            [] => Some(""),
            [Node::Text(text)] => Some(text),
            _ => None,
        }
    }
}

struct Parser {
    flavor: Flavor,
    /// What `%o` set for all that follows.
    flags: Flags,
    nodes: Vec<Node>,
}

impl Parser {
    fn text(&mut self, text: &str) {
        if self.flavor == Flavor::Rule {
            return self.plain(text);
        }
        let mut rest = text;
        while let Some(start) = rest.find(' ') {
            self.plain(&rest[..start]);
            self.nodes.push(Node::Blank);
            rest = rest[start..].trim_start_matches(' ');
        }
        self.plain(rest);
    }

    fn plain(&mut self, text: &str) {
        match self.nodes.last_mut() {
            _ if text.is_empty() => {}
            Some(Node::Text(before)) => before.push_str(text),
            _ => self.nodes.push(Node::Text(text.into())),
        }
    }

    /// Reads what a `%` begins; with what follows it.
    fn item<'t>(&mut self, text: &'t str, env: Env<'_>) -> Result<&'t str, String> {
        let rest = &text[1..];
        if let Some(rest) = rest.strip_prefix('%') {
            self.plain("%");
            return Ok(rest);
        }
        let (flags, rest) = match rest.strip_prefix('{') {
            None => (self.flags, rest),
            Some(list) => {
                let (list, rest) = list.split_once('}').ok_or_else(|| format!("truncated line after '{list}'"))?;
                (self.flags.changed(list), rest)
            }
        };
        if let Some(sample) = rest.strip_prefix('[') {
            return self.sample(sample, flags, env);
        }
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.is_empty() {
            return Err(match (rest.is_empty(), text.starts_with("%{")) {
                (_, true) => {
                    let modifier = &text[..text.len() - rest.len()];
                    format!("parse argument modifier without variable name near '{modifier}'")
                }
                (true, false) => "truncated line after '%'".into(),
                (false, false) => format!("unexpected variable name near '{text}'"),
            });
        }
        if name == "o" {
            self.flags = flags;
            return Ok(after);
        }
        let variable = variable::find(name).ok_or_else(|| {
            format!("no such format variable '{name}'. If you wanted to emit the '%' character verbatim, you need to use '%%'")
        })?;
        self.nodes.push(Node::Variable(variable, flags));
        Ok(after)
    }

    fn sample<'t>(&mut self, text: &'t str, flags: Flags, env: Env<'_>) -> Result<&'t str, String> {
        let (expr, rest) =
            Expr::parse_text(text, env).map_err(|why| format!("failed to parse sample expression <{text}> : {why}"))?;
        let rest = match rest.chars().next() {
            Some(']') => &rest[1..],
            Some(found) => return Err(format!("expected ']' after '{}', but found '{found}'", expr.text())),
            None => return Err(format!("missing ']' after '{}'", expr.text())),
        };
        if !env.notes().reaches(expr.source()) {
            return Err(format!(
                "sample fetch <{text}> may not be reliably used here because it needs '{}' which is not available here",
                expr.source().name()
            ));
        }
        self.nodes.push(Node::Sample(Box::new(expr), flags));
        Ok(rest)
    }
}

impl Flags {
    /// With `+Q,-X,...`; letters that mean nothing are passed over, as HAProxy does.
    fn changed(mut self, list: &str) -> Self {
        for item in list.split(',') {
            let (on, flag) = match item.split_at_checked(1) {
                Some(("+", flag)) => (true, flag),
                Some(("-", flag)) => (false, flag),
                _ => continue,
            };
            match flag {
                "Q" => self.quote = on,
                "X" => self.hex = on,
                "E" => self.escape = on,
                _ => {}
            }
        }
        self
    }
}
