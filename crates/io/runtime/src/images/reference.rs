//! Image references as Docker reads them: `nginx:1.15` is `docker.io/library/nginx:1.15`.
//!
//! Upstream: `distribution/reference` (normalisation and grammar).

use crate::error::{Error, Result};
use std::fmt;

/// A normalised reference. Has a tag (default `latest`) unless it has a digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// `docker.io`, `127.0.0.1:5000`
    pub host: String,
    /// `library/nginx`
    pub repository: String,
    pub tag: Option<String>,
    /// `sha256:...`
    pub digest: Option<String>,
}

/// Upstream: `NameTotalLengthMax`.
const MAX_NAME: usize = 255;
const DEFAULT_HOST: &str = "docker.io";
const BAD: &str = "invalid reference format";

impl Reference {
    pub fn parse(text: &str) -> Result<Self> {
        parse(text).map_err(|problem| Error::InvalidImageName { reference: text.into(), problem })
    }

    /// Host and repository: `docker.io/library/nginx`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }

    /// What is asked from the registry: the digest when there is one, else the tag.
    pub fn tag_or_digest(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        match (&self.tag, &self.digest) {
            (_, Some(digest)) => write!(f, "@{digest}"),
            (Some(tag), None) => write!(f, ":{tag}"),
            (None, None) => write!(f, ":latest"),
        }
    }
}

fn parse(text: &str) -> std::result::Result<Reference, String> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()) {
        return Err(format!("invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"));
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(checked_digest(digest)?)),
        None => (text, None),
    };
    let (host, rest) = split_host(rest);
    let (path, tag) = match rest.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(checked_tag(tag)?)),
        _ => (rest, None),
    };
    check_host(&host)?;
    let repository =
        if host == DEFAULT_HOST && !path.contains('/') { format!("library/{path}") } else { path.to_string() };
    if repository.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(format!("{BAD}: repository name ({repository}) must be lowercase"));
    }
    if path.is_empty() || !repository.split('/').all(valid_component) {
        return Err(BAD.into());
    }
    if host.len() + 1 + repository.len() > MAX_NAME {
        return Err(format!("repository name must not be more than {MAX_NAME} characters"));
    }
    let tag = if tag.is_none() && digest.is_none() { Some("latest".into()) } else { tag };
    Ok(Reference { host, repository, tag, digest })
}

/// The first part is a host when it looks like one: has a dot, a port or capitals, or is `localhost`.
fn split_host(text: &str) -> (String, &str) {
    match text.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|b| b.is_ascii_uppercase()) =>
        {
            let host = if first == "index.docker.io" { DEFAULT_HOST } else { first };
            (host.to_string(), rest)
        }
        _ => (DEFAULT_HOST.to_string(), text),
    }
}

fn check_host(host: &str) -> std::result::Result<(), String> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let ipv6 = name.starts_with('[') && name.ends_with(']');
    let label = |l: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !l.is_empty() && l.bytes().all(inner) && !l.starts_with('-') && !l.ends_with('-')
    };
    let good_name = if ipv6 {
        name[1..name.len() - 1].bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
    } else {
        name.split('.').all(label)
    };
    let good_port = port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    if good_name && good_port { Ok(()) } else { Err(BAD.into()) }
}

fn checked_tag(tag: &str) -> std::result::Result<String, String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let bytes = tag.as_bytes();
    let good = !bytes.is_empty()
        && bytes.len() <= 128
        && word(bytes[0])
        && bytes.iter().all(|b| word(*b) || *b == b'.' || *b == b'-');
    if good { Ok(tag.into()) } else { Err(BAD.into()) }
}

fn checked_digest(digest: &str) -> std::result::Result<String, String> {
    let hex = digest.strip_prefix("sha256:").ok_or_else(|| match digest.split_once(':') {
        Some(_) => "unsupported digest algorithm".to_string(),
        None => BAD.to_string(),
    })?;
    if !hex.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()) {
        return Err(BAD.into());
    }
    if hex.len() != 64 {
        return Err(if hex.len() < 32 { BAD.into() } else { "invalid checksum digest length".into() });
    }
    Ok(digest.into())
}

/// `[a-z0-9]+` joined by `.`, `_`, `__` or any number of `-`.
fn valid_component(component: &str) -> bool {
    let alnum = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    if bytes.is_empty() || !alnum(bytes[0]) || !alnum(bytes[bytes.len() - 1]) {
        return false;
    }
    let mut separators = bytes.split(|b| alnum(*b)).filter(|s| !s.is_empty());
    separators.all(|s| s == b"." || s == b"_" || s == b"__" || s.iter().all(|b| *b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let got = match Reference::parse(text) {
            Ok(reference) => reference.to_string(),
            Err(Error::InvalidImageName { problem, .. }) => problem,
            Err(other) => other.to_string(),
        };
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn normalises_as_docker_does() {
        let digest = format!("sha256:{}", "a".repeat(64));
        check("nginx", "docker.io/library/nginx:latest");
        check("nginx:1.15", "docker.io/library/nginx:1.15");
        check("me/app", "docker.io/me/app:latest");
        check("index.docker.io/me/app:v1", "docker.io/me/app:v1");
        check("127.0.0.1:5000/a/b/c:x", "127.0.0.1:5000/a/b/c:x");
        check("localhost/x", "localhost/x:latest");
        check("localhost:5000/x", "localhost:5000/x:latest");
        check("quay.io/foo__bar/a-b.c", "quay.io/foo__bar/a-b.c:latest");
        check(&format!("nginx@{digest}"), &format!("docker.io/library/nginx@{digest}"));
        check(&format!("nginx:1@{digest}"), &format!("docker.io/library/nginx@{digest}"));
    }

    #[test]
    fn refuses_with_upstream_words() {
        for bad in ["", ":x", "a//b", "nginx:", "a:b:c", "nginx:-x", "a_-b", "-a", "nginx@sha256:12", "a b", "x.y:z/a"]
        {
            check(bad, BAD);
        }
        check("Nginx", "invalid reference format: repository name (library/Nginx) must be lowercase");
        check("nginx@md5:abc", "unsupported digest algorithm");
        let hex = "b".repeat(64);
        check(&hex, &format!("invalid repository name ({hex}), cannot specify 64-byte hexadecimal strings"));
        assert_eq!(
            Reference::parse("a b").unwrap_err().to_string(),
            "Failed to apply default image tag \"a b\": couldn't parse image name \"a b\": invalid reference format"
        );
    }
}
