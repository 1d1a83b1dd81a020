//! What HAProxy 2.6.12 did with the same requests and responses, line by line.
//!
//! `measured.txt`: method, `cookie` fields (parted by `&&`), fields of the server's response (parted by `@`) => server
//! that answered and `cookie` fields it got (parted by `&`), fields the client got, log. Servers: `s1` cookie one, `s2`
//! cookie two, `s3` cookie three and down.

use super::*;
use crate::http::{RequestHead, ResponseHead, Version};

const MEASURED: &str = include_str!("measured.txt");

/// When the dated lines were measured; a cookie's clock ticked once meanwhile.
const START: i64 = 1_795_824_916;

fn cookie(line: &str) -> Cookie {
    let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
    Cookie::parse(&words, &mut Vec::new()).unwrap()
}

fn servers() -> impl Iterator<Item = ServerCookie<'static>> + Clone {
    ["one", "two", "three"].into_iter().enumerate().map(|(index, value)| ServerCookie {
        index,
        value,
        running: index < 2,
    })
}

fn fields(headers: &crate::http::Headers, names: &[&str], between: &str) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let shown = headers.iter().map(|(name, value)| (text(name).to_ascii_lowercase(), text(value)));
    let shown: Vec<_> = shown.filter(|(name, _)| names.contains(&name.as_str())).collect();
    shown.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join(between)
}

/// The right side of a line, as we do it.
fn play(cookie: &Cookie, left: &str, right: &str, now: i64) -> String {
    let (method, rest) = left.split_once(" | ").unwrap();
    let (cookies, response) = rest.rsplit_once(" | ").unwrap();
    let mut request = RequestHead::new(method.as_bytes(), b"/", Version::Http11);
    for field in cookies.split(" && ").filter(|field| !field.is_empty()) {
        request.headers.add(b"Cookie", field.as_bytes());
    }
    let found = cookie.request(&mut request, servers(), Persistence { now, ..Persistence::default() });
    let mut answer = ResponseHead::new(200, b"OK", Version::Http11);
    for field in response.trim().split(" @ ").filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once(": ").unwrap();
        match name {
            "X-Status" => answer.status = value.parse().unwrap(),
            _ => answer.headers.add(name.as_bytes(), value.as_bytes()),
        }
    }
    // Without a cookie that counts the server is the one that balancing chose there.
    let chosen = usize::from(right.starts_with("s2"));
    let server = found.server.unwrap_or(chosen);
    let answered = Answered {
        server: Some(["one", "two"][server]),
        direct: found.server.is_some(),
        method: method.as_bytes(),
        ignored: false,
        now,
    };
    let state = cookie.response(&mut answer, &found, answered);
    format!(
        "s{} {} | {} | a/s{} --{}{}",
        server + 1,
        fields(&request.headers, &["cookie"], " & "),
        fields(&answer.headers, &["set-cookie", "cache-control"], " @ "),
        server + 1,
        found.state.letter(),
        state.letter(),
    )
}

#[test]
fn as_measured() {
    let mut wrong = Vec::new();
    let mut current = Cookie::default();
    for line in MEASURED.lines() {
        if let Some(options) = line.strip_prefix("## ") {
            current = cookie(options);
            continue;
        }
        let (left, right) = line.split_once("=> ").unwrap();
        let tidy = |text: &str| text.replace("  |", " |");
        let now = if current.max_life == 0 && current.max_idle > 0 { START } else { START + 1 };
        let left = format!("{} ", left.trim_end());
        let played = play(&current, &left, right, now);
        if tidy(&played) != tidy(right) {
            wrong.push(format!("{}: {line}\n  {played}", current.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_else_decides() {
    let insert = cookie("A insert");
    let seen = |value: &str, force, ignore| {
        let mut head = RequestHead::new(b"GET", b"/", Version::Http11);
        head.headers.add(b"cookie", format!("A={value}").as_bytes());
        let found = insert.request(&mut head, servers(), Persistence { force, ignore, now: START });
        (found.state.letter(), found.server)
    };
    assert_eq!(seen("three", true, false), ('D', Some(2)));
    assert_eq!(seen("three", false, false), ('D', None));
    assert_eq!(seen("one", false, true), ('U', None));
    let mut head = ResponseHead::new(200, b"OK", Version::Http11);
    let answered = Answered { server: None, direct: false, method: b"GET", ignored: false, now: START };
    assert_eq!(insert.response(&mut head, &RequestCookie::default(), answered).letter(), 'I');
    let forget: &[u8] = b"A=; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/";
    assert_eq!(head.headers.get(b"set-cookie"), Some(forget));
}

#[test]
fn dynamic_values_are_haproxys() {
    assert_eq!(dynamic_value("k", "127.0.0.1:24201".parse().unwrap()), "05f126a8e1985adb");
    assert_eq!(dynamic_value("k", "127.0.0.1:24202".parse().unwrap()), "cdd2f252079486b5");
}

#[test]
fn refusals_are_haproxys() {
    for (line, refusal) in [
        ("", "'cookie' expects <cookie_name> as argument."),
        ("A insert rewrite", "cookie 'rewrite', 'insert' and 'prefix' modes are incompatible."),
        ("A rewrite indirect", "cookie 'rewrite' and 'indirect' modes are incompatible."),
        ("A prefix preserve", "cookie 'preserve' requires at least 'insert' or 'indirect'."),
        ("A domain", "'domain' expects <domain> as argument."),
        ("A maxidle", "'maxidle' expects <idletime> in seconds as argument."),
        ("A maxlife", "'maxlife' expects <lifetime> in seconds as argument."),
        ("A maxidle x", "unexpected character 'x' in argument to <maxidle>."),
        ("A attr a;b", "character '%x3B' is not permitted in attribute value."),
    ] {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        assert_eq!(Cookie::parse(&words, &mut Vec::new()).unwrap_err(), refusal, "{line}");
    }
    assert_eq!(cookie("A insert maxidle 30m maxlife 8h").max_idle, 1800);
}
