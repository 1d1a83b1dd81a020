//! Secrets of type `bootstrap.kubernetes.io/token`: what a machine shows that is no member of the cluster yet.
//!
//! Upstream: `cluster-bootstrap/token/api/types.go`, `plugin/pkg/auth/authenticator/token/bootstrap`,
//! `cluster-bootstrap/util/secrets`.

use crate::read::text;
use apimachinery::{Value, time};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::fmt;

/// The type of such Secrets.
pub const TYPE: &str = "bootstrap.kubernetes.io/token";
/// Where they are.
pub const NAMESPACE: &str = "kube-system";
/// What their names start with; the token's id follows.
pub const NAME_PREFIX: &str = "bootstrap-token-";
/// The group of all that show such a token.
pub const GROUP: &str = "system:bootstrappers";

/// What such a Secret says.
#[derive(Clone, PartialEq, Eq)]
pub struct BootstrapToken {
    /// Six characters, public.
    pub id: String,
    /// Sixteen characters.
    pub secret: String,
    /// Seconds since 1970. A time that cannot be read is long over.
    pub expires: Option<i64>,
    /// Whether it is a bearer token of the API.
    pub authentication: bool,
    /// Whether `cluster-info` is signed with it.
    pub signing: bool,
    /// Beyond [`GROUP`].
    pub extra_groups: Vec<String>,
}

impl BootstrapToken {
    /// Reads a Secret; None if it is none of these, or its name and id do not fit.
    pub fn read(secret: &Value) -> Option<Self> {
        let metadata = &secret["metadata"];
        let id = text(metadata, "name").strip_prefix(NAME_PREFIX)?;
        if text(secret, "type") != TYPE || text(metadata, "namespace") != NAMESPACE {
            return None;
        }
        let of = |key: &str| {
            let bytes = BASE64_STANDARD.decode(text(&secret["data"], key)).ok()?;
            String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
        };
        let token = Self {
            id: of("token-id")?,
            secret: of("token-secret")?,
            expires: of("expiration").map(|time| time::parse_seconds(&time).unwrap_or(0)),
            authentication: of("usage-bootstrap-authentication").as_deref() == Some("true"),
            signing: of("usage-bootstrap-signing").as_deref() == Some("true"),
            extra_groups: of("auth-extra-groups").map(|list| split(&list)).unwrap_or_default(),
        };
        (token.id == id && is_part(&token.id, 6) && is_part(&token.secret, 16)).then_some(token)
    }

    /// `now` in seconds since 1970.
    pub fn is_expired(&self, now: i64) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }

    /// The groups of whoever shows it; None if one is not below [`GROUP`], which nobody may give away here.
    pub fn groups(&self) -> Option<Vec<String>> {
        let valid = |group: &String| {
            let rest = group.strip_prefix(GROUP).and_then(|rest| rest.strip_prefix(':')).unwrap_or_default();
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            let bytes = rest.as_bytes();
            bytes.len() <= 256
                && bytes.last().is_some_and(|last| plain(*last))
                && bytes.iter().all(|byte| plain(*byte) || matches!(byte, b':' | b'-'))
        };
        let all = self.extra_groups.iter().all(valid);
        all.then(|| [GROUP.to_owned()].into_iter().chain(self.extra_groups.iter().cloned()).collect())
    }
}

/// The secret half is not shown.
impl fmt::Debug for BootstrapToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BootstrapToken").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Id and secret of `abcdef.0123456789abcdef`; None for any other text.
pub fn halves(token: &str) -> Option<(&str, &str)> {
    token.split_once('.').filter(|(id, secret)| is_part(id, 6) && is_part(secret, 16))
}

fn is_part(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn split(list: &str) -> Vec<String> {
    let mut groups: Vec<String> =
        list.split(',').map(str::trim).filter(|group| !group.is_empty()).map(str::to_owned).collect();
    groups.sort();
    groups.dedup();
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secret(data: &[(&str, &str)]) -> Value {
        let mut all = json!({"token-id": BASE64_STANDARD.encode("abcdef"), "token-secret": BASE64_STANDARD.encode("0123456789abcdef")});
        for (key, value) in data {
            all[*key] = BASE64_STANDARD.encode(value).into();
        }
        json!({"type": TYPE, "metadata": {"name": "bootstrap-token-abcdef", "namespace": "kube-system"}, "data": all})
    }

    #[test]
    fn a_secret_is_read() {
        let token = BootstrapToken::read(&secret(&[
            ("usage-bootstrap-signing", "true"),
            ("expiration", "2026-01-01T00:00:00Z"),
            ("auth-extra-groups", "system:bootstrappers:b, system:bootstrappers:a"),
        ]));
        let token = token.unwrap();
        assert!(token.signing && !token.authentication);
        assert!(token.is_expired(1_767_225_600) && !token.is_expired(1_767_225_599));
        assert_eq!(token.groups().unwrap(), [GROUP, "system:bootstrappers:a", "system:bootstrappers:b"]);
        assert!(!format!("{token:?}").contains("0123"));
    }

    #[test]
    fn what_is_odd_opens_nothing() {
        let masters = BootstrapToken::read(&secret(&[("auth-extra-groups", "system:masters")])).unwrap();
        assert_eq!(masters.groups(), None);
        assert!(BootstrapToken::read(&secret(&[("expiration", "soon")])).unwrap().is_expired(1));
        assert_eq!(BootstrapToken::read(&secret(&[("token-id", "fedcba")])), None, "the name is another's");
        assert_eq!(BootstrapToken::read(&secret(&[("token-secret", "short")])), None);
        let mut elsewhere = secret(&[]);
        elsewhere["metadata"]["namespace"] = "default".into();
        assert_eq!(BootstrapToken::read(&elsewhere), None);
        assert_eq!(halves("abcdef.0123456789abcdef"), Some(("abcdef", "0123456789abcdef")));
        assert_eq!(halves("ABCDEF.0123456789abcdef"), None);
    }
}
