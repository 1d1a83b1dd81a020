//! Connections to the API through the machine's door, as the administrator.

use super::{Plan, SERVER};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use client::{Credentials, Remote, RemoteOptions};

/// A new one: clients do not share a connection unless they are made to.
pub fn connect(plan: &Plan) -> Remote {
    let text = std::fs::read_to_string(&plan.kubeconfig).expect("the administrator's kubeconfig");
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
        let bytes = BASE64_STANDARD.decode(line.expect("kubeconfigs have it")).expect("base64");
        String::from_utf8(bytes).expect("PEM is text")
    };
    let (certificate, key) = (field("client-certificate-data"), field("client-key-data"));
    let credentials = Credentials::Certificate { certificate, key };
    Remote::new(RemoteOptions::new(SERVER, field("certificate-authority-data"), credentials)).expect("good options")
}
