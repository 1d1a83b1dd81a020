//! What this node does not take in, whatever is tried: the pod fails at once, with upstream's reason.
//!
//! Upstream: `pkg/kubelet/sysctl`, `kubelet.go` (`canAdmitPod`, `rejectPod`).

use super::{Task, reference};
use k8s_openapi::api::core::v1::Pod;

/// Sysctls that are the pod's own and harm nobody else. Upstream: `sysctl/safe_sysctls.go`.
const SAFE_SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

impl Task {
    /// Looks at a new pod once. One that has begun was taken in by an earlier agent.
    pub(super) fn admit(&mut self, pod: &Pod) {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending");
        if std::mem::replace(&mut self.is_admitted, true) || phase != "Pending" {
            return;
        }
        if let Some((reason, message)) = refusal(pod) {
            self.agent.events.warning(&reference(pod, ""), reason, &*message);
            self.life.end(reason, &message);
        }
    }
}

fn refusal(pod: &Pod) -> Option<(&'static str, String)> {
    let spec = pod.spec.as_ref()?;
    let wanted = spec.security_context.iter().flat_map(|security| security.sysctls.iter().flatten());
    for name in wanted.map(|sysctl| dotted(&sysctl.name)) {
        if !SAFE_SYSCTLS.contains(&&*name) {
            return Some(("SysctlForbidden", format!("forbidden sysctl: \"{name}\" not allowlisted")));
        }
        let shared = match name.split_once('.') {
            Some(("net", _)) => spec.host_network.unwrap_or(false).then_some("host net"),
            _ => spec.host_ipc.unwrap_or(false).then_some("host ipc"),
        };
        if let Some(shared) = shared {
            let text = format!("forbidden sysctl: \"{name}\" not allowed with {shared} enabled");
            return Some(("SysctlForbidden", text));
        }
    }
    None
}

/// `net/ipv4/tcp_rmem` is another way to write it.
fn dotted(name: &str) -> String {
    match name.find(['.', '/']) {
        Some(at) if name[at..].starts_with('/') => name
            .chars()
            .map(|c| {
                if c == '/' {
                    '.'
                } else if c == '.' {
                    '/'
                } else {
                    c
                }
            })
            .collect(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(spec: serde_json::Value) -> String {
        let pod = serde_json::from_value(serde_json::json!({"metadata": {}, "spec": spec})).unwrap();
        refusal(&pod).map(|(reason, message)| format!("{reason}: {message}")).unwrap_or_default()
    }

    #[test]
    fn sysctls_must_be_safe_and_the_pods_own() {
        let with = |name: &str| {
            serde_json::json!({
                "containers": [], "securityContext": {"sysctls": [{"name": name, "value": "1"}]},
            })
        };
        assert_eq!(said(with("kernel.shm_rmid_forced")), "");
        assert_eq!(said(with("net/ipv4/ping_group_range")), "");
        assert_eq!(said(with("kernel.msgmax")), "SysctlForbidden: forbidden sysctl: \"kernel.msgmax\" not allowlisted");
        let mut shared = with("net.ipv4.tcp_rmem");
        shared["hostNetwork"] = true.into();
        let text = "SysctlForbidden: forbidden sysctl: \"net.ipv4.tcp_rmem\" not allowed with host net enabled";
        assert_eq!(said(shared), text);
    }
}
