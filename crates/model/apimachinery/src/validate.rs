//! The primitive validators all kinds share, with upstream's exact messages.
//!
//! Each returns what is wrong with the text, nothing for a good one. The regular expressions upstream checks with are
//! shown in the messages; here they are small hand-written tests, so that a write costs no regex engine.
//!
//! Upstream: `apimachinery/pkg/util/validation/validation.go`.

use std::net::{Ipv4Addr, Ipv6Addr};

pub const DNS1123_LABEL_MAX: usize = 63;
pub const DNS1123_SUBDOMAIN_MAX: usize = 253;
pub const LABEL_VALUE_MAX: usize = 63;

const QUALIFIED_NAME: Rule = Rule {
    says: "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    regex: "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]",
    examples: &["MyName", "my.name", "123-abc"],
};
const LABEL_VALUE: Rule = Rule {
    says: "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    regex: "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
    examples: &["MyValue", "my_value", "12345"],
};
const DNS1123_LABEL: Rule = Rule {
    says: "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
    regex: "[a-z0-9]([-a-z0-9]*[a-z0-9])?",
    examples: &["my-name", "123-abc"],
};
const DNS1123_SUBDOMAIN: Rule = Rule {
    says: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    regex: r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
    examples: &["example.com"],
};
const DNS1035_LABEL: Rule = Rule {
    says: "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
    regex: "[a-z]([-a-z0-9]*[a-z0-9])?",
    examples: &["my-name", "abc-123"],
};
const WILDCARD_SUBDOMAIN: Rule = Rule {
    says: "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    regex: r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
    examples: &["*.example.com"],
};
const C_IDENTIFIER: Rule = Rule {
    says: "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
    regex: "[A-Za-z_][A-Za-z0-9_]*",
    examples: &["my_name", "MY_NAME", "MyName"],
};
const PERCENT: Rule = Rule {
    says: "a valid percent string must be a numeric string followed by an ending '%'",
    regex: "[0-9]+%",
    examples: &["1%", "93%"],
};
const HTTP_HEADER: Rule = Rule {
    says: "a valid HTTP header must consist of alphanumeric characters or '-'",
    regex: "[-A-Za-z0-9]+",
    examples: &["X-Header-Name"],
};
const ENV_VAR: Rule = Rule {
    says: "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
    regex: "[-._a-zA-Z][-._a-zA-Z0-9]*",
    examples: &["my.env-name", "MY_ENV.NAME", "MyEnvName1"],
};
const CONFIG_KEY: Rule = Rule {
    says: "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    regex: "[-._a-zA-Z0-9]+",
    examples: &["key.name", "KEY_NAME", "key-name"],
};
const DOMAIN_PATH: Rule = Rule { says: "Invalid path", regex: r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+", examples: &[] };

/// What a pattern failure says.
struct Rule {
    says: &'static str,
    regex: &'static str,
    examples: &'static [&'static str],
}

impl Rule {
    fn message(&self) -> String {
        regex_error(self.says, self.regex, self.examples)
    }
}

/// Upstream's `RegexError`, with its odd commas.
pub fn regex_error(says: &str, regex: &str, examples: &[&str]) -> String {
    if examples.is_empty() {
        return format!("{says} (regex used for validation is '{regex}')");
    }
    let shown: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{says} (e.g. {}regex used for validation is '{regex}')", shown.join(" or "))
}

/// Upstream's `MaxLenError`.
pub fn max_len_error(bytes: usize) -> String {
    format!("must be no more than {bytes} bytes")
}

/// Upstream's `InclusiveRangeError`.
pub fn inclusive_range_error(low: i64, high: i64) -> String {
    format!("must be between {low} and {high}, inclusive")
}

