//! Bootstrap tokens: `abcdef.0123456789abcdef`, and the Secrets that hold them.

use aws_lc_rs::rand;
use kinds::corev1::bootstrap_token::{NAME_PREFIX, NAMESPACE, TYPE, halves};
use serde_json::{Value, json};
use std::fmt;
use std::str::FromStr;

/// The group by which machines join. Upstream: `NodeBootstrapTokenAuthGroup`.
pub const NODE_GROUP: &str = "system:bootstrappers:kubeadm:default-node-token";
/// The group that may also read `kube-system/kubeadm-certs`: the keys of the cluster, encrypted, for a further master.
pub const MASTER_GROUP: &str = "system:bootstrappers:barque:master";

const ID_LEN: usize = 6;
const SECRET_LEN: usize = 16;

/// A token. `to_string` shows all of it; `{:?}` only the public half.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Six characters, public: the name of its Secret and of its signature.
    pub id: String,
    /// Sixteen characters.
    pub secret: String,
}

#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("a bootstrap token has the form \"[a-z0-9]{{6}}.[a-z0-9]{{16}}\", such as abcdef.0123456789abcdef")]
    Form,
    #[error("cannot make a token: the system's random numbers are not to be had")]
    Random,
}

impl Token {
    /// A fresh one: 82 random bits in its secret half.
    ///
    /// # Errors
    /// If there are no random numbers.
    pub fn generate() -> Result<Self, TokenError> {
        Ok(Self { id: random(ID_LEN)?, secret: random(SECRET_LEN)? })
    }

    /// The Secret by which the API knows the token. `expires` is RFC 3339, None is never; `usages` are
    /// `authentication` and `signing`.
    pub fn object(&self, description: &str, expires: Option<&str>, usages: &[&str], groups: &[&str]) -> Value {
        let mut data = json!({"token-id": self.id, "token-secret": self.secret});
        let optional = [("description", Some(description)), ("expiration", expires)];
        for (key, value) in optional {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                data[key] = value.into();
            }
        }
        for usage in usages {
            data[format!("usage-bootstrap-{usage}")] = "true".into();
        }
        if !groups.is_empty() {
            data["auth-extra-groups"] = groups.join(",").into();
        }
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": TYPE, "stringData": data,
            "metadata": {"name": self.secret_name(), "namespace": NAMESPACE},
        })
    }

    /// `bootstrap-token-abcdef`, in kube-system.
    pub fn secret_name(&self) -> String {
        format!("{NAME_PREFIX}{}", self.id)
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let (id, secret) = halves(text).ok_or(TokenError::Form)?;
        Ok(Self { id: id.to_owned(), secret: secret.to_owned() })
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.id, self.secret)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}.****)", self.id)
    }
}

/// Each character as likely as any other: bytes beyond the last whole turn of the alphabet are thrown away.
fn random(length: usize) -> Result<String, TokenError> {
    const ALPHABET: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let turns = 256 / ALPHABET.len() * ALPHABET.len();
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| TokenError::Random)?;
        let useful = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < turns);
        text.extend(useful.take(length - text.len()).map(|byte| char::from(ALPHABET[byte % ALPHABET.len()])));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinds::corev1::bootstrap_token::BootstrapToken;

    #[test]
    fn a_fresh_token_is_read_back() {
        let token = Token::generate().unwrap();
        assert_eq!(token.to_string().parse::<Token>().unwrap(), token);
        assert_ne!(Token::generate().unwrap(), token);
        assert!(!format!("{token:?}").contains(&token.secret));
        assert!("abcdef.0123456789abcde".parse::<Token>().is_err());
    }

    #[test]
    fn its_secret_says_what_it_is_for() {
        let token: Token = "abcdef.0123456789abcdef".parse().unwrap();
        let mut object = token.object("", Some("2026-01-01T00:00:00Z"), &["signing"], &[NODE_GROUP, MASTER_GROUP]);
        // As the API keeps it.
        let def = &kinds::corev1::secret::KIND;
        (def.set_defaults)(&mut object);
        let read = BootstrapToken::read(&object).unwrap();
        assert_eq!((read.id, read.secret), (token.id, token.secret));
        assert_eq!((read.expires, read.signing, read.authentication), (Some(1_767_225_600), true, false));
        assert_eq!(read.extra_groups, [MASTER_GROUP, NODE_GROUP]);
    }
}
