//! Passwords of `userlist` sections (manual section 3.4, "user").

/// Whether this is the password. `stored` is the password itself where it is in clear text, else as crypt(3) writes it:
/// `$5$` (SHA-256) and `$6$` (SHA-512); other methods match nothing, and the configuration refuses them ([`is_supported`]).
pub fn matches(clear_text: bool, stored: &str, given: &str) -> bool {
    if clear_text {
        return same(stored.as_bytes(), given.as_bytes());
    }
    match stored.get(..3) {
        Some("$5$") => sha_crypt::sha256_check(given, stored).is_ok(),
        Some("$6$") => sha_crypt::sha512_check(given, stored).is_ok(),
        _ => false,
    }
}

/// Whether a password stored as crypt(3) writes it can be checked.
pub fn is_supported(stored: &str) -> bool {
    stored.starts_with("$5$") || stored.starts_with("$6$")
}

/// In a time that tells nothing of where they differ.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_mkpasswd_writes_them() {
        // Made with `openssl passwd -6 -salt abcdefgh secret` and `-5`.
        for stored in [SHA512, SHA256] {
            assert!(matches(false, stored, "secret"));
            assert!(!matches(false, stored, "Secret"));
        }
        assert!(matches(true, "secret", "secret") && !matches(true, "secret", "secre"));
        assert!(!matches(false, "secret", "secret"));
    }

    const SHA512: &str =
        "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.";
    const SHA256: &str = "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.";
}
