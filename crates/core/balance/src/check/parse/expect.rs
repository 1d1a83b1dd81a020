//! `tcp-check expect`, `http-check expect`.

use super::words::Words;
use super::{Flavour, format};
use crate::check::pattern::Regex;
use crate::check::rule::{Action, Code, Expect, HeaderPattern, Info, Match, Pattern, Rule};
use crate::check::text::{Text, from_hex};
use crate::health::Status;
use crate::sample::{Env, Expr};

/// A status keyword, its values, and how an error lists them.
type Statuses = (&'static str, &'static [Status], &'static str);

#[rustfmt::skip]
const STATUSES: [Statuses; 3] = [
    ("ok-status",    &[Status::L4Ok, Status::L6Ok, Status::L7Ok, Status::L7OkConditional],
                     "'L4OK', 'L6OK', 'L7OK' or 'L7OKC'"),
    ("error-status", &[Status::L7OkConditional, Status::L7Response, Status::L7Status, Status::L6Response,
                       Status::L4Connection],
                     "'L4CON', 'L6RSP', 'L7RSP' or 'L7STS'"),
    ("tout-status",  &[Status::L7Timeout, Status::L6Timeout, Status::L4Timeout],
                     "'L4TOUT', 'L6TOUT' or 'L7TOUT'"),
];

pub fn parse(flavour: Flavour, mut words: Words, env: Env<'_>) -> Result<Rule, String> {
    if words.rest().len() < 2 && words.peek().is_none() {
        return Err("expects at least a matching pattern as arguments".into());
    }
    // The pattern is put in when it is met.
    let mut expect = Expect::new(Pattern::HttpStatus(Vec::new()));
    let (mut found, mut comment) = (false, None);
    while let Some(word) = words.next() {
        match word {
            "!" => expect.inverse = !expect.inverse,
            "min-recv" => expect.min_recv = min_recv(words.argument(word, "expects a integer as argument")?)?,
            "comment" => comment = Some(words.argument(word, "expects a string as argument")?.to_owned()),
            "on-success" => expect.on_success = info(word, &mut words, env)?,
            "on-error" => expect.on_error = info(word, &mut words, env)?,
            "ok-status" => expect.ok_status = Some(status(word, &mut words)?),
            "error-status" => expect.error_status = Some(status(word, &mut words)?),
            "tout-status" => expect.timeout_status = Some(status(word, &mut words)?),
            "status-code" => expect.code = Some(code(&mut words, env)?),
            _ => {
                let (name, inverse) = word.strip_prefix('!').map_or((word, false), |name| (name, true));
                expect.inverse ^= inverse;
                expect.pattern = pattern(flavour, name, &mut words, env)?
                    .filter(|_| !found)
                    .ok_or_else(|| format!("{} but got '{word}' as argument.", supported(flavour)))?;
                found = true;
            }
        }
    }
    match found {
        true => Ok(Rule { comment, ..Rule::new(Action::Expect(Box::new(expect))) }),
        false => Err(format!("{} but got '' as argument.", supported(flavour))),
    }
}

fn supported(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Tcp => {
            "'only supports min-recv, '[!]binary', '[!]string', '[!]rstring', '[!]string-lf''[!]rbinary', \
             '[!]binary-lf' or comment"
        }
        Flavour::Http => {
            "'only supports min-recv, [!]string', '[!]rstring', '[!]string-lf', '[!]status', '[!]rstatus', [!]hdr, \
             [!]fhdr or comment"
        }
    }
}

/// The pattern of this keyword, if a check of this flavour has it.
fn pattern(flavour: Flavour, name: &str, words: &mut Words, env: Env<'_>) -> Result<Option<Pattern>, String> {
    let mut argument = || words.argument(name, "expects a <pattern> as argument");
    let plain = |text: &str| Text::Plain(text.as_bytes().to_vec());
    Ok(Some(match (flavour, name) {
        (Flavour::Tcp, "string") => Pattern::Text(plain(argument()?)),
        (Flavour::Tcp, "rstring") => Pattern::Regex(Regex::new(argument()?)?),
        (Flavour::Tcp, "string-lf") => Pattern::Text(Text::Format(format(argument()?, env)?)),
        (Flavour::Tcp, "binary") => Pattern::Binary(Text::Plain(from_hex(argument()?)?)),
        (Flavour::Tcp, "rbinary") => Pattern::BinaryRegex(Regex::without_case(argument()?)?),
        (Flavour::Tcp, "binary-lf") => Pattern::Binary(Text::Hex(format(argument()?, env)?)),
        (Flavour::Http, "string") => Pattern::HttpBody(plain(argument()?)),
        (Flavour::Http, "rstring") => Pattern::HttpBodyRegex(Regex::new(argument()?)?),
        (Flavour::Http, "string-lf") => Pattern::HttpBody(Text::Format(format(argument()?, env)?)),
        (Flavour::Http, "status") => Pattern::HttpStatus(ranges(argument()?)?),
        (Flavour::Http, "rstatus") => Pattern::HttpStatusRegex(Regex::new(argument()?)?),
        (Flavour::Http, "hdr" | "fhdr") => Pattern::HttpHeader(Box::new(header(name, words, env)?)),
        _ => return Ok(None),
    }))
}

