//! What `init` and `token create` print for people: the lines that make other machines join.

use std::fmt;

/// A command for another machine. With a certificate key it becomes a master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinLine {
    /// `HOST:PORT`
    pub endpoint: String,
    pub token: String,
    /// `sha256:<hex>`
    pub ca_hash: String,
    pub certificate_key: Option<String>,
}

impl fmt::Display for JoinLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, token, ca_hash, certificate_key } = self;
        write!(f, "barque join {endpoint} --token {token} --discovery-token-ca-cert-hash {ca_hash}")?;
        match certificate_key {
            Some(key) => write!(f, " --control-plane --certificate-key {key}"),
            None => Ok(()),
        }
    }
}

/// One line, as `token create --print-join-command` prints it.
pub fn join_line(line: &JoinLine) -> String {
    line.to_string()
}

/// Each option on a line of its own, for the eye.
fn broken(line: &JoinLine) -> String {
    let text = line
        .to_string()
        .replace(" --discovery", " \\\n\t--discovery")
        .replace(" --control-plane", " \\\n\t--control-plane");
    format!("  {text}")
}

/// The end of a successful `init`.
pub fn success(made: &super::Initialized) -> String {
    let super::Initialized { kubeconfig, master, worker } = made;
    let (master, worker) = (broken(master), broken(worker));
    format!(
        "\nYour control plane is up.\n\n\
         kubectl on this machine, as root:\n\n  export KUBECONFIG={kubeconfig}\n\n\
         Further masters (three make it survive the loss of one), as root on each, within two hours:\n\n{master}\n\n\
         Workers, as root on each:\n\n{worker}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kubeadms_with_our_name() {
        let worker = JoinLine {
            endpoint: "10.0.42.1:6443".to_owned(),
            token: "abcdef.0123456789abcdef".to_owned(),
            ca_hash: "sha256:00".to_owned(),
            certificate_key: None,
        };
        let master = JoinLine { certificate_key: Some("ff".to_owned()), ..worker.clone() };
        assert_eq!(
            join_line(&master),
            "barque join 10.0.42.1:6443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash sha256:00 \
             --control-plane --certificate-key ff"
        );
        let text =
            success(&super::super::Initialized { kubeconfig: "/etc/barque/admin.conf".to_owned(), master, worker });
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with("  barque join")).collect();
        assert_eq!(lines, ["  barque join 10.0.42.1:6443 --token abcdef.0123456789abcdef \\"; 2]);
    }
}
