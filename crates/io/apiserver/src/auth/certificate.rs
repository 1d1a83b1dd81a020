//! A client certificate as an identity: the common name is the user, the organizations are its groups.
//!
//! Upstream: `apiserver/pkg/authentication/request/x509`. rustls has verified the chain before this reads it.

use super::UserInfo;
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt::Write;
use x509_parser::prelude::{FromDer, X509Certificate};

/// None if the certificate cannot be read or has no common name: the request is then judged without it.
pub fn user(der: &[u8]) -> Option<UserInfo> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let name = certificate.subject().iter_common_name().find_map(|name| name.as_str().ok())?;
    if name.is_empty() {
        return None;
    }
    let groups = certificate.subject().iter_organization().filter_map(|group| group.as_str().ok());
    let mut user = UserInfo::authenticated(name, groups.map(str::to_owned).collect());
    let credential = format!("X509SHA256={}", hex(digest(&SHA256, der).as_ref()));
    user.extra.insert("authentication.kubernetes.io/credential-id".to_owned(), vec![credential]);
    Some(user)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        _ = write!(text, "{byte:02x}");
        text
    })
}
