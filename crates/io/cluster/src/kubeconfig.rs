//! The file by which kubectl finds a cluster, in the shape of kubeadm's `admin.conf`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::fmt;

/// Everything a kubeconfig of one context says; `to_string` gives the YAML text.
#[derive(Debug, Clone, Copy)]
pub struct Kubeconfig<'a> {
    /// `https://10.0.0.1:6443`
    pub server: &'a str,
    /// Name of the cluster's entry.
    pub cluster: &'a str,
    /// Name of the user's entry.
    pub user: &'a str,
    /// Name of the context, also the current one.
    pub context: &'a str,
    /// PEM texts.
    pub ca: &'a str,
    pub certificate: &'a str,
    pub key: &'a str,
}

impl fmt::Display for Kubeconfig<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [server, cluster, user, context] = [self.server, self.cluster, self.user, self.context].map(scalar);
        let [ca, certificate, key] = [self.ca, self.certificate, self.key].map(|pem| BASE64_STANDARD.encode(pem));
        write!(
            f,
            "apiVersion: v1\n\
             clusters:\n\
             - cluster:\n    certificate-authority-data: {ca}\n    server: {server}\n  name: {cluster}\n\
             contexts:\n\
             - context:\n    cluster: {cluster}\n    user: {user}\n  name: {context}\n\
             current-context: {context}\n\
             kind: Config\n\
             preferences: {{}}\n\
             users:\n\
             - name: {user}\n  user:\n    client-certificate-data: {certificate}\n    client-key-data: {key}\n"
        )
    }
}

/// A YAML scalar: plain where that is safe, else quoted as JSON.
fn scalar(text: &str) -> String {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let plain = starts_well && text.chars().all(|c| c.is_ascii_alphanumeric() || "@/._-[]".contains(c) || c == ':');
    if plain && !text.ends_with(':') { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_kubeadms() {
        let config = Kubeconfig {
            server: "https://10.0.0.1:6443",
            cluster: "barque",
            user: "kubernetes-admin",
            context: "kubernetes-admin@barque",
            ca: "A",
            certificate: "B",
            key: "C",
        };
        let expected = "\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: QQ==
    server: https://10.0.0.1:6443
  name: barque
contexts:
- context:
    cluster: barque
    user: kubernetes-admin
  name: kubernetes-admin@barque
current-context: kubernetes-admin@barque
kind: Config
preferences: {}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: Qg==
    client-key-data: Qw==
";
        assert_eq!(config.to_string(), expected);
    }

    #[test]
    fn odd_names_are_quoted() {
        assert_eq!(scalar("a: b"), "\"a: b\"");
        assert_eq!(scalar("123"), "\"123\"");
    }
}
