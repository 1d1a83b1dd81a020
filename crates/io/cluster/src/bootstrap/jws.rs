//! The signature of `cluster-info`: a JSON Web Signature (RFC 7515) by HMAC-SHA256 whose middle part is left out, since
//! the signed text stands beside it.
//!
//! Upstream: `cluster-bootstrap/token/jws`.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;

/// The value of `jws-kubeconfig-<id>`: `<header>..<signature>`.
pub fn sign(kubeconfig: &str, id: &str, secret: &str) -> String {
    let header = BASE64.encode(header(id));
    let signature = hmac::sign(&key(secret), message(&header, kubeconfig).as_bytes());
    format!("{header}..{}", BASE64.encode(signature))
}

/// Whether `signature` is that of `kubeconfig` by the token. Takes the same time however much of it is right.
pub fn verify(kubeconfig: &str, id: &str, secret: &str, signature: &str) -> bool {
    let mut parts = signature.split('.');
    let (Some(header), Some(""), Some(tag), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    // Only the header we would write: an algorithm or a key of the signer's choice proves nothing.
    if header != BASE64.encode(self::header(id)) {
        return false;
    }
    let Ok(tag) = BASE64.decode(tag) else { return false };
    hmac::verify(&key(secret), message(header, kubeconfig).as_bytes(), &tag).is_ok()
}

fn header(id: &str) -> String {
    format!("{{\"alg\":\"HS256\",\"kid\":{}}}", serde_json::Value::from(id))
}

fn message(header: &str, payload: &str) -> String {
    format!("{header}.{}", BASE64.encode(payload))
}

fn key(secret: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_upstreams_signature() {
        // Text, token and signature of upstream's own test.
        let text = "Hello from the other side. I must have called a thousand times.";
        let signed = sign(text, "joshua", "my voice is my passcode");
        assert_eq!(signed, "eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8");
        assert!(verify(text, "joshua", "my voice is my passcode", &signed));
    }

    #[test]
    fn anything_else_is_refused() {
        let signed = sign("text", "abcdef", "0123456789abcdef");
        let refused = |text, id, secret, signature: &str| assert!(!verify(text, id, secret, signature));
        refused("texts", "abcdef", "0123456789abcdef", &signed);
        refused("text", "fedcba", "0123456789abcdef", &signed);
        refused("text", "abcdef", "0123456789abcdeg", &signed);
        let (header, tag) = signed.split_once("..").unwrap();
        let unsigned = BASE64.encode("{\"alg\":\"none\",\"kid\":\"abcdef\"}");
        for wrong in [
            "",
            "..",
            header,
            &format!("{unsigned}.."),
            &format!("{header}.dGV4dA.{tag}"),
            &format!("{header}..{tag}."),
        ] {
            refused("text", "abcdef", "0123456789abcdef", wrong);
        }
    }
}
