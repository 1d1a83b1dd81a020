//! `option httpchk` and its kin: which kind of check a backend has.

use crate::check::http::Request;
use crate::check::kinds::{ldap, mysql, pgsql, redis, smtp, ssl_hello};
use crate::check::text::Text;
use crate::check::{Check, Kind};
use crate::sample::Env;

/// `option <name> <args>`; false if it is no option that names a check.
pub fn parse_option(name: &str, args: &[String], check: &mut Check, _env: Env<'_>) -> Result<bool, String> {
    let arg = |place: usize| args.get(place).map_or("", String::as_str);
    let at_most = |count: usize| match args.get(count) {
        Some(more) => Err(format!("'option {name}' cannot handle unexpected argument '{more}'.")),
        None => Ok(()),
    };
    let (kind, rules) = match name {
        "tcp-check" => {
            at_most(0)?;
            (Kind::Tcp, Vec::new())
        }
        "httpchk" => {
            at_most(3)?;
            check.request = request(args);
            (Kind::Http, Vec::new())
        }
        "smtpchk" => {
            at_most(2)?;
            (Kind::Smtp, smtp::rules(arg(0), arg(1)))
        }
        "mysql-check" => (Kind::Mysql, mysql::rules(mysql_user(args)?)),
        "pgsql-check" => (Kind::Pgsql, pgsql::rules(pgsql_user(args)?)),
        "redis-check" => {
            at_most(0)?;
            (Kind::Redis, redis::rules())
        }
        "ldap-check" => {
            at_most(0)?;
            (Kind::Ldap, ldap::rules())
        }
        "ssl-hello-chk" => {
            at_most(0)?;
            (Kind::SslHello, ssl_hello::rules())
        }
        "external-check" => {
            return Err("'option external-check' is refused: no program is started to check a server; use 'option \
                        httpchk' or an agent ('agent-check')."
                .into());
        }
        "spop-check" => {
            return Err("'option spop-check' is refused: SPOE is not spoken; use 'option tcp-check'.".into());
        }
        _ => return Ok(false),
    };
    check.kind = kind;
    check.rules = rules;
    Ok(true)
}

/// `[<method>] <uri> [<version>]`; headers and a body may hide behind the version.
fn request(args: &[String]) -> Request {
    let uri = |text: &String| Some(Text::Plain(text.clone().into_bytes()));
    let mut request = Request::default();
    match args {
        [] => {}
        [only] => request.uri = uri(only),
        [method, text, rest @ ..] => {
            request.method = Some(method.clone());
            request.uri = uri(text);
            if let Some(version) = rest.first() {
                hidden(version, &mut request);
            }
        }
    }
    request
}

/// The old trick: `HTTP/1.1\r\nHost:\ www`.
fn hidden(text: &str, request: &mut Request) {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let mut lines = head.split("\r\n");
    request.version = lines.next().map(str::to_owned);
    for line in lines {
        if let Some((name, value)) = line.split_once(':') {
            request.headers.push((name.trim().to_owned(), Text::Plain(value.trim().as_bytes().to_vec())));
        }
    }
    if !body.is_empty() {
        request.body = Some(Text::Plain(body.as_bytes().to_vec()));
    }
}

fn mysql_user(args: &[String]) -> Result<Option<(&str, mysql::Client)>, String> {
    let [word, rest @ ..] = args else { return Ok(None) };
    if word != "user" {
        return Err(format!("'option mysql-check' only supports optional values: 'user' (got '{word}')."));
    }
    let [user, rest @ ..] = rest else {
        return Err("'option mysql-check user' expects <username> as argument.".into());
    };
    let client = match rest.first().map(String::as_str) {
        None | Some("post-41") => mysql::Client::Post41,
        Some("pre-41") => mysql::Client::Pre41,
        Some(other) => {
            return Err(format!("keyword 'user' only supports 'post-41' and 'pre-41' (got '{other}')."));
        }
    };
    match rest.get(1) {
        Some(more) => Err(format!("'option mysql-check' cannot handle unexpected argument '{more}'.")),
        None => Ok(Some((user, client))),
    }
}

fn pgsql_user(args: &[String]) -> Result<&str, String> {
    match args {
        [] | [_] => Err("'option pgsql-check' expects 'user <username>' as argument.".into()),
        [word, ..] if word != "user" => Err("'option pgsql-check' only supports optional values: 'user'.".into()),
        [_, _, more, ..] => Err(format!("'option pgsql-check' cannot handle unexpected argument '{more}'.")),
        [_, user] => Ok(user),
    }
}
