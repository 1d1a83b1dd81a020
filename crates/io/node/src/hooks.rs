//! postStart and preStop.

use crate::probes;
use k8s_openapi::api::core::v1::{Container, LifecycleHandler};
use runtime::{ContainerKey, Sandbox};
use std::net::IpAddr;
use std::time::Duration;

/// A hook may take this long; preStop is also bound by the grace period.
const TIMEOUT: Duration = Duration::from_secs(3600);
/// Upstream: the kubelet's HTTP client for hooks.
const HTTP_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) async fn run(
    sandbox: &Sandbox,
    key: &ContainerKey,
    container: Option<&Container>,
    hook: &LifecycleHandler,
    ip: Option<IpAddr>,
) -> Result<(), String> {
    if let Some(exec) = &hook.exec {
        let command = exec.command.clone().unwrap_or_default();
        let result = sandbox.exec_sync(key, &command, TIMEOUT).await.map_err(|error| stdx::chain(&error))?;
        let said = String::from_utf8_lossy(&result.output).into_owned();
        let shown = command.join(" ");
        return match result.exit_code {
            0 => Ok(()),
            code => Err(format!("command '{shown}' exited with {code}: {said}")),
        };
    }
    if let Some(sleep) = &hook.sleep {
        tokio::time::sleep(Duration::from_secs(sleep.seconds.max(0).unsigned_abs())).await;
        return Ok(());
    }
    match (&hook.http_get, container) {
        (Some(action), Some(container)) => probes::http::call(container, action, ip, HTTP_TIMEOUT).await,
        // tcpSocket is accepted and does nothing, upstream as well.
        _ => Ok(()),
    }
}
