//! `$A$005$…`: how MySQL stores a password of `caching_sha2_password`.
//!
//! `$A$`, three hex digits of thousands of rounds, `$`, 20 bytes of salt, 43 letters of a hash by SHA-crypt (Drepper,
//! "Unix crypt using SHA-256 and SHA-512") over that salt. Source: MySQL's reference manual, "Caching SHA-2 Pluggable
//! Authentication"; the form as `mysql.user.authentication_string` shows it.

use super::{same, sha256};

const SALT: usize = 20;
const HASH: usize = 43;
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// More than any server writes; a bound on the work that a row of a table can ask for.
const MOST_ROUNDS: usize = 100_000;

#[derive(Clone, PartialEq, Eq)]
pub struct Sha2Hash {
    rounds: usize,
    salt: [u8; SALT],
    hash: [u8; HASH],
}

impl Sha2Hash {
    pub fn read(text: &str) -> Option<Self> {
        let (rounds, rest) = text.strip_prefix("$A$")?.split_once('$')?;
        let rounds = usize::from_str_radix(rounds, 16).ok()? * 1000;
        let (salt, hash) = rest.as_bytes().split_first_chunk::<SALT>()?;
        let hash = hash.try_into().ok()?;
        (1..=MOST_ROUNDS).contains(&rounds).then_some(Self { rounds, salt: *salt, hash })
    }

    /// Takes some milliseconds, as it is meant to.
    pub fn check(&self, password: &str) -> bool {
        same(&crypt(password.as_bytes(), &self.salt, self.rounds), &self.hash)
    }
}

/// What MySQL stores of a password, with this salt.
pub fn sha2_hash(password: &str, salt: &[u8; SALT]) -> String {
    let letters = crypt(password.as_bytes(), salt, 5000);
    format!("$A$005${}{}", String::from_utf8_lossy(salt), String::from_utf8_lossy(&letters))
}

/// SHA-crypt's 43 letters. The salt may be longer than the 16 bytes that crypt(3) takes of it.
fn crypt(password: &[u8], salt: &[u8], rounds: usize) -> [u8; HASH] {
    let b = sha256(&[password, salt, password]);
    let mut a = [password, salt].concat();
    stretch(&mut a, &b, password.len());
    let mut bits = password.len();
    while bits > 0 {
        a.extend_from_slice(if bits & 1 == 1 { &b } else { password });
        bits >>= 1;
    }
    let mut a = sha256(&[&a]);
    let mut p = Vec::new();
    stretch(&mut p, &sha256(&[&password.repeat(password.len())]), password.len());
    let mut s = Vec::new();
    stretch(&mut s, &sha256(&[&salt.repeat(16 + usize::from(a[0]))]), salt.len());
    let nothing: &[u8] = &[];
    for round in 0..rounds {
        let odd = round % 2 == 1;
        let salted: &[u8] = if round % 3 == 0 { nothing } else { &s };
        let again: &[u8] = if round % 7 == 0 { nothing } else { &p };
        let (first, last): (&[u8], &[u8]) = if odd { (&p, &a) } else { (&a, &p) };
        a = sha256(&[first, salted, again, last]);
    }
    letters(&a)
}

/// Appends `block` over and over, `length` bytes in all.
fn stretch(out: &mut Vec<u8>, block: &[u8; 32], length: usize) {
    out.extend(block.iter().copied().cycle().take(length));
}

/// Three bytes to four letters, in an order of crypt's own.
fn letters(digest: &[u8; 32]) -> [u8; HASH] {
    let mut out = [0; HASH];
    for group in 0..10 {
        // 0 10 20, 21 1 11, 12 22 2, 3 13 23, …
        let first = (group * 21) % 30;
        let [high, middle, low] = [first, (first + 10) % 30, (first + 20) % 30].map(|at| u32::from(digest[at]));
        put(&mut out[group * 4..], high << 16 | middle << 8 | low);
    }
    put(&mut out[40..], u32::from(digest[31]) << 8 | u32::from(digest[30]));
    out
}

fn put(out: &mut [u8], mut value: u32) {
    for letter in out.iter_mut().take(4) {
        *letter = ALPHABET[(value & 63) as usize];
        value >>= 6;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The specification's own first test, and its one of a long salt cut to 16 bytes.
    #[test]
    fn as_the_specification_has_it() {
        let of = |password: &str, salt: &str, rounds| {
            String::from_utf8(crypt(password.as_bytes(), salt.as_bytes(), rounds).to_vec()).unwrap()
        };
        assert_eq!(of("Hello world!", "saltstring", 5000), "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5");
        assert_eq!(of("Hello world!", "saltstringsaltst", 10000), "3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA");
    }

    /// As published with hashcat for its mode 7401.
    #[test]
    fn as_mysql_stores_it() {
        let salt = "F9CC98CE08892924F50A213B6BC571A2C11778C5";
        let hash = "625479393559393965414D45316477456B484F41316E64484742577A2E3162785353526B7554584647562F";
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        };
        assert_eq!(crypt(b"hashcat", &bytes(salt), 5000).to_vec(), bytes(hash));
        let stored = format!("$A$005$abcdefghijklmnopqrst{}", String::from_utf8_lossy(&bytes(hash)));
        assert!(!Sha2Hash::read(&stored).expect("well formed").check("hashcat"));
        assert!(Sha2Hash::read("$A$005$short").is_none());
        assert!(Sha2Hash::read(&stored.replace("005", "FFF")).is_none());
    }
}
