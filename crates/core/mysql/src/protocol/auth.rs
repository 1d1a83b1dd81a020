//! Passwords: what is kept of them, how a client proves one, how the proxy proves it to a server.
//!
//! Source: MariaDB Knowledge Base "Authentication Plugin - mysql_native_password", MySQL internals
//! "Caching SHA-2 pluggable authentication".

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Bytes of a server's random challenge.
pub const SCRAMBLE: usize = 20;

pub const NATIVE: &str = "mysql_native_password";
pub const CACHING_SHA2: &str = "caching_sha2_password";
/// The password itself; only inside of TLS.
pub const CLEAR: &str = "mysql_clear_password";

/// Of `caching_sha2_password`: what follows the client's first answer.
pub const SHA2_FAST_OK: u8 = 3;
pub const SHA2_FULL: u8 = 4;

/// A password as `mysql_users` holds it.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    Empty,
    Clear(String),
    /// SHA1(SHA1(password)), written `*` and 40 hex digits.
    Native([u8; 20]),
}

/// Never the password: this may reach a log.
impl std::fmt::Debug for Password {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        out.write_str(match self {
            Self::Empty => "no password",
            Self::Clear(_) => "a clear password",
            Self::Native(_) => "a hashed password",
        })
    }
}

/// With what the proxy logs in at a server on a client's behalf.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    Empty,
    Clear(String),
    /// SHA1(password): known from a client's own proof where `mysql_users` holds only the hash.
    Sha1([u8; 20]),
}

impl Password {
    pub fn of(text: &str) -> Self {
        match text.strip_prefix('*').and_then(hash_of) {
            Some(hash) => Self::Native(hash),
            None if text.is_empty() => Self::Empty,
            None => Self::Clear(text.to_owned()),
        }
    }

    /// Nobody's: for the time a check of an unknown user takes.
    pub fn unknown() -> Self {
        Self::Native([0; 20])
    }

    /// Checks the answer of `mysql_native_password`: `SHA1(p) XOR SHA1(scramble + SHA1(SHA1(p)))`.
    pub fn check_native(&self, scramble: &[u8; SCRAMBLE], answer: &[u8]) -> Option<Secret> {
        let stored = match self {
            Self::Empty => return answer.is_empty().then_some(Secret::Empty),
            Self::Clear(clear) => sha1(&[&sha1(&[clear.as_bytes()])]),
            Self::Native(hash) => *hash,
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
            Self::Empty => answer.is_empty().then_some(Secret::Empty),
            Self::Clear(clear) => same(answer, &sha2_answer(clear, scramble)).then(|| Secret::Clear(clear.clone())),
            Self::Native(_) => None,
        }
    }

    /// Checks a password that came in clear (inside of TLS).
    pub fn check_clear(&self, given: &str) -> Option<Secret> {
        let good = match self {
            Self::Empty => given.is_empty(),
            Self::Clear(clear) => same(clear.as_bytes(), given.as_bytes()),
            Self::Native(hash) => same(&sha1(&[&sha1(&[given.as_bytes()])]), hash),
        };
        good.then(|| if given.is_empty() { Secret::Empty } else { Secret::Clear(given.to_owned()) })
    }
}

impl Secret {
    /// A password that is known in clear.
    pub fn of(clear: &str) -> Self {
        if clear.is_empty() { Self::Empty } else { Self::Clear(clear.to_owned()) }
    }

    /// The answer to a server's challenge; `None` where this plugin needs what is not known.
    pub fn answer(&self, plugin: &[u8], scramble: &[u8; SCRAMBLE]) -> Option<Vec<u8>> {
        match (self, plugin) {
            (Self::Empty, _) => Some(Vec::new()),
            (Self::Clear(clear), b"mysql_native_password") => {
                Some(native_answer(sha1(&[clear.as_bytes()]), scramble).to_vec())
            }
            (Self::Sha1(once), b"mysql_native_password") => Some(native_answer(*once, scramble).to_vec()),
            (Self::Clear(clear), b"caching_sha2_password") => Some(sha2_answer(clear, scramble).to_vec()),
            (Self::Clear(clear), b"mysql_clear_password") => {
                let mut answer = clear.clone().into_bytes();
                answer.push(0);
                Some(answer)
            }
            _ => None,
        }
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
    fn sha2_needs_the_clear_password() {
        let answer = Secret::Clear("secret".into()).answer(CACHING_SHA2.as_bytes(), &CHALLENGE).unwrap();
        assert!(Password::of("secret").check_sha2(&CHALLENGE, &answer).is_some());
        assert!(Password::of("other").check_sha2(&CHALLENGE, &answer).is_none());
        assert!(Password::of(&native_hash("secret")).check_clear("secret").is_some());
    }
}
