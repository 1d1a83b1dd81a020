//! An expression: a fetch and the converters behind it.

use super::args::{self, Arg, Kind, Spec};
use super::keyword::{Call, Convert, Converter, Fetch, Prefer, Run};
use super::{Context, Entry, Env, Fetched, Reference, Source, Type, Value, converter, fetch};

/// `hdr(host),lower,field(1,:)`.
#[derive(Clone)]
pub struct Expr {
    text: String,
    /// The fetch's keyword as written.
    name: String,
    fetch: Fetch,
    args: Vec<Arg>,
    steps: Vec<Step>,
}

#[derive(Clone)]
struct Step {
    /// Its keyword as written.
    name: String,
    converter: Converter,
    args: Vec<Arg>,
}

impl std::fmt::Debug for Expr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expr").field(&self.text).finish()
    }
}

/// Equal when written the same: what a changed configuration compares.
impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expr {}

impl Expr {
    /// Reads one expression from the first words; with how many of them it took. Converters may stand in words of
    /// their own; the first word that is none ends it.
    pub fn parse(words: &[String], env: Env<'_>) -> Result<(Self, usize), String> {
        let (expr, used) = Self::parse_words(words, env)?;
        if !env.notes().reaches(expr.source()) {
            let (name, source) = (expr.keyword(), expr.source().name());
            return Err(format!(
                "fetch method '{name}' extracts information from '{source}', none of which is available here"
            ));
        }
        env.notes().add(expr.references(false));
        Ok((expr, used))
    }

    /// As [`Expr::parse`], wherever it stands.
    pub(crate) fn parse_words(words: &[String], env: Env<'_>) -> Result<(Self, usize), String> {
        let (mut expr, rest) = Self::parse_fetch(words.first().map_or("", String::as_str), env)?;
        let used = 1 + expr.parse_steps(rest, words.get(1..).unwrap_or_default(), env)?;
        expr.text = words[..used].join(",");
        Ok((expr, used))
    }

