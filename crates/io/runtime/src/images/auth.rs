//! Registry credentials from pull secrets.
//!
//! Upstream: `pkg/credentialprovider` (keyring lookup: the most specific match first).

use super::PullAuth;
use super::reference::Reference;
use base64::Engine;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    Anonymous,
    Basic {
        user: String,
        password: String,
    },
    /// A registry token to be sent as it is.
    Bearer(String),
}

#[derive(Deserialize)]
struct ConfigJson {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    registrytoken: String,
}

impl PullAuth {
    /// Credentials for an image at a host, best match first. Anonymous comes only when nothing matches.
    pub(super) fn candidates(&self, host: &str, reference: &Reference) -> Vec<Credential> {
        let mut found: Vec<(usize, Credential)> = Vec::new();
        let wanted = format!("{host}/{}", reference.repository);
        for entries in self.entries() {
            for (key, entry) in entries {
                let key = normalised(&key);
                if let Some(weight) = matches(&key, &wanted)
                    && let Some(credential) = entry.credential()
                {
                    found.push((weight, credential));
                }
            }
        }
        found.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        let mut found: Vec<Credential> = found.into_iter().map(|(_, credential)| credential).collect();
        found.dedup();
        if found.is_empty() { vec![Credential::Anonymous] } else { found }
    }

    /// Secrets that do not parse are passed over, as upstream does: another one may match.
    fn entries(&self) -> Vec<BTreeMap<String, Entry>> {
        let new = self
            .docker_config_json
            .iter()
            .filter_map(|text| Some(serde_json::from_slice::<ConfigJson>(text).ok()?.auths));
        let old = self.docker_cfg.iter().filter_map(|text| serde_json::from_slice(text).ok());
        new.chain(old).collect()
    }
}

impl Entry {
    fn credential(self) -> Option<Credential> {
        if !self.registrytoken.is_empty() {
            return Some(Credential::Bearer(self.registrytoken));
        }
        let (user, password) = match decoded(&self.auth) {
            Some(pair) => pair,
            None => (self.username, self.password),
        };
        (!user.is_empty()).then_some(Credential::Basic { user, password })
    }
}

fn decoded(auth: &str) -> Option<(String, String)> {
    let auth = auth.trim().trim_end_matches('=');
    if auth.is_empty() {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD_NO_PAD.decode(auth).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.into(), password.trim_end_matches('\0').into()))
}

/// `https://index.docker.io/v1/` is `docker.io`; schemes, API versions and final slashes do not count.
fn normalised(key: &str) -> String {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let key = key.trim_end_matches('/');
    let key = key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key);
    match key {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".into(),
        other => other.into(),
    }
}

/// Length of the match when `key` (`host[:port][/path]`, `*` within host labels) covers `wanted`.
fn matches(key: &str, wanted: &str) -> Option<usize> {
    let (key_host, key_path) = key.split_once('/').unwrap_or((key, ""));
    let (host, path) = wanted.split_once('/').unwrap_or((wanted, ""));
    let labels: Vec<&str> = key_host.split('.').collect();
    let host_labels: Vec<&str> = host.split('.').collect();
    let same = labels.len() == host_labels.len() && labels.iter().zip(&host_labels).all(|(a, b)| *a == "*" || a == b);
    (same && path.starts_with(key_path)).then_some(key.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_most_specific_secret() {
        let json =
            br#"{"auths":{"https://index.docker.io/v1/":{"auth":"aHViOnB3"},"r.io":{"username":"a","password":"b"},
            "r.io/team":{"auth":"dGVhbTpzZWNyZXQ="},"*.corp.io":{"username":"w","password":"x"}}}"#;
        let auth = PullAuth { docker_config_json: vec![json.to_vec()], docker_cfg: vec![b"broken".to_vec()] };
        let users = |host: &str, image: &str| -> Vec<String> {
            let reference = Reference::parse(image).unwrap();
            let name = |c| match c {
                Credential::Basic { user, password } => format!("{user}:{password}"),
                other => format!("{other:?}"),
            };
            auth.candidates(host, &reference).into_iter().map(name).collect()
        };
        assert_eq!(users("docker.io", "nginx"), ["hub:pw"]);
        assert_eq!(users("r.io", "r.io/team/x"), ["team:secret", "a:b"]);
        assert_eq!(users("r.io", "r.io/other"), ["a:b"]);
        assert_eq!(users("reg.corp.io", "reg.corp.io/z"), ["w:x"]);
        assert_eq!(users("else.io", "else.io/z"), ["Anonymous"]);
    }
}
