//! Passwords: what is kept of them, how a client proves one, how the proxy proves it to a server.
//!
//! Source: MariaDB Knowledge Base "Authentication Plugin - mysql_native_password", MySQL internals
//! "Caching SHA-2 pluggable authentication".

pub mod ed25519;
mod secret;
mod sha2_hash;

pub use secret::{Proof, Secret, mix};
use sha2_hash::Sha2Hash;
pub use sha2_hash::sha2_hash;

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Bytes of a server's random challenge.
pub const SCRAMBLE: usize = 20;

pub const NATIVE: &str = "mysql_native_password";
pub const CACHING_SHA2: &str = "caching_sha2_password";
/// MySQL before 8.0: the password itself, inside of TLS or by the server's RSA key.
pub const SHA256: &str = "sha256_password";
/// MariaDB's.
pub const ED25519: &str = "client_ed25519";
/// The password itself; only inside of TLS.
pub const CLEAR: &str = "mysql_clear_password";

/// Of `caching_sha2_password`: what follows the client's first answer.
pub const SHA2_FAST_OK: u8 = 3;
pub const SHA2_FULL: u8 = 4;
/// What a client says to get the server's RSA key; for `sha256_password` it is 1.
pub const SHA2_WANTS_KEY: u8 = 2;
pub const SHA256_WANTS_KEY: u8 = 1;

/// Begins a public key of [`ed25519`] in `mysql_users`, as ProxySQL 3 has it.
const ED25519_PREFIX: &str = "$ED$";

/// A password as `mysql_users` holds it.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    Empty,
    Clear(String),
    /// SHA1(SHA1(password)), written `*` and 40 hex digits.
    Native([u8; 20]),
    /// `$A$005$…`.
    Sha2(Box<Sha2Hash>),
    /// `$ED$` and the public key, 43 letters of base64.
    Ed25519(ed25519::PublicKey),
    /// It says that it is a hash, and is none: nobody comes in.
    Broken,
}

/// Never the password: this may reach a log.
impl std::fmt::Debug for Password {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        out.write_str(match self {
            Self::Empty => "no password",
            Self::Clear(_) => "a clear password",
            Self::Native(_) | Self::Sha2(_) | Self::Ed25519(_) => "a hashed password",
            Self::Broken => "a malformed hash",
        })
    }
}

impl Password {
    pub fn of(text: &str) -> Self {
        if let Some(hash) = text.strip_prefix('*').and_then(hash_of) {
            return Self::Native(hash);
        }
        if text.starts_with("$A$0") {
            return Sha2Hash::read(text).map_or(Self::Broken, |hash| Self::Sha2(Box::new(hash)));
        }
        if let Some(key) = text.strip_prefix(ED25519_PREFIX) {
            return base64_of(key).map_or(Self::Broken, Self::Ed25519);
        }
        if text.is_empty() { Self::Empty } else { Self::Clear(text.to_owned()) }
    }

    /// Nobody's: for the time a check of an unknown user takes. What proves it lets nobody in.
    pub fn unknown() -> Self {
        Self::Clear("\0".to_owned())
    }

    /// Whether this plugin's first answer can be checked against it.
    pub fn can(&self, plugin: &[u8]) -> bool {
        match self {
            Self::Empty | Self::Clear(_) => true,
            // Of caching_sha2_password by the password itself.
            Self::Native(_) => plugin == NATIVE.as_bytes() || plugin == CACHING_SHA2.as_bytes(),
            Self::Sha2(_) => plugin == CACHING_SHA2.as_bytes(),
            Self::Ed25519(_) => plugin == ED25519.as_bytes(),
            Self::Broken => true,
        }
    }

    /// Which plugin clients are asked for, where `preferred` is what all are asked for.
    pub fn plugin<'a>(&self, preferred: &'a str) -> &'a str {
        match self {
            Self::Empty => NATIVE,
            Self::Ed25519(_) => ED25519,
            Self::Sha2(_) => CACHING_SHA2,
            Self::Native(_) if preferred == ED25519 => NATIVE,
            _ => preferred,
        }
    }

    /// Checks the answer of `mysql_native_password`: `SHA1(p) XOR SHA1(scramble + SHA1(SHA1(p)))`.
    pub fn check_native(&self, scramble: &[u8; SCRAMBLE], answer: &[u8]) -> Option<Secret> {
        let stored = match self {
            Self::Empty => return answer.is_empty().then_some(Secret::Empty),
            Self::Clear(clear) => sha1(&[&sha1(&[clear.as_bytes()])]),
            Self::Native(hash) => *hash,
            Self::Sha2(_) | Self::Ed25519(_) | Self::Broken => return None,
        };
        let answer: [u8; 20] = answer.try_into().ok()?;
        let once = xor(answer, sha1(&[scramble, &stored]));
        if !same(&sha1(&[&once]), &stored) {
            return None;
        }
        Some(match self {
            Self::Clear(clear) => Secret::Clear(clear.clone()),
            _ => Secret::Sha1(once),
        })
    }

    /// Checks the first answer of `caching_sha2_password`:
    /// `SHA256(p) XOR SHA256(SHA256(SHA256(p)) + scramble)`. Only of a password that is known in clear.
    pub fn check_sha2(&self, scramble: &[u8; SCRAMBLE], answer: &[u8]) -> Option<Secret> {
        match self {
            // Some clients say nothing, others a single zero.
            Self::Empty => matches!(answer, [] | [0]).then_some(Secret::Empty),
            Self::Clear(clear) => same(answer, &sha2_answer(clear, scramble)).then(|| Secret::Clear(clear.clone())),
            Self::Native(_) | Self::Sha2(_) | Self::Ed25519(_) | Self::Broken => None,
        }
    }

    /// Checks a signature of [`ed25519`].
    pub fn check_ed25519(&self, nonce: &[u8; ed25519::NONCE], answer: &[u8]) -> Option<Secret> {
        match self {
            Self::Empty => answer.is_empty().then_some(Secret::Empty),
            Self::Clear(clear) => ed25519::verify(&ed25519::public_key(clear.as_bytes()), nonce, answer)
                .then(|| Secret::Clear(clear.clone())),
            Self::Ed25519(public) => ed25519::verify(public, nonce, answer).then_some(Secret::Unknown),
            Self::Native(_) | Self::Sha2(_) | Self::Broken => None,
        }
    }

    /// Checks the password itself (inside of TLS, or by our RSA key).
    pub fn check_clear(&self, given: &str) -> Option<Secret> {
        let good = match self {
            Self::Empty => given.is_empty(),
            Self::Clear(clear) => same(clear.as_bytes(), given.as_bytes()),
            Self::Native(hash) => same(&sha1(&[&sha1(&[given.as_bytes()])]), hash),
            Self::Sha2(hash) => hash.check(given),
            Self::Ed25519(public) => same(&ed25519::public_key(given.as_bytes()), public),
            Self::Broken => false,
        };
        good.then(|| if given.is_empty() { Secret::Empty } else { Secret::Clear(given.to_owned()) })
    }
}

