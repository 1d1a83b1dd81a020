//! `tcpSocket`: a connection can be made.

use super::{dial_error, host, join, port};
use k8s_openapi::api::core::v1::{Container, TCPSocketAction};
use std::net::IpAddr;
use std::time::Duration;
use tokio::net::TcpStream;

pub(super) async fn connect(
    container: &Container,
    action: &TCPSocketAction,
    ip: Option<IpAddr>,
    timeout: Duration,
) -> Result<(), String> {
    let address = join(&host(action.host.as_deref(), ip)?, port(container, &action.port)?);
    match tokio::time::timeout(timeout, TcpStream::connect(&address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(dial_error(&address, &error)),
        Err(_) => Err(format!("dial tcp {address}: i/o timeout")),
    }
}