/// `200,201,300-310`
fn ranges(list: &str) -> Result<Vec<(u16, u16)>, String> {
    list.split(',')
        .map(|item| {
            if let Some(other) = item.chars().find(|c| !c.is_ascii_digit() && *c != '-') {
                return Err(format!("invalid character '{other}' in the list of status codes"));
            }
            let (from, to) = item.split_once('-').unwrap_or((item, item));
            match (from.parse(), to.parse()) {
                (Ok(from), Ok(to)) if from <= to => Ok((from, to)),
                _ => Err(format!("invalid range of status codes '{item}'")),
            }
        })
        .collect()
}

/// `name [-m method] <name> [value [-m method] <value>]`, each also as `name-lf`, `value-lf`.
fn header(keyword: &str, words: &mut Words, env: Env<'_>) -> Result<HeaderPattern, String> {
    let missing = || format!("'{keyword}' expects at the name keyword as first argument followed by a pattern");
    let name = match words.next() {
        Some(word @ ("name" | "name-lf")) => compare(keyword, word == "name-lf", words, env)?.ok_or_else(missing)?,
        _ => return Err(missing()),
    };
    let value = match words.peek() {
        Some(word @ ("value" | "value-lf")) => {
            words.skip(1);
            let value = compare(keyword, word == "value-lf", words, env)?;
            Some(value.ok_or_else(|| format!("'{keyword}' expect a pattern with the value keyword"))?)
        }
        _ => None,
    };
    Ok(HeaderPattern { name, value, full: keyword == "fhdr" })
}

fn compare(keyword: &str, is_format: bool, words: &mut Words, env: Env<'_>) -> Result<Option<Match>, String> {
    let mut method = "str";
    if words.peek() == Some("-m") {
        words.skip(1);
        method = words.next().unwrap_or_default();
        if !["str", "beg", "end", "sub", "reg"].contains(&method) {
            return Err(format!(
                "'{keyword}' : '-m' only supports 'str', 'beg', 'end', 'sub' or 'reg' (got '{method}')"
            ));
        }
    }
    let Some(word) = words.next().filter(|word| !word.is_empty()) else { return Ok(None) };
    if method == "reg" {
        return match is_format {
            true => Err(format!("'{keyword}' : a log-format string cannot be used with the regex matching method")),
            false => Ok(Some(Match::Regex(Regex::new(word)?))),
        };
    }
    let text = if is_format { Text::Format(format(word, env)?) } else { Text::Plain(word.as_bytes().to_vec()) };
    Ok(Some(match method {
        "beg" => Match::Begin(text),
        "end" => Match::End(text),
        "sub" => Match::Part(text),
        _ => Match::Exact(text),
    }))
}

fn min_recv(text: &str) -> Result<i32, String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let end = digits.len() - digits.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: i32 = if end == 0 { 0 } else { digits[..end].parse().unwrap_or(-1) };
    match if digits.len() < text.len() { -number } else { number } {
        number if number >= -1 => Ok(number),
        _ => Err("'min-recv' expects -1 or an integer from 0 to INT_MAX".into()),
    }
}

fn info(keyword: &str, words: &mut Words, env: Env<'_>) -> Result<Info, String> {
    let text = words.argument(keyword, "expects a string as argument")?;
    Ok(Info::Format(format(text, env)?))
}

fn status(keyword: &str, words: &mut Words) -> Result<Status, String> {
    let code = words.argument(keyword, "expects a string as argument")?;
    let known = STATUSES.iter().find(|line| line.0 == keyword);
    let status = Status::from_code(code).filter(|status| known.is_some_and(|line| line.1.contains(status)));
    let list = known.map_or("", |line| line.2);
    status.ok_or_else(|| format!("'{keyword}' only supports {list} status (got '{code}')."))
}

fn code(words: &mut Words, env: Env<'_>) -> Result<Code, String> {
    if words.peek().is_none_or(str::is_empty) {
        return Err("'status-code' expects an expression as argument".into());
    }
    let (expr, used) = Expr::parse(words.rest(), env)
        .map_err(|problem| format!("error detected while parsing status-code expression : {problem}"))?;
    words.skip(used);
    Ok(Code::Expr(Box::new(expr)))
}