/// A label key, annotation key, finalizer, resource name: `[subdomain/]name`.
pub fn is_qualified_name(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut parts = value.split('/');
    let (first, second) = (parts.next().unwrap_or_default(), parts.next());
    if parts.next().is_some() {
        let tail = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
        return vec![format!("a qualified name {} {tail}", QUALIFIED_NAME.message())];
    }
    let name = second.unwrap_or(first);
    if second.is_some() {
        if first.is_empty() {
            wrong.push("prefix part must be non-empty".to_owned());
        } else {
            wrong.extend(is_dns1123_subdomain(first).iter().map(|message| format!("prefix part {message}")));
        }
    }
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        wrong.push(format!("name part {}", max_len_error(63)));
    }
    if name.is_empty() || !is_label_text(name) {
        wrong.push(format!("name part {}", QUALIFIED_NAME.message()));
    }
    wrong
}

pub fn is_valid_label_value(value: &str) -> Vec<String> {
    checked(value, LABEL_VALUE_MAX, is_label_text(value), &LABEL_VALUE)
}

/// RFC 1123 label, 63 bytes: `my-name`.
pub fn is_dns1123_label(value: &str) -> Vec<String> {
    if !dns_label(value) && dns_subdomain(value) {
        let mut wrong = checked(value, DNS1123_LABEL_MAX, true, &DNS1123_LABEL);
        wrong.push("must not contain dots".to_owned());
        return wrong;
    }
    checked(value, DNS1123_LABEL_MAX, dns_label(value), &DNS1123_LABEL)
}

/// RFC 1123 subdomain, 253 bytes: `example.com`.
pub fn is_dns1123_subdomain(value: &str) -> Vec<String> {
    checked(value, DNS1123_SUBDOMAIN_MAX, dns_subdomain(value), &DNS1123_SUBDOMAIN)
}

/// RFC 1035 label, 63 bytes: does not start with a digit. Names of Services.
pub fn is_dns1035_label(value: &str) -> Vec<String> {
    let ok = dns_label(value) && value.as_bytes()[0].is_ascii_lowercase();
    checked(value, DNS1123_LABEL_MAX, ok, &DNS1035_LABEL)
}

/// `*.example.com`
pub fn is_wildcard_dns1123_subdomain(value: &str) -> Vec<String> {
    let ok = value.strip_prefix("*.").is_some_and(dns_subdomain);
    checked(value, DNS1123_SUBDOMAIN_MAX, ok, &WILDCARD_SUBDOMAIN)
}

/// At least two segments, a trailing dot allowed. The messages belong to the whole value.
pub fn is_fully_qualified_domain_name(value: &str) -> Vec<String> {
    let name = value.strip_suffix('.').unwrap_or(value);
    let wrong = is_dns1123_subdomain(name);
    if !wrong.is_empty() {
        return vec![wrong.join(",")];
    }
    if !name.contains('.') {
        return vec!["should be a domain with at least two segments separated by dots".to_owned()];
    }
    name.split('.').map(is_dns1123_label).filter(|wrong| !wrong.is_empty()).map(|wrong| wrong.join(",")).collect()
}

/// `acme.io/foo`
pub fn is_domain_prefixed_path(value: &str) -> Vec<String> {
    let Some((host, path)) = value.split_once('/').filter(|(host, path)| !host.is_empty() && !path.is_empty()) else {
        return vec!["must be a domain-prefixed path (such as \"acme.io/foo\")".to_owned()];
    };
    let mut wrong = is_dns1123_subdomain(host);
    if !path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&b)) {
        wrong.push(DOMAIN_PATH.message());
    }
    wrong
}

pub fn is_c_identifier(value: &str) -> Vec<String> {
    let ok = starts_without_digit(value) && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if ok { Vec::new() } else { vec![C_IDENTIFIER.message()] }
}

/// 1..=65535
pub fn is_valid_port_num(port: i64) -> Vec<String> {
    is_in_range(port, 1, 65535)
}

pub fn is_in_range(value: i64, low: i64, high: i64) -> Vec<String> {
    if (low..=high).contains(&value) { Vec::new() } else { vec![inclusive_range_error(low, high)] }
}

/// A Unix user id, 0..=2147483647.
pub fn is_valid_user_id(uid: i64) -> Vec<String> {
    is_in_range(uid, 0, i32::MAX.into())
}

/// A Unix group id, 0..=2147483647.
pub fn is_valid_group_id(gid: i64) -> Vec<String> {
    is_in_range(gid, 0, i32::MAX.into())
}