fn native_answer(once: [u8; 20], scramble: &[u8; SCRAMBLE]) -> [u8; 20] {
    xor(once, sha1(&[scramble, &sha1(&[&once])]))
}

fn sha2_answer(clear: &str, scramble: &[u8; SCRAMBLE]) -> [u8; 32] {
    let once = sha256(&[clear.as_bytes()]);
    xor(once, sha256(&[&sha256(&[&once]), scramble]))
}

/// `*` and 40 hex digits, as MariaDB's PASSWORD() gives.
pub fn native_hash(clear: &str) -> String {
    let hash = sha1(&[&sha1(&[clear.as_bytes()])]);
    hash.iter().fold("*".to_owned(), |text, byte| text + &format!("{byte:02X}"))
}

fn hash_of(hex: &str) -> Option<[u8; 20]> {
    if hex.len() != 40 || !hex.is_ascii() {
        return None;
    }
    let mut hash = [0; 20];
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(hash)
}

/// 43 letters for 32 bytes, without padding.
fn base64_of(text: &str) -> Option<[u8; 32]> {
    let letter = |byte: u8| {
        Some(u32::from(match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        }))
    };
    let letters = text.bytes().map(letter).collect::<Option<Vec<u32>>>().filter(|letters| letters.len() == 43)?;
    let mut out = Vec::new();
    for four in letters.chunks(4) {
        let value = four.iter().fold(0, |value, letter| value << 6 | letter) << (6 * (4 - four.len()));
        out.extend_from_slice(&value.to_be_bytes()[1..four.len()]);
    }
    out.try_into().ok()
}

fn xor<const N: usize>(mut a: [u8; N], b: [u8; N]) -> [u8; N] {
    a.iter_mut().zip(b).for_each(|(a, b)| *a ^= b);
    a
}

/// In a time that does not tell where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    let mut hash = Sha1::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: [u8; SCRAMBLE] = *b"0123456789abcdefghij";

    #[test]
    fn a_hash_is_as_the_server_writes_it() {
        // SELECT PASSWORD('nextcloudpwd')'s form; the value of 'password' is widely published.
        assert_eq!(native_hash("password"), "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19");
    }

    #[test]
    fn a_proof_against_the_hash_gives_what_a_server_wants() {
        let answer = Secret::Clear("secret".into()).answer(NATIVE.as_bytes(), &CHALLENGE).unwrap();
        let stored = Password::of(&native_hash("secret"));
        let learnt = stored.check_native(&CHALLENGE, &answer).expect("the right password");
        assert_eq!(learnt.answer(NATIVE.as_bytes(), &CHALLENGE), Some(answer.clone()));
        assert!(Password::of("secret").check_native(&CHALLENGE, &answer).is_some());
        assert!(Password::of("other").check_native(&CHALLENGE, &answer).is_none());
        assert!(Password::Empty.check_native(&CHALLENGE, &answer).is_none());
    }

    #[test]
    fn hashes_by_their_form() {
        let kind = |text: &str| format!("{:?}", Password::of(text));
        assert_eq!(kind("$A$005$abcdefghijklmnopqrst5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc8"), "a hashed password");
        assert_eq!(kind("$A$005$abc"), "a malformed hash");
        // MariaDB's own documentation: ED25519_PASSWORD('secret').
        let stored = Password::of("$ED$ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY");
        assert!(stored.check_clear("secret").is_some());
        let nonce = [7; ed25519::NONCE];
        let answer = Secret::Clear("secret".into()).answer(ED25519.as_bytes(), &nonce).unwrap();
        assert!(stored.check_ed25519(&nonce, &answer) == Some(Secret::Unknown));
        assert!(Password::of("secret").check_ed25519(&nonce, &answer).is_some());
        assert!(Password::of("other").check_ed25519(&nonce, &answer).is_none());
        assert_eq!(kind("$ED$short"), "a malformed hash");
        assert!(Password::of("$ED$short").check_clear("$ED$short").is_none());
    }

    #[test]
    fn sha2_needs_the_clear_password() {
        let answer = Secret::Clear("secret".into()).answer(CACHING_SHA2.as_bytes(), &CHALLENGE).unwrap();
        assert!(Password::of("secret").check_sha2(&CHALLENGE, &answer).is_some());
        assert!(Password::of("other").check_sha2(&CHALLENGE, &answer).is_none());
        assert!(Password::of(&native_hash("secret")).check_clear("secret").is_some());
    }
}
