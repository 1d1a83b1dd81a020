//! Makes equal what differs between two runs by nature: dates, pids, pointers, ports of clients, durations.

use regex::Regex;
use std::sync::LazyLock;

/// What is replaced by what, in this order.
static RULES: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let rules = [
        // Syslog's header: the priority and the tag stay.
        (r"^<(\d+)>\w{3} [ \d]\d \d\d:\d\d:\d\d (\w+)\[\d+\]: ", "<$1>$2: "),
        (r"^(<\d+>1 )\S+ (\S+ \S+) \d+ ", "${1}DATE $2 PID "),
        (r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\]", "[DATE]"),
        (r"\b(\w{3}, )?\d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "DATE"),
        // The range that Linux takes clients' ports from.
        (r"(127\.0\.0\.\d+|\$A|192\.0\.2\.77):(3276[89]|327[789]\d|32[89]\d\d|3[3-9]\d{3}|[456]\d{4})\b", "$1:PORT"),
        (
            r"\b(127\.0\.0\.\d+ \$A|127\.0\.0\.\d+ 127\.0\.0\.\d+) (3276[89]|327[789]\d|32[89]\d\d|3[3-9]\d{3}|[456]\d{4})\b",
            "$1 PORT",
        ),
        // `show servers state`: the seconds since the last change.
        (r"^(\d+ \S+ \d+ \S+ \S+ \d+ \d+ \d+ \d+) \d+ ", "$1 ~ "),
        (r"0x[0-9a-f]{6,}", "0xPTR"),
        (r"\b(duration: )\d{1,2}ms", "${1}0ms"),
        (r"\b(duration: 1)\d{3}ms", "${1}000ms"),
        (r"\[(ALERT|WARNING|NOTICE)\]\s+\(\d+\) : ", "[$1] "),
    ];
    rules.map(|(pattern, put)| (Regex::new(pattern).expect("a pattern of this table"), put)).into()
});

/// Two or more numbers with slashes between, as timers stand in log lines.
static TIMERS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(/\S+ )([+-]?\d+(?:/[+-]?\d+){2,4}) ").expect("a pattern of this file"));

/// The time an entry of a stick table has left.
static EXPIRES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bexp=(\d+)").expect("a pattern of this file"));

pub fn line(text: &str) -> String {
    let left = |found: &regex::Captures<'_>| format!("exp={}", timer(&found[1]));
    let mut text = EXPIRES.replace_all(text, left).into_owned();
    for (pattern, put) in RULES.iter() {
        text = pattern.replace_all(&text, *put).into_owned();
    }
    text
}

/// A log line: also its timers, in whole seconds.
pub fn log(text: &str) -> String {
    let text = line(text);
    let Some(found) = TIMERS.captures(&text) else { return text };
    let timers: Vec<String> = found[2].split('/').map(timer).collect();
    let (before, after) = (found.get(1).map_or(0, |m| m.end()), found.get(2).map_or(0, |m| m.end()));
    format!("{}{}{}", &text[..before], timers.join("/"), &text[after..])
}

/// `-1` and a sign stay; milliseconds become the nearest second.
fn timer(text: &str) -> String {
    if text == "-1" {
        return text.to_owned();
    }
    let sign = text.chars().take_while(|letter| !letter.is_ascii_digit()).collect::<String>();
    let number: u64 = text[sign.len()..].parse().unwrap_or(0);
    format!("{sign}{}s", (number + 500) / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nature_is_made_equal() {
        let seen = "<134>Nov 22 11:33:35 haproxy[17]: 127.0.0.1:49316 [22/Nov/2026:11:33:35.280] f1 b1/s1 1/0/1733 141 CD 1/1/0/0/0 0/0";
        assert_eq!(log(seen), "<134>haproxy: 127.0.0.1:PORT [DATE] f1 b1/s1 0s/0s/2s 141 CD 1/1/0/0/0 0/0");
        let not_reached = "f f/<NOSRV> -1/-1/-1/-1/+3001 408 212 - - cR-- 1/1/0/0/0 0/0 \"<BADREQ>\"";
        assert!(log(not_reached).starts_with("f f/<NOSRV> -1/-1/-1/-1/+3s 408"), "{}", log(not_reached));
        assert_eq!(line("server at 127.0.0.1:28101"), "server at 127.0.0.1:28101");
    }
}
