//! Words of the lines that make a check. The errors are what HAProxy says behind `parsing [file:line] : `.

mod connect;
mod expect;
mod http_send;
mod option;
mod words;

pub use option::parse_option;

use super::Check;
use super::rule::{Action, Rule, Set};
use super::text::{Text, from_hex};
use crate::log::Format;
use crate::sample::{Env, Expr, Scope, Var};
use words::{Words, printable};

/// Where a rule belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flavour {
    Tcp,
    Http,
}

impl Flavour {
    fn keyword(self) -> &'static str {
        match self {
            Self::Tcp => "tcp-check",
            Self::Http => "http-check",
        }
    }
}

/// `tcp-check <args>`
pub fn parse_tcp_check(args: &[String], check: &mut Check, env: Env<'_>) -> Result<(), String> {
    let rule = rule(Flavour::Tcp, args, env)?;
    add(Flavour::Tcp, &mut check.tcp, rule, args)
}

/// `http-check <args>`
pub fn parse_http_check(args: &[String], check: &mut Check, env: Env<'_>) -> Result<(), String> {
    let flag = match args.first().map(String::as_str) {
        Some("disable-on-404") => &mut check.disable_on_404,
        Some("send-state") => &mut check.send_state,
        _ => {
            let rule = rule(Flavour::Http, args, env)?;
            return add(Flavour::Http, &mut check.http, rule, args);
        }
    };
    *flag = true;
    match args.get(1) {
        Some(more) => Err(format!("'http-check' cannot handle unexpected argument '{more}'.")),
        None => Ok(()),
    }
}

/// Reads one rule.
fn rule(flavour: Flavour, args: &[String], env: Env<'_>) -> Result<Rule, String> {
    let name = args.first().map_or("", String::as_str);
    let words = Words::new(args.get(1..).unwrap_or_default());
    let result = match (flavour, name) {
        (_, "comment") => comment(words),
        (_, "connect") => connect::parse(flavour, words, env),
        (_, "expect") => expect::parse(flavour, words, env),
        (Flavour::Http, "send") => http_send::parse(words, env),
        (Flavour::Tcp, "send" | "send-lf" | "send-binary" | "send-binary-lf") => send(name, words, env),
        (_, name) if is_var(name) => variable(name, args, env),
        _ => return Err(unknown(flavour, name)),
    };
    result.map_err(|problem| format!("'{} {name}' : {problem}.", flavour.keyword()))
}

fn unknown(flavour: Flavour, name: &str) -> String {
    let (keyword, words) = match flavour {
        Flavour::Tcp => ("tcp-check", "'comment', 'connect', 'send', 'send-binary', 'expect'"),
        Flavour::Http => ("http-check", "'disable-on-404', 'send-state', 'comment', 'connect', 'send', 'expect'"),
    };
    format!("'{keyword}' only supports {words}, 'set-var-fmt(*)', 'set-var(*)', 'unset-var(*)'. but got '{name}'")
}

fn comment(mut words: Words) -> Result<Rule, String> {
    let text = words.next().filter(|text| !text.is_empty()).ok_or("expects a string as argument")?;
    Ok(Rule::new(Action::Comment(text.to_owned())))
}

/// `tcp-check send <data>` and its kin.
fn send(name: &str, mut words: Words, env: Env<'_>) -> Result<Rule, String> {
    let what = if name.starts_with("send-binary") { "binary string" } else { "string" };
    let data = words.next().filter(|data| !data.is_empty());
    let data = data.ok_or_else(|| format!("'{what}' expects a {name} as argument"))?;
    let text = match name {
        "send" => Text::Plain(data.as_bytes().to_vec()),
        "send-lf" => Text::Format(format(data, env)?),
        "send-binary" => Text::Plain(from_hex(data).map_err(|problem| format!("'{data}' {problem}."))?),
        _ => Text::Hex(format(data, env)?),
    };
    let mut rule = Rule::new(Action::Send(text));
    match words.next() {
        None => {}
        Some("comment") => rule.comment = Some(words.text("comment")?),
        Some(other) => return Err(format!("expects 'comment' but got '{other}' as argument.")),
    }
    Ok(rule)
}

