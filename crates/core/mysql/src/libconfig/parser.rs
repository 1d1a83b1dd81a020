//! Settings out of words.

use super::lexer::{Lexer, Token, error};
use super::{Error, Include, MAX_BYTES, MAX_DEPTH, MAX_INCLUDES, Node, Place, Setting, Value};

/// Reads `text`, which stands in `path`; `include` gives the texts of further files.
///
/// # Errors
/// The first thing that is no libconfig, with its place and what to do.
pub fn parse(path: &str, text: &str, include: Include<'_>) -> Result<Vec<Setting>, Error> {
    let mut budget = MAX_BYTES;
    file(path, text, include, 0, &mut budget)
}

fn file(path: &str, text: &str, include: Include<'_>, files: usize, budget: &mut usize) -> Result<Vec<Setting>, Error> {
    let mut lexer = Lexer::new(path, text);
    let (place, token) = lexer.next()?;
    *budget = budget.checked_sub(text.len()).ok_or_else(|| {
        error(place.clone(), format!("more than {MAX_BYTES} bytes of configuration; make it smaller"))
    })?;
    let mut parser = Parser { lexer, place, token, include, files, budget };
    let settings = parser.settings(0)?;
    if parser.token == Token::End { Ok(settings) } else { Err(parser.unexpected("a setting: name = value")) }
}

struct Parser<'a, 'b> {
    lexer: Lexer<'a>,
    /// The next word and where it stands.
    place: Place,
    token: Token,
    include: Include<'b>,
    /// Files that this one stands in.
    files: usize,
    budget: &'b mut usize,
}

impl Parser<'_, '_> {
    fn take(&mut self) -> Result<Token, Error> {
        let (place, token) = self.lexer.next()?;
        self.place = place;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn is(&self, mark: u8) -> bool {
        self.token == Token::Mark(mark)
    }

    fn settings(&mut self, depth: usize) -> Result<Vec<Setting>, Error> {
        let mut settings: Vec<Setting> = Vec::new();
        loop {
            match &self.token {
                Token::Include(_) => settings.extend(self.included()?),
                Token::Name(_) => settings.push(self.setting(depth)?),
                _ => return Ok(settings),
            }
        }
    }

    fn included(&mut self) -> Result<Vec<Setting>, Error> {
        let place = self.place.clone();
        let Token::Include(path) = self.take()? else { return Ok(Vec::new()) };
        if self.files >= MAX_INCLUDES {
            return Err(error(
                place,
                format!("more than {MAX_INCLUDES} files within each other; does one include itself?"),
            ));
        }
        let text = (self.include)(&path).map_err(|why| error(place, format!("cannot include {path}: {why}")))?;
        file(&path, &text, self.include, self.files + 1, self.budget)
    }

    fn setting(&mut self, depth: usize) -> Result<Setting, Error> {
        let place = self.place.clone();
        let Token::Name(name) = self.take()? else { return Err(self.unexpected("a name")) };
        if !self.is(b'=') && !self.is(b':') {
            return Err(self.unexpected(&format!("= after {name}")));
        }
        self.take()?;
        let value = self.node(depth)?;
        if self.is(b';') || self.is(b',') {
            self.take()?;
        }
        Ok(Setting { name, place, value })
    }

    fn node(&mut self, depth: usize) -> Result<Node, Error> {
        let place = self.place.clone();
        if depth > MAX_DEPTH {
            return Err(error(
                place,
                format!("more than {MAX_DEPTH} groups and lists within each other; flatten them"),
            ));
        }
        let value = match self.token {
            Token::Mark(b'{') => {
                self.take()?;
                let settings = self.settings(depth + 1)?;
                self.close(b'}', &place)?;
                Value::Group(settings)
            }
            Token::Mark(b'(') => Value::List(self.nodes(b')', &place, depth)?),
            Token::Mark(b'[') => Value::Array(self.nodes(b']', &place, depth)?),
            _ => self.scalar()?,
        };
        Ok(Node { place, value })
    }

    fn nodes(&mut self, end: u8, open: &Place, depth: usize) -> Result<Vec<Node>, Error> {
        self.take()?;
        let mut nodes = Vec::new();
        while !self.is(end) && self.token != Token::End {
            let node = self.node(depth + 1)?;
            if end == b']' {
                fits_array(&nodes, &node)?;
            }
            nodes.push(node);
            if !self.is(b',') {
                break;
            }
            self.take()?;
        }
        self.close(end, open)?;
        Ok(nodes)
    }

    fn scalar(&mut self) -> Result<Value, Error> {
        let value = match &mut self.token {
            Token::Int(value) => Value::Int(*value),
            Token::Float(value) => Value::Float(*value),
            Token::Text(text) => Value::Text(std::mem::take(text)),
            Token::Name(name) if name.eq_ignore_ascii_case("true") => Value::Bool(true),
            Token::Name(name) if name.eq_ignore_ascii_case("false") => Value::Bool(false),
            _ => return Err(self.unexpected("a value (a text has to stand in \"\")")),
        };
        self.take()?;
        Ok(value)
    }

    fn close(&mut self, mark: u8, open: &Place) -> Result<(), Error> {
        if !self.is(mark) {
            let (line, column) = (open.line, open.column);
            return Err(self.unexpected(&format!("{} for what opens at {line}:{column}", char::from(mark))));
        }
        self.take().map(drop)
    }

    fn unexpected(&self, wanted: &str) -> Error {
        let found = match &self.token {
            Token::Name(name) => name.clone(),
            Token::Text(text) => format!("{text:?}"),
            Token::Int(value) => value.to_string(),
            Token::Float(value) => value.to_string(),
            Token::Mark(mark) => format!("'{}'", char::from(*mark)),
            Token::Include(_) => "@include".to_owned(),
            Token::End => "the end of the file".to_owned(),
        };
        error(self.place.clone(), format!("unexpected {found}; wanted {wanted}"))
    }
}

fn fits_array(nodes: &[Node], node: &Node) -> Result<(), Error> {
    let scalar = !matches!(node.value, Value::Group(_) | Value::List(_) | Value::Array(_));
    let same = nodes.first().is_none_or(|first| first.value.kind() == node.value.kind());
    if scalar && same {
        return Ok(());
    }
    Err(error(node.place.clone(), format!("{} in an array of others; use a list ( )", node.value.kind())))
}
