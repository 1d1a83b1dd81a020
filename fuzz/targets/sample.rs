//! Expressions, conditions and log formats over a request: any text is one, or refused; each is evaluated over what a
//! stranger sent.
//!
//! The input's first lines are an expression, a condition and a format; what follows them is the request. Maps and
//! lists say what the request says.

#![no_main]

use balance::acl::{Acls, Condition};
use balance::config::Files;
use balance::http::{RequestHead, Version};
use balance::log::Format;
use balance::pattern::Library;
use balance::sample::{Body, Buffer, Context, Env, Expr, Side, Value, Var};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Every file there is says the same.
struct Same<'a>(&'a [u8]);

impl Files for Same<'_> {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        if path.starts_with("/no") { Err("No such file or directory".into()) } else { Ok(self.0.to_vec()) }
    }

    fn list(&self, _: &Path) -> Result<Vec<PathBuf>, String> {
        Ok(Vec::new())
    }

    fn is_folder(&self, _: &Path) -> bool {
        false
    }
}

struct Stream<'a> {
    head: Option<RequestHead>,
    bytes: &'a [u8],
    vars: RefCell<HashMap<Var, Value<'static>>>,
}

impl Context for Stream<'_> {
    fn request(&self) -> Option<&RequestHead> {
        self.head.as_ref()
    }

    fn body(&self, _: Side) -> Option<Body<'_>> {
        Some(Body { bytes: self.bytes, complete: true, length: None })
    }

    fn buffer(&self, _: Side) -> Option<Buffer<'_>> {
        Some(Buffer { bytes: self.bytes, complete: self.bytes.len() > 100 })
    }

    fn is_final(&self) -> bool {
        self.bytes.len() > 50
    }

    fn capture(&self, _: Side, _: usize) -> Option<&[u8]> {
        Some(self.bytes)
    }

    fn captures(&self, _: Side) -> usize {
        2
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
}

/// A head as a parser would leave it: no line ends in it.
fn head(bytes: &[u8]) -> Option<RequestHead> {
    let mut lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r' | 0));
    let mut line = lines.next()?.split(|byte| *byte == b' ');
    let mut head = RequestHead::new(line.next()?, line.next()?, Version::Http11);
    for line in lines {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        if let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            head.headers.add(name, value);
        }
    }
    Some(head)
}

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut line = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (expr, condition, format) = (line(), line(), line());
    let rest = parts.next().unwrap_or_default();
    let (files, patterns) = (Same(rest), Library::default());
    let env = Env { files: &files, patterns: &patterns };
    let stream = Stream { head: head(rest), bytes: rest, vars: RefCell::default() };
    let words = |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();

    if let Ok((expr, used)) = Expr::parse(&words(&expr), env) {
        assert!(used >= 1);
        let found = expr.get(&stream).map(Value::into_owned);
        let mut seen = 0;
        expr.each(&stream, &mut |_| {
            seen += 1;
            true
        });
        assert!(found.is_none() || seen > 0 || expr.has_converters(), "{}", expr.text());
    }
    let mut acls = Acls::default();
    let _ = acls.define("a", &words(&expr), env);
    if let Ok(condition) = Condition::parse(&words(&format!("if {condition} a")), &acls, env) {
        condition.holds(&stream);
    }
    for list in patterns.lists() {
        let _ = list.1.add(&expr, Some(&condition));
        for entry in list.1.entries() {
            list.1.remove(balance::pattern::Key::Id(entry.id));
        }
        assert!(list.1.is_empty());
    }
    let _ = Format::parse_log(&format, env).map(|format| format.to_bytes(&stream));
    // A value in a rule cannot end its line, whatever a client sent.
    if let Ok(parsed) = Format::parse(&format, env)
        && !format.contains('\r')
    {
        let out = parsed.to_bytes(&stream);
        assert!(!out.contains(&b'\r') && !out.contains(&b'\n'), "{format}");
    }
});
