//! Cipher suites by OpenSSL's names: which of ours a list in a configuration means, and what one is called in logs.
//!
//! We know the nine suites that are safe: TLS 1.3's and those of TLS 1.2 with forward secrecy and AEAD. Lists name
//! hundreds; what matches none of ours means nothing here.

/// A suite we can speak.
#[derive(Debug, PartialEq, Eq)]
pub struct Suite {
    /// IANA's number.
    pub code: u16,
    /// OpenSSL's name, as logs and samples show it.
    pub name: &'static str,
    /// Bits of the symmetric key.
    pub bits: u32,
    /// Words of `ciphers(1)` that include it; empty for TLS 1.3, which `ciphers` does not speak of.
    tags: &'static [&'static str],
}

/// Words true of all our suites of TLS 1.2.
const COMMON: &[&str] =
    &["ALL", "DEFAULT", "COMPLEMENTOFDEFAULT", "HIGH", "TLSv1.2", "ECDH", "EECDH", "ECDHE", "kEECDH", "kECDHE", "AEAD"];

/// Best first, which is the order of `ALL` and `DEFAULT`, too.
pub const SUITES: &[Suite] = &[
    Suite { code: 0x1302, name: "TLS_AES_256_GCM_SHA384", bits: 256, tags: &[] },
    Suite { code: 0x1303, name: "TLS_CHACHA20_POLY1305_SHA256", bits: 256, tags: &[] },
    Suite { code: 0x1301, name: "TLS_AES_128_GCM_SHA256", bits: 128, tags: &[] },
    Suite {
        code: 0xC02C,
        name: "ECDHE-ECDSA-AES256-GCM-SHA384",
        bits: 256,
        tags: &["ECDSA", "aECDSA", "AES", "AES256", "AESGCM", "SHA384"],
    },
    Suite {
        code: 0xC030,
        name: "ECDHE-RSA-AES256-GCM-SHA384",
        bits: 256,
        tags: &["aRSA", "AES", "AES256", "AESGCM", "SHA384"],
    },
    Suite {
        code: 0xCCA9,
        name: "ECDHE-ECDSA-CHACHA20-POLY1305",
        bits: 256,
        tags: &["ECDSA", "aECDSA", "CHACHA20", "SHA256"],
    },
    Suite { code: 0xCCA8, name: "ECDHE-RSA-CHACHA20-POLY1305", bits: 256, tags: &["aRSA", "CHACHA20", "SHA256"] },
    Suite {
        code: 0xC02B,
        name: "ECDHE-ECDSA-AES128-GCM-SHA256",
        bits: 128,
        tags: &["ECDSA", "aECDSA", "AES", "AES128", "AESGCM", "SHA256"],
    },
    Suite {
        code: 0xC02F,
        name: "ECDHE-RSA-AES128-GCM-SHA256",
        bits: 128,
        tags: &["aRSA", "AES", "AES128", "AESGCM", "SHA256"],
    },
];

/// The suite of this number.
pub fn by_code(code: u16) -> Option<&'static Suite> {
    SUITES.iter().find(|suite| suite.code == code)
}

/// Reads a `ciphers` list (`ciphers(1)` of OpenSSL): our suites of TLS 1.2, in the list's order. Empty: it means none of
/// ours.
pub fn tls12(list: &str) -> Vec<&'static Suite> {
    let mut chosen: Vec<&'static Suite> = vec![];
    let mut killed: Vec<&'static Suite> = vec![];
    for word in list.split([':', ',', ' ']).filter(|word| !word.is_empty() && !word.starts_with('@')) {
        let (sign, words) = match word.chars().next() {
            Some(sign @ ('!' | '-' | '+')) => (sign, &word[1..]),
            _ => (' ', word),
        };
        let meant = SUITES.iter().filter(|suite| suite.is_meant(words));
        match sign {
            '!' => killed.extend(meant),
            '-' => chosen.retain(|suite| !suite.is_meant(words)),
            '+' => {
                let (moved, kept) = chosen.iter().partition(|suite| suite.is_meant(words));
                chosen = kept;
                chosen.extend::<Vec<&'static Suite>>(moved);
            }
            _ => {
                let new: Vec<&'static Suite> = meant.filter(|suite| !chosen.contains(suite)).collect();
                chosen.extend(new);
            }
        }
        chosen.retain(|suite| !killed.contains(suite));
    }
    chosen
}

/// Reads a `ciphersuites` list: our suites of TLS 1.3, in the list's order.
pub fn tls13(list: &str) -> Vec<&'static Suite> {
    let named = |word| SUITES.iter().find(move |suite| suite.tags.is_empty() && suite.name == word);
    list.split(':').filter_map(named).collect()
}

impl Suite {
    /// `ECDH+AESGCM`: all words hold.
    fn is_meant(&self, words: &str) -> bool {
        !self.tags.is_empty()
            && words.split('+').all(|word| self.name == word || COMMON.contains(&word) || self.tags.contains(&word))
    }

    pub fn is_tls13(&self) -> bool {
        self.tags.is_empty()
    }
}

/// Reads a `curves` list, names of OpenSSL or of the standards: IANA's numbers of the groups we know.
pub fn curves(list: &str) -> Vec<u16> {
    list.split(':').filter_map(curve).collect()
}

fn curve(name: &str) -> Option<u16> {
    Some(match name {
        "P-256" | "prime256v1" | "secp256r1" => 0x0017,
        "P-384" | "secp384r1" => 0x0018,
        "X25519" | "x25519" => 0x001D,
        "X25519MLKEM768" => 0x11EC,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[test]
    fn lists() {
        check("ECDHE-RSA-AES128-GCM-SHA256:AES256-SHA", expect!["ECDHE-RSA-AES128-GCM-SHA256"]);
        check("foo:RC4-MD5", expect![""]);
        check("HIGH:!aNULL:!AES128:!ECDSA", expect!["ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-CHACHA20-POLY1305"]);
        check(
            "EECDH+aRSA+AES:-AES256:AES256+aRSA",
            expect![["ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES256-GCM-SHA384"]],
        );
        check("CHACHA20:+aRSA:@STRENGTH", expect!["ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-RSA-CHACHA20-POLY1305"]);
    }

    /// Debian's default configuration.
    #[test]
    fn a_list_from_the_field() {
        let list = "ECDH+AESGCM:DH+AESGCM:ECDH+AES256:DH+AES256:ECDH+AES128:DH+AES:RSA+AESGCM:RSA+AES:!aNULL:!MD5:!DSS";
        check(
            list,
            expect![
                "ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256"
            ],
        );
    }

    #[test]
    fn suites_of_tls_13() {
        let names: Vec<&str> = tls13("TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256").iter().map(|s| s.name).collect();
        assert_eq!(names, ["TLS_AES_128_GCM_SHA256"]);
    }

    #[track_caller]
    fn check(list: &str, expected: Expect) {
        let names: Vec<&str> = tls12(list).iter().map(|suite| suite.name).collect();
        expected.assert_eq(&names.join(" "));
    }
}