/// An IANA service name, 15 bytes: `http`.
pub fn is_valid_port_name(port: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if port.len() > 15 {
        wrong.push(max_len_error(15));
    }
    if port.is_empty() || !port.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        wrong.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !port.bytes().any(|b| b.is_ascii_lowercase()) {
        wrong.push("must contain at least one letter (a-z)".to_owned());
    }
    if port.contains("--") {
        wrong.push("must not contain consecutive hyphens".to_owned());
    }
    if port.starts_with('-') || port.ends_with('-') {
        wrong.push("must not begin or end with a hyphen".to_owned());
    }
    wrong
}

pub fn is_valid_ip(value: &str) -> Vec<String> {
    let ok = parse_ipv4(value).is_some() || value.parse::<Ipv6Addr>().is_ok();
    said(ok, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
}

pub fn is_valid_ipv4_address(value: &str) -> Vec<String> {
    said(parse_ipv4(value).is_some(), "must be a valid IPv4 address")
}

pub fn is_valid_ipv6_address(value: &str) -> Vec<String> {
    said(value.parse::<Ipv6Addr>().is_ok(), "must be a valid IPv6 address")
}

pub fn is_valid_cidr(value: &str) -> Vec<String> {
    said(cidr(value), "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")
}

/// `25%`
pub fn is_valid_percent(value: &str) -> Vec<String> {
    let ok = value.strip_suffix('%').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    if ok { Vec::new() } else { vec![PERCENT.message()] }
}

pub fn is_http_header_name(value: &str) -> Vec<String> {
    let ok = !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if ok { Vec::new() } else { vec![HTTP_HEADER.message()] }
}

/// The old, strict rule of environment variable names (still used for `envFrom` keys of old servers).
pub fn is_env_var_name(value: &str) -> Vec<String> {
    let ok = value.bytes().next().is_some_and(|b| !b.is_ascii_digit()) && value.bytes().all(is_key_byte);
    let mut wrong = if ok { Vec::new() } else { vec![ENV_VAR.message()] };
    wrong.extend(parent_path(value));
    wrong
}

/// The rule of environment variable names since release 1.34: any printable ASCII but `=`.
pub fn is_relaxed_env_var_name(value: &str) -> Vec<String> {
    if value.is_empty() {
        return vec!["environment variable name must be non-empty".to_owned()];
    }
    let ok = value.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=');
    said(ok, "a valid environment variable name must consist only of printable ASCII characters other than '='")
}

/// A key of a ConfigMap or a Secret.
pub fn is_config_map_key(value: &str) -> Vec<String> {
    let ok = !value.is_empty() && value.bytes().all(is_key_byte);
    let mut wrong = checked(value, DNS1123_SUBDOMAIN_MAX, ok, &CONFIG_KEY);
    wrong.extend(parent_path(value));
    wrong
}

/// A name that can stand as one segment of a URL (RBAC kinds).
pub fn is_valid_path_segment_name(name: &str) -> Vec<String> {
    if name == "." || name == ".." {
        return vec![format!("may not be '{name}'")];
    }
    ["/", "%"].iter().filter(|text| name.contains(**text)).map(|text| format!("may not contain '{text}'")).collect()
}

/// The start of a name to be completed (`generateName`).
pub fn is_valid_path_segment_prefix(name: &str) -> Vec<String> {
    ["/", "%"].iter().filter(|text| name.contains(**text)).map(|text| format!("may not contain '{text}'")).collect()
}

fn checked(value: &str, max: usize, ok: bool, rule: &Rule) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.len() > max {
        wrong.push(max_len_error(max));
    }
    if !ok {
        wrong.push(rule.message());
    }
    wrong
}

fn said(ok: bool, message: &str) -> Vec<String> {
    if ok { Vec::new() } else { vec![message.to_owned()] }
}

fn starts_without_digit(value: &str) -> bool {
    value.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}

/// `(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?`
fn is_label_text(value: &str) -> bool {
    let bytes = value.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return true };
    first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() && bytes.iter().copied().all(is_key_byte)
}

fn is_key_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')
}

