//! This machine's door to the cluster's API servers, and who they are: a balancer that is told by the API itself.

use crate::Config;
use balance::profile::LocalApi as Profile;
use client::resources::ENDPOINT_SLICES;
use client::{Api, Informer, ListOptions, Scope};
use cluster::Membership;
use proxy::profile::{Door, LocalApi, REBALANCE};
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use stdx::write_atomically;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The `kubernetes` Service's slice.
const SELECTOR: &str = "metadata.name=kubernetes";

/// The servers, as this machine knows them.
pub struct Members {
    sender: watch::Sender<Vec<SocketAddr>>,
    /// Read at the next start, when perhaps none of those is left that were there when the machine joined.
    file: PathBuf,
}

impl Members {
    /// Those known last, else those of when the machine joined.
    pub fn load(config: &Config, membership: &Membership) -> Self {
        Self { sender: watch::Sender::new(known(config, membership)), file: file(config) }
    }

    /// Told of each change of the list.
    pub fn subscribe(&self) -> watch::Receiver<Vec<SocketAddr>> {
        self.sender.subscribe()
    }

    /// Follows the cluster's list until `stop`.
    pub async fn follow(self, api: Arc<dyn Api>, stop: CancellationToken) {
        let options = ListOptions { field_selector: SELECTOR.to_owned(), ..ListOptions::default() };
        let informer = Informer::start(api, ENDPOINT_SLICES.clone(), options, stop.clone());
        let mut changes = informer.subscribe();
        while stop.run_until_cancelled(changes.next()).await.flatten().is_some() {
            let slices = informer.list(Scope::Namespace("default"));
            let found = slices.iter().flat_map(|slice| addresses(&slice.to_value())).collect();
            self.learn(found);
        }
    }

    /// An empty list says that the cluster is starting, not that it has no servers.
    fn learn(&self, mut found: Vec<SocketAddr>) {
        found.sort();
        found.dedup();
        let changed = !found.is_empty()
            && self.sender.send_if_modified(|known| {
                let changed = *known != found;
                known.clone_from(&found);
                changed
            });
        if !changed {
            return;
        }
        tracing::info!(servers = ?found, "the cluster's API servers");
        let written = serde_json::to_vec(&found).map_err(std::io::Error::other);
        if let Err(error) = written.and_then(|text| write_atomically(&self.file, &text, 0o644)) {
            tracing::warn!(%error, file = %self.file.display(), "the API servers cannot be noted for the next start");
        }
    }
}

fn file(config: &Config) -> PathBuf {
    config.data_dir.join("api-servers.json")
}

/// The cluster's API servers as this machine knew them last.
pub fn known(config: &Config, membership: &Membership) -> Vec<SocketAddr> {
    let known = std::fs::read(file(config)).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let known: Vec<SocketAddr> = known.unwrap_or_default();
    if known.is_empty() { membership.api_servers.clone() } else { known }
}

/// Forgets them: those of the membership are the right ones now.
pub fn forget(config: &Config) {
    // What is not there need not be forgotten; a list that is old is mended by the first look at the API.
    _ = std::fs::remove_file(file(config));
}

/// The servers of a slice: its addresses at its `https` port.
fn addresses(slice: &Value) -> Vec<SocketAddr> {
    let port = slice["ports"][0]["port"].as_u64().and_then(|port| u16::try_from(port).ok());
    let endpoints = slice["endpoints"].as_array().into_iter().flatten();
    let ips = endpoints.flat_map(|endpoint| endpoint["addresses"].as_array().into_iter().flatten());
    let ips = ips.filter_map(|ip| ip.as_str()?.parse::<IpAddr>().ok());
    ips.filter_map(|ip| Some(SocketAddr::new(ip, port?))).collect()
}

/// Opens the door; it works until it is closed.
///
/// # Errors
/// What cannot be listened on.
pub fn open(
    config: &Config,
    membership: &Membership,
    ca: &str,
    members: &Members,
) -> Result<Door, proxy::engine::StartError> {
    let profile = Profile {
        listen: membership.local_api,
        members: members.sender.borrow().clone(),
        own: membership.is_control_plane().then(|| SocketAddr::new(membership.address, membership.port)),
        ca_pem: ca.as_bytes().to_vec(),
        server_name: "kubernetes".to_owned(),
        threads: 1,
        stats_socket: Some(config.run_dir.join("local-api.sock")),
        metrics: None,
    };
    let door = LocalApi { profile, members: members.sender.subscribe(), rebalance: Some(REBALANCE) };
    door.open()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn servers_of_a_slice() {
        let slice = json!({
            "ports": [{"name": "https", "port": 6443}],
            "endpoints": [{"addresses": ["10.0.42.1"]}, {"addresses": ["10.0.42.2", "x"]}],
        });
        assert_eq!(addresses(&slice), ["10.0.42.1:6443".parse().unwrap(), "10.0.42.2:6443".parse().unwrap()]);
        assert_eq!(addresses(&json!({})), []);
    }
}