fn format(text: &str, env: Env<'_>) -> Result<Box<Format>, String> {
    match Format::parse(text, env) {
        Ok(format) => Ok(Box::new(format)),
        Err(problem) => Err(format!("'{text}' invalid log-format string ({problem}).")),
    }
}

fn is_var(name: &str) -> bool {
    ["set-var", "unset-var"].iter().any(|prefix| name.starts_with(prefix))
}

/// `set-var(scope.name[,cond...]) <expr>`, `set-var-fmt(..) <fmt>`, `unset-var(..)`.
fn variable(name: &str, args: &[String], env: Env<'_>) -> Result<Rule, String> {
    let incomplete = || {
        let keyword = name.split('(').next().unwrap_or(name);
        format!(
            "'{}' : invalid or incomplete action '{keyword}'. Expects 'set-var(<var-name>)', 'set-var-fmt(<var-name>)' \
             or 'unset-var(<var-name>)'",
            if keyword == "unset-var" { "unset-var" } else { "set-var" }
        )
    };
    let (keyword, inside) = name.split_once('(').ok_or_else(incomplete)?;
    let inside = inside.strip_suffix(')').ok_or_else(incomplete)?;
    if let Some((_, conditions)) = inside.split_once(',') {
        return Err(format!(
            "'{keyword}' : conditions of a check's variable ('{conditions}') are not supported; use none"
        ));
    }
    let var = var(inside).map_err(|problem| format!("'{keyword}' : {problem}"))?;
    let action = match (keyword, args.get(1)) {
        ("unset-var", _) => Action::Unset(var),
        (_, None) => return Err(format!("'{keyword}' : missing fetch method")),
        ("set-var-fmt", Some(text)) => Action::Set(var, Set::Format(format(text, env)?)),
        ("set-var", Some(_)) => {
            let (expr, _) = Expr::parse(&args[1..], env).map_err(|problem| format!("'{keyword}' : {problem}"))?;
            Action::Set(var, Set::Expr(Box::new(expr)))
        }
        _ => return Err(incomplete()),
    };
    Ok(Rule::new(action))
}

/// The scopes a check may name.
const SCOPES: [(&str, Scope); 6] = [
    ("proc", Scope::Proc),
    ("sess", Scope::Sess),
    ("txn", Scope::Txn),
    ("req", Scope::Req),
    ("res", Scope::Res),
    ("check", Scope::Check),
];

fn var(text: &str) -> Result<Var, String> {
    let scope = text
        .split_once('.')
        .and_then(|(scope, name)| SCOPES.iter().find(|(word, _)| *word == scope).map(|(_, scope)| (*scope, name)));
    let (scope, name) = scope.ok_or_else(|| {
        format!(
            "invalid variable name '{text}'. A variable name must be start by its scope. The scope can be 'proc', \
             'sess', 'txn', 'req', 'res' or 'check'"
        )
    })?;
    match printable(name) {
        true => Ok(Var { scope, name: name.into() }),
        false => Err(format!("invalid variable name '{text}'. Expects a-z, A-Z, 0-9, '.' and '_'")),
    }
}

/// Adds a rule where the order of rules allows it, and numbers it.
fn add(flavour: Flavour, rules: &mut Vec<Rule>, mut rule: Rule, args: &[String]) -> Result<(), String> {
    let prefix = || format!("'{} {}' : ", flavour.keyword(), args.first().map_or("", String::as_str));
    let acts = |rule: &Rule| !matches!(rule.action, Action::Comment(_) | Action::Set(..) | Action::Unset(_));
    if rule.is_connect() && rules.iter().find(|rule| acts(rule)).is_some_and(|first| !first.is_connect()) {
        return Err(prefix()
            + "first step MUST also be a 'connect', optionally preceded by a 'set-var', an 'unset-var' or a 'comment', \
               when there is a 'connect' step in the tcp-check ruleset.");
    }
    if matches!(rule.action, Action::SendHttp(_)) {
        let since = rules.iter().rev().take_while(|rule| !rule.is_connect());
        if since.clone().any(|rule| matches!(rule.action, Action::SendHttp(_))) {
            let step = rules.len() + 1;
            return Err(format!(
                "{}unable to add http-check send rule at step {step} (missing connect rule)..",
                prefix()
            ));
        }
    }
    rule.step = rules.len() + 1;
    rules.push(rule);
    Ok(())
}