fn dns_label(value: &str) -> bool {
    let edge = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = value.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    edge(first) && edge(last) && bytes.iter().all(|b| edge(b) || *b == b'-')
}

fn dns_subdomain(value: &str) -> bool {
    value.split('.').all(dns_label)
}

fn parent_path(value: &str) -> Option<String> {
    match value {
        "." => Some("must not be '.'".to_owned()),
        ".." => Some("must not be '..'".to_owned()),
        _ => value.starts_with("..").then(|| "must not start with '..'".to_owned()),
    }
}

/// Like Go's old parser, which upstream keeps for stored objects, leading zeros are decimal: `010.0.0.1` is 10.0.0.1.
fn parse_ipv4(value: &str) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    let mut parts = value.split('.');
    for octet in &mut octets {
        let part = parts.next().filter(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))?;
        *octet = part.parse().ok()?;
    }
    parts.next().is_none().then(|| octets.into())
}

fn cidr(value: &str) -> bool {
    let Some((address, bits)) = value.split_once('/') else { return false };
    let max = match (parse_ipv4(address), address.parse::<Ipv6Addr>()) {
        (Some(_), _) => 32,
        (None, Ok(_)) => 128,
        (None, Err(_)) => return false,
    };
    !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit()) && bits.parse::<u8>().is_ok_and(|bits| bits <= max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn check(wrong: Vec<String>, expected: Expect) {
        expected.assert_eq(&wrong.join("; "));
    }

    #[test]
    fn names() {
        for good in ["a", "my-name", "123", "0-0"] {
            assert!(is_dns1123_label(good).is_empty(), "{good}");
        }
        check(is_dns1123_label("a.b"), expect!["must not contain dots"]);
        check(
            is_dns1123_label("A"),
            expect![
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
            ],
        );
        check(is_dns1123_label(&"a".repeat(64)), expect!["must be no more than 63 bytes"]);
        assert!(is_dns1123_subdomain("a.b-c.d").is_empty());
        assert!(!is_dns1123_subdomain("a..b").is_empty() && !is_dns1123_subdomain("").is_empty());
        assert!(!is_dns1035_label("1a").is_empty() && is_dns1035_label("a1").is_empty());
        assert!(is_wildcard_dns1123_subdomain("*.a.b").is_empty() && !is_wildcard_dns1123_subdomain("*a").is_empty());
    }

    #[test]
    fn keys_and_values() {
        for good in ["a", "example.com/My_Name", "1.2-3_4"] {
            assert!(is_qualified_name(good).is_empty(), "{good}");
        }
        check(
            is_qualified_name("/"),
            expect![
                "prefix part must be non-empty; name part must be non-empty; name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
            ],
        );
        assert_eq!(is_qualified_name("a/b/c").len(), 1);
        assert!(is_valid_label_value("").is_empty() && !is_valid_label_value("-a").is_empty());
        check(is_config_map_key(".."), expect!["must not be '..'"]);
        assert!(is_config_map_key("tls.crt").is_empty());
        assert!(is_relaxed_env_var_name("1 a").is_empty() && !is_relaxed_env_var_name("a=b").is_empty());
        check(is_valid_path_segment_name("a/b%"), expect!["may not contain '/'; may not contain '%'"]);
        assert!(is_valid_path_segment_name("system:node").is_empty());
    }

    #[test]
    fn addresses_and_numbers() {
        assert!(is_valid_ip("10.9.8.7").is_empty() && is_valid_ip("2001:db8::1").is_empty());
        check(is_valid_ip("10.9.8"), expect!["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]);
        assert!(is_valid_cidr("10.0.0.0/8").is_empty() && is_valid_cidr("fd00::/64").is_empty());
        assert!(!is_valid_cidr("10.0.0.0/33").is_empty() && !is_valid_cidr("10.0.0.0").is_empty());
        check(is_valid_port_num(0), expect!["must be between 1 and 65535, inclusive"]);
        check(
            is_valid_port_name("a--"),
            expect!["must not contain consecutive hyphens; must not begin or end with a hyphen"],
        );
        assert!(is_valid_percent("25%").is_empty() && !is_valid_percent("x%").is_empty());
    }
}
