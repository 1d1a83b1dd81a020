//! A context for tests: a request, a response, and a few facts.

use super::context::FrontendNumber;
use super::{
    Body, Buffer, Connection, Context, Counter, Endpoint, Entry, Env, Named, Now, ProcessNumber, Side, Tls, Touch,
    Value, Var,
};
use crate::config::Files;
use crate::http::{RequestHead, ResponseHead, Version};
use crate::log::Record;
use crate::pattern::Library;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The request that `golden.txt` was made with.
pub const REQUEST: &str = r#"POST /a/b/c.html?x=1&y=%20z&x=2;w=3&e HTTP/1.1
Host: www.Example.com:8080
User-Agent: Very "Ugly" UA 1/2
Accept: text/html, application/xml;q=0.9,*/*
X-Forwarded-For: 10.0.0.1, 192.168.1.7:99
X-Forwarded-For: ::1
X-Num: 12,  -5abc
Cookie: a=1; b="q v"; a=2; SRV=s1
Cookie: c=3
Authorization: Basic am9lOnNlY3JldA==
Accept-Language: fr;q=0.7, en-us;q=0.9, de
X-Empty:
Content-Type: application/x-www-form-urlencoded
X-N: 50
Content-Length: 20

p=1&q=two+three&p=9
"#;

pub struct Fixture {
    pub request: Option<RequestHead>,
    pub response: Option<ResponseHead>,
    pub body: Vec<u8>,
    pub raw: Vec<u8>,
    pub is_final: bool,
    pub client: Connection,
    pub tls: Option<Tls>,
    pub record: Record,
    pub captures: [Vec<Option<Vec<u8>>>; 2],
    pub now: Now,
    pub vars: RefCell<HashMap<Var, Value<'static>>>,
}

impl Fixture {
    pub fn new(request: &str) -> Self {
        let address = |port| Some(Endpoint::Ip(([127, 0, 0, 1], port).into()));
        let client = Connection {
            source: address(40000),
            destination: address(8000),
            kernel_source: address(40000),
            kernel_destination: address(8000),
            http_major: 1,
            ..Connection::default()
        };
        let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
        Self {
            request: parse(head),
            response: None,
            body: body.into(),
            raw: request.into(),
            is_final: true,
            client,
            tls: None,
            record: Record::default(),
            captures: [Vec::new(), Vec::new()],
            now: Now { micros: 1_700_000_000_123_456, offset: 0 },
            vars: RefCell::default(),
        }
    }

    /// A TCP stream of which these bytes have come.
    pub fn tcp(bytes: &[u8], is_final: bool) -> Self {
        Self { request: None, raw: bytes.into(), is_final, ..Self::new("") }
    }
}

fn parse(head: &str) -> Option<RequestHead> {
    let mut lines = head.lines();
    let mut line = lines.next()?.split(' ');
    let (method, uri) = (line.next()?, line.next()?);
    let mut request = RequestHead::new(method.as_bytes(), uri.as_bytes(), Version::Http11);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        request.headers.add(name.as_bytes(), value.trim().as_bytes());
    }
    Some(request)
}

impl Context for Fixture {
    fn now(&self) -> Now {
        self.now
    }

    fn hostname(&self) -> Option<&str> {
        Some("host")
    }

    fn environment(&self, name: &str) -> Option<Cow<'_, str>> {
        (name == "SET").then_some(Cow::Borrowed("value"))
    }

    fn connection(&self, side: Side) -> Option<&Connection> {
        (side == Side::Client).then_some(&self.client)
    }

    fn tls(&self, side: Side) -> Option<&Tls> {
        self.tls.as_ref().filter(|_| side == Side::Client)
    }

    fn request(&self) -> Option<&RequestHead> {
        self.request.as_ref()
    }

    fn response(&self) -> Option<&ResponseHead> {
        self.response.as_ref()
    }

    fn body(&self, side: Side) -> Option<Body<'_>> {
        let body = Body { bytes: &self.body, complete: true, length: Some(self.body.len() as u64) };
        (side == Side::Client).then_some(body)
    }

    fn buffer(&self, side: Side) -> Option<Buffer<'_>> {
        let buffer = Buffer { bytes: &self.raw, complete: self.is_final };
        (side == Side::Client && self.request.is_none()).then_some(buffer)
    }

    fn is_final(&self) -> bool {
        self.is_final
    }

    fn frontend(&self) -> Option<Named<'_>> {
        Some(Named { name: "f", id: 2 })
    }

    fn listener(&self) -> Option<Named<'_>> {
        Some(Named { name: "", id: 1 })
    }

    fn listener_connections(&self) -> Option<i64> {
        Some(1)
    }

    fn frontend_number(&self, what: FrontendNumber, _: Option<&str>) -> Option<i64> {
        (what == FrontendNumber::Conn).then_some(1)
    }

    fn process_number(&self, what: ProcessNumber) -> Option<i64> {
        (what == ProcessNumber::Thread).then_some(1)
    }

    fn counter(&self, entry: Entry<'_>, table: Option<&str>, what: Counter, touch: Touch) -> Option<i64> {
        match (entry, table, what, touch) {
            (Entry::Tracked(1), None, Counter::ConnCnt, Touch::Read) => Some(11),
            (Entry::Source, Some("t"), Counter::BytesIn, Touch::Read) => Some(5000),
            (Entry::Key(Value::Str(key)), Some("t"), Counter::Exists, _) => Some(i64::from(&**key == b"known")),
            (Entry::Tracked(0), None, Counter::Gpc(7), Touch::Increment) => Some(3),
            _ => None,
        }
    }

    fn var(&self, var: &Var) -> Option<Value<'static>> {
        self.vars.borrow().get(var).cloned()
    }

    fn set_var(&self, var: &Var, value: Option<Value<'static>>) {
        match value {
            Some(value) => _ = self.vars.borrow_mut().insert(var.clone(), value),
            None => _ = self.vars.borrow_mut().remove(var),
        }
    }

    fn check_user(&self, userlist: &str, user: &str, password: &str, group: Option<&str>) -> bool {
        (userlist, user, password) == ("u", "joe", "secret") && group.is_none_or(|group| group == "g1")
    }

    fn capture(&self, side: Side, slot: usize) -> Option<&[u8]> {
        self.captures[side as usize].get(slot)?.as_deref()
    }

    fn captures(&self, side: Side) -> usize {
        self.captures[side as usize].len()
    }

    fn record(&self) -> Cow<'_, Record> {
        Cow::Borrowed(&self.record)
    }
}

/// Files by name.
pub struct Memory(pub &'static [(&'static str, &'static str)]);

impl Files for Memory {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        let found = self.0.iter().find(|(name, _)| Path::new(name) == path);
        found.map(|(_, text)| text.as_bytes().to_vec()).ok_or_else(|| "No such file or directory".into())
    }

    fn list(&self, _: &Path) -> Result<Vec<PathBuf>, String> {
        Ok(Vec::new())
    }

    fn is_folder(&self, _: &Path) -> bool {
        false
    }
}

pub const FILES: Memory = Memory(&[
    ("/dev/null", ""),
    ("nets.map", "10.0.0.0/8  net eight \n# c\n\n10.1.0.0/16 sixteen\n::1 six\n"),
    ("hosts.map", "www. site\nwww.example.com exact\n.com com\n"),
    ("re.map", "^(.*)\\.example\\.com host-\\1\n"),
    ("words.lst", "foo\n  bar baz\n#x\n  #y\n"),
]);

/// Calls with an environment of these files.
pub fn with_env<R>(run: impl FnOnce(Env<'_>) -> R) -> R {
    run(Env { files: &FILES, patterns: &Library::default() })
}

/// Splits a line at blanks, as far as tests need it.
pub fn words(line: &str) -> Vec<String> {
    line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
