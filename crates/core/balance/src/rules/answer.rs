//! `deny`, `tarpit`, `return`, `auth`: answers made here (manual section 4.2, "http-request return").

use std::{path::Path, sync::Arc};

use super::{
    Context,
    action::text,
    exchange::{Exchange, Verdict},
    words::Words,
};
use crate::{
    http::{Answer, ErrorPage, Reply},
    log::Format,
};

#[derive(Debug, Clone)]
pub enum Answering {
    Deny(Spec),
    Tarpit(Spec),
    Return(Spec),
    /// Asks for a name and a password in this realm.
    Auth {
        realm: String,
    },
}

/// What is answered.
#[derive(Debug, Clone)]
pub enum Spec {
    /// The proxy's page of a status.
    Page(u16),
    PageOf {
        section: Arc<str>,
        status: u16,
    },
    Raw {
        status: u16,
        bytes: Arc<[u8]>,
    },
    Made {
        status: u16,
        content_type: Option<String>,
        body: Body,
        headers: Vec<(String, Format)>,
    },
}

#[derive(Debug, Clone)]
pub enum Body {
    Empty,
    Text(Vec<u8>),
    Format(Format),
}

impl Answering {
    pub fn parse_deny(words: &mut Words<'_>, context: &Context<'_>, status: u16) -> Result<Self, String> {
        Spec::parse(words, context, status, true).map(Self::Deny)
    }

    pub fn parse_tarpit(words: &mut Words<'_>, context: &Context<'_>) -> Result<Self, String> {
        Spec::parse(words, context, 500, true).map(Self::Tarpit)
    }

    pub fn parse_return(words: &mut Words<'_>, context: &Context<'_>) -> Result<Self, String> {
        Spec::parse(words, context, 200, false).map(Self::Return)
    }

    pub fn parse_auth(words: &mut Words<'_>, context: &Context<'_>) -> Result<Self, String> {
        let realm = match words.take("realm") {
            true => words.value().ok_or("missing realm value.\n")?,
            false => context.proxy,
        };
        Ok(Self::Auth { realm: realm.to_owned() })
    }

    pub fn verdict(&self, exchange: &dyn Exchange) -> Verdict {
        match self {
            Self::Deny(spec) => Verdict::Deny(spec.reply(exchange)),
            Self::Tarpit(spec) => Verdict::Tarpit(spec.reply(exchange)),
            Self::Return(spec) => Verdict::Reply(spec.reply(exchange)),
            Self::Auth { realm } => Verdict::Unauthorized { realm: realm.clone() },
        }
    }

    pub fn section(&self) -> Option<&str> {
        match self {
            Self::Deny(Spec::PageOf { section, .. })
            | Self::Tarpit(Spec::PageOf { section, .. })
            | Self::Return(Spec::PageOf { section, .. }) => Some(section),
            _ => None,
        }
    }
}

/// The words of `http-error` (`status 503 content-type text/plain string sorry`): the status and its answer.
pub fn parse_http_error(args: &[String], context: &Context<'_>) -> Result<Spec, String> {
    let mut words = Words::new("http-error", args);
    if !args.iter().any(|word| word == "status") {
        return Err("expects at least a <status> as arguments".into());
    }
    let spec = Spec::parse(&mut words, context, 200, false)?;
    match words.peek() {
        None => Ok(spec),
        Some(extra) => Err(format!("unknown keyword '{extra}'")),
    }
}

/// What the words of an answer gave so far.
#[derive(Default)]
struct Draft {
    status: Option<u16>,
    content_type: Option<String>,
    /// The keyword that gave the content, which excludes others.
    source: Option<&'static str>,
    content: Option<Content>,
    headers: Vec<(String, Format)>,
}

enum Content {
    DefaultErrorFiles,
    ErrorFile(Vec<u8>),
    ErrorFiles(Arc<str>),
    Body(Body),
}

impl Spec {
    fn parse(words: &mut Words<'_>, context: &Context<'_>, status: u16, deny: bool) -> Result<Self, String> {
        let mut draft = Draft::default();
        while draft.take(words, context, deny)? {}
        draft.finish(status, deny, context)
    }

    pub fn status(&self) -> u16 {
        match self {
            Self::Page(status) | Self::PageOf { status, .. } | Self::Raw { status, .. } | Self::Made { status, .. } => {
                *status
            }
        }
    }

    pub fn reply(&self, exchange: &dyn Exchange) -> Reply {
        match self {
            Self::Page(status) => Reply::Page(*status),
            Self::PageOf { section, status } => Reply::PageOf { section: section.clone(), status: *status },
            Self::Raw { status, bytes } => Reply::Raw { status: *status, bytes: bytes.clone() },
            Self::Made { status, content_type, body, headers } => {
                let mut answer = Answer { headers_first: headers.len(), ..Answer::new(*status) };
                for (name, value) in headers {
                    answer = answer.header(&name.to_ascii_lowercase(), text(value, exchange));
                }
                answer.body = match body {
                    Body::Empty => Vec::new(),
                    Body::Text(text) => text.clone(),
                    Body::Format(format) => text(format, exchange),
                };
                match content_type.as_ref().filter(|_| !answer.body.is_empty()) {
                    Some(kind) => Reply::Built(answer.header("content-type", kind.as_bytes())),
                    None => Reply::Built(answer),
                }
            }
        }
    }
}

