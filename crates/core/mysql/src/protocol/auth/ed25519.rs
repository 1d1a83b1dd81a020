//! MariaDB's `client_ed25519`: the server sends 32 random bytes, the client signs them.
//!
//! It is Ed25519 (RFC 8032) whose secret is the password itself, of any length, in place of a 32-byte seed. A server keeps
//! the public key alone, 43 letters of base64. Source: MariaDB Knowledge Base "Authentication Plugin - ed25519".

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use sha2::{Digest, Sha512};

/// Bytes of the server's challenge.
pub const NONCE: usize = 32;
pub const SIGNATURE: usize = 64;

pub type PublicKey = [u8; 32];

fn sha512(parts: &[&[u8]]) -> [u8; 64] {
    let mut hash = Sha512::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// The scalar, and what nonces are made of.
fn expand(password: &[u8]) -> (Scalar, [u8; 32]) {
    let hash = sha512(&[password]);
    let (mut low, mut high) = ([0; 32], [0; 32]);
    low.copy_from_slice(&hash[..32]);
    high.copy_from_slice(&hash[32..]);
    (Scalar::from_bytes_mod_order(clamp_integer(low)), high)
}

/// What a server keeps of this password.
pub fn public_key(password: &[u8]) -> PublicKey {
    EdwardsPoint::mul_base(&expand(password).0).compress().to_bytes()
}

pub fn sign(password: &[u8], message: &[u8]) -> [u8; SIGNATURE] {
    let (secret, prefix) = expand(password);
    let public = EdwardsPoint::mul_base(&secret).compress().to_bytes();
    let nonce = Scalar::from_bytes_mod_order_wide(&sha512(&[&prefix, message]));
    let point = EdwardsPoint::mul_base(&nonce).compress().to_bytes();
    let challenge = Scalar::from_bytes_mod_order_wide(&sha512(&[&point, &public, message]));
    let mut signature = [0; SIGNATURE];
    signature[..32].copy_from_slice(&point);
    signature[32..].copy_from_slice(&(challenge * secret + nonce).to_bytes());
    signature
}

/// Whether whoever signed knows the password behind `public`.
pub fn verify(public: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    let Some((point, scalar)) = signature.split_first_chunk::<32>() else { return false };
    let Ok(scalar) = <[u8; 32]>::try_from(scalar) else { return false };
    let scalar = Option::<Scalar>::from(Scalar::from_canonical_bytes(scalar));
    let (Some(scalar), Some(key)) = (scalar, CompressedEdwardsY(*public).decompress()) else { return false };
    if key.is_small_order() {
        return false;
    }
    let challenge = Scalar::from_bytes_mod_order_wide(&sha512(&[point, public, message]));
    let expected = EdwardsPoint::vartime_double_scalar_mul_basepoint(&-challenge, &key, &scalar);
    expected.compress().to_bytes() == *point
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    /// RFC 8032, 7.1, tests 1 and 3: their seeds are passwords of 32 bytes.
    #[test]
    fn as_the_standard_has_it() {
        let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        assert_eq!(public_key(&seed).to_vec(), hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
        let seed = hex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7");
        let signature = sign(&seed, &[0xaf, 0x82]);
        assert_eq!(
            signature.to_vec(),
            hex(
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
            )
        );
        assert!(verify(&public_key(&seed), &[0xaf, 0x82], &signature));
        assert!(!verify(&public_key(&seed), &[0xaf, 0x83], &signature));
        assert!(!verify(&public_key(b"other"), &[0xaf, 0x82], &signature));
        assert!(!verify(&public_key(&seed), &[0xaf, 0x82], &signature[..63]));
        assert!(!verify(&[0; 32], &[0xaf, 0x82], &signature));
    }
}
