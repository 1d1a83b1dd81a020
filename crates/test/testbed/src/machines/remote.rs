//! The API as the administrator, for programs of tests.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use client::{Credentials, RemoteOptions};
use std::path::Path;

/// By the kubeconfig that `barque` wrote; its lines are known.
pub fn administrator(kubeconfig: &Path) -> RemoteOptions {
    let text = std::fs::read_to_string(kubeconfig).expect("the administrator's kubeconfig");
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
        line.expect("kubeconfigs have it")
    };
    let pem = |name: &str| {
        let bytes = BASE64_STANDARD.decode(field(name)).expect("base64");
        String::from_utf8(bytes).expect("PEM is text")
    };
    let (certificate, key) = (pem("client-certificate-data"), pem("client-key-data"));
    let credentials = Credentials::Certificate { certificate, key };
    RemoteOptions::new(field("server"), pem("certificate-authority-data"), credentials)
}