impl Draft {
    /// Takes one keyword with its arguments; false at the first word that is none.
    fn take(&mut self, words: &mut Words<'_>, context: &Context<'_>, deny: bool) -> Result<bool, String> {
        let Some(keyword) = words.peek() else { return Ok(false) };
        match keyword {
            "status" => self.status(words)?,
            "deny_status" if deny => self.status(words)?,
            "content-type" => {
                words.skip(1);
                self.content_type = Some(words.value().ok_or("'content-type' expects <ctype> as argument")?.into());
            }
            "default-errorfiles" => {
                words.skip(1);
                self.set("default-errorfiles", Content::DefaultErrorFiles)?;
            }
            "errorfiles" => {
                words.skip(1);
                let name = words.value().ok_or("'errorfiles' expects <name> as argument")?;
                self.set("errorfiles", Content::ErrorFiles(name.into()))?;
            }
            "errorfile" => {
                words.skip(1);
                let path = words.value().ok_or("'errorfile' expects <fmt> as argument")?;
                self.set("errorfile", Content::ErrorFile(read(path, context)?))?;
            }
            "file" | "lf-file" | "string" | "lf-string" => self.body(words, context)?,
            "hdr" => {
                words.skip(1);
                let [name, value] = words.values("'hdr' expects <name> and <value> as arguments")?;
                self.headers.push((name.to_owned(), Format::parse(value, context.env)?));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn status(&mut self, words: &mut Words<'_>) -> Result<(), String> {
        let keyword = words.value().unwrap_or_default();
        let code = words.value().ok_or_else(|| format!("'{keyword}' expects <status_code> as argument"))?;
        let status = code.parse().ok().filter(|status| (200..600).contains(status));
        self.status = Some(status.ok_or_else(|| format!("Unexpected status code '{code}'"))?);
        Ok(())
    }

    fn body(&mut self, words: &mut Words<'_>, context: &Context<'_>) -> Result<(), String> {
        const KEYWORDS: [(&str, &str); 4] =
            [("file", "<file>"), ("lf-file", "<file>"), ("string", "<str>"), ("lf-string", "<fmt>")];
        let word = words.value().unwrap_or_default();
        let Some((keyword, expected)) = KEYWORDS.into_iter().find(|(keyword, _)| *keyword == word) else {
            return Ok(());
        };
        self.free(keyword)?;
        let value = words.value().ok_or_else(|| format!("'{keyword}' expects {expected} as argument"))?;
        let body = match keyword {
            "string" => Body::Text(value.into()),
            "file" => Body::Text(read(value, context)?),
            "lf-string" => Body::Format(Format::parse(value, context.env)?),
            _ => {
                let text = read(value, context)?;
                let text = String::from_utf8(text).map_err(|_| format!("file '{value}' is not UTF-8 text"))?;
                Body::Format(Format::parse(&text, context.env)?)
            }
        };
        self.set(keyword, Content::Body(body))
    }

    fn free(&self, keyword: &str) -> Result<(), String> {
        match self.source {
            Some(earlier) => Err(format!("unexpected '{keyword}' argument, '{earlier}' already defined")),
            None => Ok(()),
        }
    }

    fn set(&mut self, keyword: &'static str, content: Content) -> Result<(), String> {
        self.free(keyword)?;
        (self.source, self.content) = (Some(keyword), Some(content));
        Ok(())
    }

    fn finish(self, default: u16, deny: bool, context: &Context<'_>) -> Result<Spec, String> {
        let status = self.status.unwrap_or(default);
        let warn = |text: String| context.warnings.borrow_mut().push(text);
        let paged =
            matches!(self.content, Some(Content::DefaultErrorFiles | Content::ErrorFile(_) | Content::ErrorFiles(_)));
        if paged && !self.headers.is_empty() {
            warn("hdr parameters ignored by the http reply when used with an erorrfile.".into());
        }
        let no_body = !matches!(self.content, Some(Content::Body(_) | Content::ErrorFile(_)));
        if let (Some(kind), true) = (&self.content_type, no_body) {
            warn(format!(
                "content-type '{kind}' ignored by the http reply because neither errorfile nor payload defined."
            ));
        }
        let page = |status: u16, keyword: &str| match ErrorPage::of(status) {
            Some(_) => Ok(status),
            None => Err(format!("status code '{status}' not handled by default with '{keyword}' argument.")),
        };
        let Self { content_type, content, headers, .. } = self;
        Ok(match content {
            Some(Content::DefaultErrorFiles) => Spec::Page(page(status, "default-errorfiles")?),
            Some(Content::ErrorFiles(section)) => Spec::PageOf { section, status: page(status, "errorfiles")? },
            Some(Content::ErrorFile(bytes)) => {
                Spec::Raw { status: status_of(&bytes).unwrap_or(status), bytes: bytes.into() }
            }
            None if deny && headers.is_empty() => Spec::Page(status),
            None => Spec::Made { status, content_type: None, body: Body::Empty, headers },
            Some(Content::Body(body)) => {
                if matches!(status, 204 | 304) {
                    return Err(format!("No body expected for {status} responses"));
                }
                let empty = matches!(&body, Body::Text(text) if text.is_empty());
                if content_type.is_none() && !empty {
                    return Err("a content type must be defined when non-empty payload is configured".into());
                }
                Spec::Made { status, content_type, body, headers }
            }
        })
    }
}

fn read(path: &str, context: &Context<'_>) -> Result<Vec<u8>, String> {
    context.env.files.read(Path::new(path)).map_err(|_| format!("error opening file '{path}'"))
}

/// The status that the first line of an answer says.
fn status_of(answer: &[u8]) -> Option<u16> {
    let code = answer.strip_prefix(b"HTTP/")?.split(|byte| *byte == b' ').nth(1)?;
    std::str::from_utf8(code).ok()?.trim().parse().ok()
}
