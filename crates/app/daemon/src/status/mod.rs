//! How the server is, asked of the parts themselves and of the API.
//!
//! Every question has a bound in time: status must answer when nothing else does.

mod judge;
pub mod report;

use crate::Config;
use client::resources::{ENDPOINT_SLICES, NODES, PODS, SERVICES};
use client::{Api, ListOptions, Scope};
use judge::{StoreFacts, count};
use network::{DnsPolicy, Encryption, Network};
use report::{Part, Report, State};
use serde_json::Value;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stdx::chain;
use store::Store;
use telemetry::{Health, Verdict};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

/// For each question.
const PATIENCE: Duration = Duration::from_secs(2);

/// What runs in the background, by name.
pub(crate) type Tasks = Vec<(&'static str, AbortHandle)>;

/// Whom to ask.
pub(crate) struct Status {
    pub config: Config,
    pub health: Health,
    pub api: Arc<dyn Api>,
    /// None on a worker.
    pub store: Option<Arc<dyn Store>>,
    pub network: Arc<Network>,
    pub controllers: Tasks,
    pub scheduler: Tasks,
    pub started: Instant,
}

impl Status {
    pub async fn report(&self) -> Report {
        let now = jiff::Timestamp::now();
        // It may take long where nft hangs; what was last known is told then.
        _ = tokio::time::timeout(PATIENCE, self.network.look_for_obstacles()).await;
        let (server, store) = (self.server().await, self.store().await);
        let (pods, nodes) = (self.list(&PODS).await, self.list(&NODES).await);
        let (services, slices) = (self.list(&SERVICES).await, self.list(&ENDPOINT_SLICES).await);
        let endpoints: usize = slices.iter().map(|slice| kinds::read::list(slice, "endpoints").len()).sum();
        let proxied = format!("{}, {}", count(services.len(), "Service"), count(endpoints, "endpoint"));
        let certificates = cluster::pki::expiries(&self.config.pki_dir());
        let mut parts: Vec<Part> = store.map(|store| self.of_master(server, store)).unwrap_or_default();
        parts.extend([
            judge::node(self.of_health("node", String::new()), &nodes, &self.config.node_name),
            judge::pods(&pods, now),
            self.dns(),
            self.of_health("service-proxy", proxied),
            judge::certificates(&certificates, now),
        ]);
        parts.extend(self.overlay());
        Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kubernetes: apiserver::git_version(),
            node: self.config.node_name.clone(),
            seconds: self.started.elapsed().as_secs(),
            parts,
        }
    }

    fn of_master(&self, server: Part, store: Part) -> Vec<Part> {
        vec![
            server,
            store,
            judge::tasks("controllers", &alive(&self.controllers), format!("{} run", self.controllers.len())),
            judge::tasks("scheduler", &alive(&self.scheduler), String::new()),
        ]
    }

    /// Others reach the API by its address, so we do too.
    async fn server(&self) -> Part {
        let address = SocketAddr::new(self.config.address(), self.config.port);
        let part = Part::well("api-server", format!("https://{address}"));
        match bounded(TcpStream::connect(address)).await {
            Ok(_) => part,
            Err(why) => {
                let cure = "is the address this machine's? Set advertiseAddress, and look for firewall rules";
                part.with(State::Ill, format!("nobody answers at {address}: {why}"), cure)
            }
        }
    }

    async fn store(&self) -> Option<Part> {
        let store = self.store.as_ref()?;
        let file = self.config.store_file();
        let folder = &self.config.data_dir;
        let (total, free) = rustix::fs::statvfs(folder)
            .map_or((0, 0), |disk| (disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize));
        Some(judge::store(&StoreFacts {
            revision: bounded(store.revision()).await,
            size: file.parent().map_or(0, size),
            free,
            total,
            folder: folder.display().to_string(),
        }))
    }

    fn dns(&self) -> Part {
        let config = self.network.config();
        let text = self.network.resolv_conf(DnsPolicy::Default, None, true, "");
        let servers: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("nameserver ")).collect();
        let (address, domain) = (config.dns_ip, &config.cluster_domain);
        let part = self.of_health("dns", format!("{address} for {domain}, others from {}", servers.join(", ")));
        if !servers.is_empty() {
            return part;
        }
        let part = Part { detail: format!("{address} for {domain}"), ..part };
        let cause =
            format!("{} names no server: names outside of the cluster are not found", config.resolv_conf.display());
        part.with(State::Attention, cause, "add a line: nameserver <address>")
    }

    /// How pods of other machines are reached; None where there are none.
    fn overlay(&self) -> Option<Part> {
        let config = self.network.config();
        let by = match config.encryption {
            Encryption::None => "VXLAN, not encrypted",
            Encryption::WireGuard => "WireGuard, encrypted",
        };
        config.overlay.then(|| self.of_health("overlay", by.to_owned()))
    }

    /// What a part says of itself.
    fn of_health(&self, name: &'static str, detail: String) -> Part {
        let part = Part::well(name, detail);
        match self.health.verdicts().into_iter().find(|(known, _)| *known == name) {
            Some((_, Verdict::Well)) => part,
            Some((_, Verdict::Ill { cause, cure })) => part.with(State::Ill, cause, cure),
            Some((_, Verdict::Starting)) | None => Part { state: State::Starting, ..part },
        }
    }

    /// What cannot be listed is not there; the store's own part tells why.
    async fn list(&self, of: &apimachinery::GroupVersionResource) -> Vec<Value> {
        let listed = bounded(self.api.list(of, Scope::All, &ListOptions::default())).await;
        listed.map(|list| list.items.iter().map(|item| item.to_value()).collect()).unwrap_or_default()
    }
}

fn alive(tasks: &Tasks) -> Vec<(&str, bool)> {
    tasks.iter().map(|(name, task)| (*name, !task.is_finished())).collect()
}

async fn bounded<T, E: std::error::Error>(asked: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(|error| chain(&error)),
        Err(_) => Err(format!("no answer within {} seconds", PATIENCE.as_secs())),
    }
}

/// Bytes of the files in a folder.
fn size(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}

/// How long, in the words of a report.
pub fn words(of: Duration) -> String {
    judge::duration(of)
}
