//! How the proxy proves a password to a server.

use super::{CACHING_SHA2, CLEAR, ED25519, NATIVE, SCRAMBLE, SHA256, ed25519, native_answer, sha1, sha2_answer};

/// With what the proxy logs in at a server on a client's behalf.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    Empty,
    Clear(String),
    /// SHA1(password): known from a client's own proof where `mysql_users` holds only the hash.
    Sha1([u8; 20]),
    /// The client has proved it by a way that tells nothing of it.
    Unknown,
}

/// What answers a server's challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    Answer(Vec<u8>),
    /// The plugin needs the password in clear, and only a hash is known.
    NeedsClear,
    /// A plugin that is not known here.
    Unknown,
}

impl Secret {
    /// A password that is known in clear.
    pub fn of(clear: &str) -> Self {
        if clear.is_empty() { Self::Empty } else { Self::Clear(clear.to_owned()) }
    }

    /// The answer to a server's challenge (20 bytes, of `client_ed25519` 32); `None` where this plugin needs what is
    /// not known.
    pub fn answer(&self, plugin: &[u8], challenge: &[u8]) -> Option<Vec<u8>> {
        match self.prove(plugin, challenge) {
            Proof::Answer(answer) => Some(answer),
            Proof::NeedsClear | Proof::Unknown => None,
        }
    }

    /// As [`Self::answer`], with the reason why there is none.
    pub fn prove(&self, plugin: &[u8], challenge: &[u8]) -> Proof {
        let known = [NATIVE, CACHING_SHA2, SHA256, CLEAR, ED25519].iter().find(|name| name.as_bytes() == plugin);
        let scramble = challenge.first_chunk::<SCRAMBLE>().unwrap_or(&[0; SCRAMBLE]);
        let Some(&plugin) = known else {
            return if *self == Self::Empty { Proof::Answer(Vec::new()) } else { Proof::Unknown };
        };
        Proof::Answer(match (self, plugin) {
            (Self::Empty, SHA256) => vec![0],
            (Self::Empty, ED25519) => ed25519::sign(b"", challenge).to_vec(),
            (Self::Empty, _) => Vec::new(),
            (Self::Sha1(once), NATIVE) => native_answer(*once, scramble).to_vec(),
            (Self::Clear(clear), NATIVE) => native_answer(sha1(&[clear.as_bytes()]), scramble).to_vec(),
            (Self::Clear(clear), CACHING_SHA2) => sha2_answer(clear, scramble).to_vec(),
            (Self::Clear(clear), ED25519) => ed25519::sign(clear.as_bytes(), challenge).to_vec(),
            (Self::Clear(clear), _) => [clear.as_bytes(), &[0]].concat(),
            (Self::Sha1(_) | Self::Unknown, _) => return Proof::NeedsClear,
        })
    }

    /// What is encrypted for a server's RSA key: the password and a zero, mixed with the scramble so that it cannot be
    /// sent again.
    pub fn mixed(&self, scramble: &[u8; SCRAMBLE]) -> Option<Vec<u8>> {
        let Self::Clear(clear) = self else { return None };
        Some(mix(&[clear.as_bytes(), &[0]].concat(), scramble))
    }
}

/// Bytes XOR the scramble, over and over; twice gives back what there was.
pub fn mix(bytes: &[u8], scramble: &[u8; SCRAMBLE]) -> Vec<u8> {
    bytes.iter().zip(scramble.iter().cycle()).map(|(byte, other)| byte ^ other).collect()
}