    /// Reads one expression at the beginning of a text, as after `%[`; with what follows it.
    pub fn parse_text<'t>(text: &'t str, env: Env<'_>) -> Result<(Self, &'t str), String> {
        let (mut expr, mut rest) = Self::parse_fetch(text, env)?;
        while rest.starts_with(',') {
            rest = expr.parse_step(rest.trim_start_matches(','), env)?;
        }
        expr.text = text[..text.len() - rest.len()].to_owned();
        env.notes().add(expr.references(false));
        Ok((expr, rest))
    }

    fn parse_fetch<'t>(text: &'t str, env: Env<'_>) -> Result<(Self, &'t str), String> {
        let name = identifier(text);
        if name.is_empty() {
            return Err("missing fetch method".into());
        }
        let fetch = fetch::find(name).ok_or_else(|| format!("unknown fetch method '{name}'"))?;
        Self::with_fetch(fetch, name, text, env, "fetch method")
    }

    /// Reads the arguments of a fetch that is known already; `what` is how messages call it.
    pub(crate) fn with_fetch<'t>(
        fetch: Fetch,
        name: &str,
        text: &'t str,
        env: Env<'_>,
        what: &str,
    ) -> Result<(Self, &'t str), String> {
        if let Run::Refused(why) = fetch.run {
            return Err(format!("{what} '{name}' is not supported: {why}"));
        }
        let (mut args, rest) = args::parse(&text[name.len()..], fetch.args)
            .map_err(|problem| format!("{what} '{name}' : {}", problem.text))?;
        (fetch.check)(&mut args, env).map_err(|text| format!("invalid args in {what} '{name}' : {text}"))?;
        let used = text.len() - rest.len();
        Ok((Self { text: text[..used].to_owned(), name: name.into(), fetch, args, steps: Vec::new() }, rest))
    }

    /// Reads the converters in the rest of a word and in the words that follow, up to the first word that is none.
    /// With the number of words taken.
    pub(crate) fn parse_steps(&mut self, rest: &str, more: &[String], env: Env<'_>) -> Result<usize, String> {
        let (mut rest, mut taken) = (rest, 0);
        loop {
            let text = rest.trim_start_matches(',');
            if !text.is_empty() {
                if text.len() == rest.len() {
                    return Err(self.missing_comma());
                }
                rest = self.parse_step(text, env)?;
                continue;
            }
            match more.get(taken) {
                Some(word) if converter::find(identifier(word)).is_some() => rest = self.parse_step(word, env)?,
                _ => return Ok(taken),
            }
            taken += 1;
        }
    }

    fn parse_step<'t>(&mut self, text: &'t str, env: Env<'_>) -> Result<&'t str, String> {
        let name = identifier(text);
        let converter = converter::find(name).ok_or_else(|| format!("unknown converter '{name}'"))?;
        if let Convert::Refused(why) = converter.run {
            return Err(format!("converter '{name}' is not supported: {why}"));
        }
        if !self.output().casts_to(converter.input) {
            return Err(format!("converter '{name}' cannot be applied"));
        }
        let (mut args, rest) = args::parse(&text[name.len()..], converter.args)
            .map_err(|problem| format!("invalid arg {} in converter '{name}' : {}", problem.position, problem.text))?;
        (converter.check)(&mut args, env).map_err(|text| format!("invalid args in converter '{name}' : {text}"))?;
        self.steps.push(Step { name: name.into(), converter, args });
        Ok(rest)
    }

    fn missing_comma(&self) -> String {
        match self.steps.last() {
            None => "missing comma after fetch keyword".into(),
            Some(_) => "missing comma after conv keyword".into(),
        }
    }

    pub(crate) fn args(&self) -> &[Arg] {
        &self.args
    }

    pub(crate) fn set_text(&mut self, text: String) {
        self.text = text;
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The fetch's keyword, as written.
    pub fn keyword(&self) -> &str {
        &self.name
    }

    pub fn has_converters(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The type that comes out.
    pub fn output(&self) -> Type {
        match self.steps.last() {
            None => self.fetch.output,
            // `debug`, `set-var` and their like pass on what they get.
            Some(step) if step.converter.output == Type::Any && step.converter.input == Type::Any => {
                let before = self.steps.iter().rev().find(|step| step.converter.output != Type::Any);
                before.map_or(self.fetch.output, |step| step.converter.output)
            }
            Some(step) => step.converter.output,
        }
    }

    /// Where it comes from, and so where it can be had.
    pub fn source(&self) -> Source {
        self.fetch.source
    }

    /// What it names; arguments left out mean the proxy it stands in, where they are wanted at all.
    pub(crate) fn references(&self, in_acl: bool) -> Vec<Reference> {
        let mut found = named(self.fetch.args, &self.args, &self.name, None, in_acl);
        for step in &self.steps {
            found.extend(named(step.converter.args, &step.args, &step.name, Some(&self.name), in_acl));
        }
        found
    }

    /// The value: of several occurrences the one the fetch prefers.
    pub fn find<'a>(&'a self, context: &'a dyn Context) -> Fetched<'a> {
        match self.fetch_one(context) {
            Fetched::Found(value) => self.convert(value, context).into(),
            Fetched::Changing(value) => self.convert(value, context).map_or(Fetched::NotYet, Fetched::Changing),
            other => other,
        }
    }

    /// As [`Expr::find`], without the question whether it may change.
    pub fn get<'a>(&'a self, context: &'a dyn Context) -> Option<Value<'a>> {
        self.find(context).value()
    }

    /// Shows all occurrences until `visit` has seen enough (`false`). Whether more bytes may change what was seen.
    pub fn each<'a>(&'a self, context: &'a dyn Context, visit: &mut dyn FnMut(Value<'a>) -> bool) -> bool {
        let call = Call { args: &self.args, context, every: true };
        let mut show = |value| self.convert(value, context).is_none_or(&mut *visit);
        if let Run::All(_, run) = self.fetch.run {
            return !run(call, &mut show);
        }
        match self.fetch_one(context) {
            Fetched::Found(value) => {
                show(value);
                false
            }
            Fetched::Changing(value) => {
                show(value);
                true
            }
            Fetched::Missing => false,
            Fetched::NotYet => true,
        }
    }

    fn fetch_one<'a>(&'a self, context: &'a dyn Context) -> Fetched<'a> {
        let call = Call { args: &self.args, context, every: false };
        match self.fetch.run {
            Run::One(run) => run(call),
            Run::All(prefer, run) => {
                let mut found = None;
                let ready = run(call, &mut |value| {
                    found = Some(value);
                    prefer == Prefer::Last
                });
                if ready { found.into() } else { Fetched::NotYet }
            }
            Run::Counter(row) => row.fetch(call).into(),
            // Refused when read.
            Run::Refused(_) => Fetched::Missing,
        }
    }

    fn convert<'a>(&'a self, value: Value<'a>, context: &'a dyn Context) -> Option<Value<'a>> {
        let mut value = value;
        for step in &self.steps {
            let call = Call { args: &step.args, context, every: false };
            value = match step.converter.run {
                Convert::Change(run) => run(value.cast(step.converter.input)?, call)?,
                Convert::Counter(row) => row.read(call, Entry::Key(&value))?,
                Convert::Refused(_) => return None,
            };
        }
        Some(value)
    }
}

fn named(spec: Spec, args: &[Arg], keyword: &str, converter_of: Option<&str>, in_acl: bool) -> Vec<Reference> {
    let wanted =
        |kind: &Kind| matches!(kind, Kind::Frontend | Kind::Backend | Kind::Table | Kind::Server | Kind::Userlist);
    let reference = |place: usize, kind: Kind| {
        let name = match args.get(place) {
            Some(Arg::Name(name)) => name.to_string(),
            _ if place < spec.least => String::new(),
            _ => return None,
        };
        let converter_of = converter_of.map(str::to_owned);
        Some(Reference { kind, name, position: place + 1, keyword: keyword.into(), converter_of, in_acl })
    };
    let kinds = spec.kinds.iter().enumerate().filter(|(_, kind)| wanted(kind));
    kinds.filter_map(|(place, kind)| reference(place, *kind)).collect()
}

/// The keyword that a text begins with.
pub(crate) fn identifier(text: &str) -> &str {
    let end = text.find(|letter: char| !id_char(letter)).unwrap_or(text.len());
    &text[..end]
}

fn id_char(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-' | '+')
}
