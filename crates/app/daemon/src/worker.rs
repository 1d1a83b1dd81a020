//! A machine without an API server: its door to the masters, its network, its pods.

use crate::admin::{self, Admin};
use crate::door::{self, Members};
use crate::identity::credentials;
use crate::join::certificate::{self, Purpose};
use crate::server::{end_pods, of_member, run_to_end, serve_agent};
use crate::status::Status;
use crate::{Config, StartError, managers, parts};
use client::door::NodeDoor;
use client::remote::{Remote, RemoteOptions};
use client::{Api, Certificate};
use cluster::{Membership, Pair, PkiError};
use network::Network;
use node::Node;
use runtime::Runtime;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stdx::{Clock, SystemClock, chain};
use telemetry::Health;
use tokio_util::sync::CancellationToken;

/// Between looks at whether a certificate is due, and after one that could not be had: the clock may be set meanwhile.
const LOOK: Duration = Duration::from_secs(60);

/// The files of its certificates, in the folder of keys.
const CLIENT: &str = "kubelet-client";
const SERVING: &str = "kubelet-server";

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// If a part does not start. That no API server answers is no such error: it is waited for.
pub async fn run(config: Config, membership: Membership) -> Result<(), StartError> {
    let started = Instant::now();
    let stop = CancellationToken::new();
    let health = Health::default();
    let ca_file = config.pki_dir().join("ca.crt");
    let ca = std::fs::read_to_string(&ca_file).map_err(|source| StartError::File { path: ca_file, source })?;
    let members = Members::load(&config, &membership);
    let door = door::open(&config, &membership, &ca, &members)?;
    let api = remote(&config, &membership, &ca)?;
    let agent: Arc<dyn Api> = Arc::new(api.clone());
    tokio::spawn(members.follow(Arc::clone(&agent), stop.clone()));
    let volumes = reconciler::run_local_path(
        managers::local_path(&config, false),
        Arc::clone(&agent),
        reconciler::Informers::new(Arc::clone(&agent), stop.clone()),
        reconciler::Metrics::default(),
        stop.clone(),
    );
    tokio::spawn(volumes);
    let network_config = of_member(&config, &membership, &agent).await?;
    let network = Network::start(network_config, Arc::clone(&agent), &health).await?;
    let runtime = Runtime::open(parts::runtime_config(&config)).await?;
    let listener =
        Admin::listen(&config).map_err(|source| StartError::File { path: admin::socket(&config), source })?;
    let status = Status {
        config: config.clone(),
        health: health.clone(),
        api: Arc::clone(&agent),
        store: None,
        network: Arc::clone(&network),
        controllers: Vec::new(),
        scheduler: Vec::new(),
        started,
    };
    tokio::spawn(Admin { runtime: runtime.clone(), status, saver: None }.serve(listener));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let node_config = parts::node_of_member(&config, &membership);
    let node = Node::start(node_config, agent, runtime.clone(), network, clock, &health, stop.clone()).await?;
    let shown = serving(&config, &api).await?;
    let tls = node::serve::tls(&ca, Arc::clone(&shown)).map_err(|error| StartError::Api(error.to_string()))?;
    serve_agent(&config, tls, node as Arc<dyn NodeDoor>, &stop).await?;
    tokio::spawn(keep(config.clone(), api, shown, stop.clone()));
    tracing::info!(door = %membership.local_api, "the node agent runs");
    let ends = run_to_end().await?;
    stop.cancel();
    door.close();
    if ends {
        end_pods(&runtime).await;
    }
    Ok(())
}

/// The API as this node, through its own door.
fn remote(config: &Config, membership: &Membership, ca: &str) -> Result<Remote, StartError> {
    let pair = Pair::load(&config.pki_dir(), CLIENT)?.ok_or_else(|| PkiError::Damaged {
        path: config.pki_dir().join(format!("{CLIENT}.crt")),
        why: "it is missing, so the cluster does not know this node; reset it and join it again".to_owned(),
    })?;
    if pair.expired_at(SystemClock.now()) {
        return Err(StartError::Expired { path: config.pki_dir().join(format!("{CLIENT}.crt")) });
    }
    let options = RemoteOptions::new(format!("https://{}", membership.local_api), ca, credentials(&pair));
    Remote::new(options).map_err(|error| StartError::Api(error.to_string()))
}

/// What the agent's door shows: what is there, else what the cluster grants, for which it is waited.
async fn serving(config: &Config, api: &Remote) -> Result<Arc<Certificate>, StartError> {
    let pair = match Pair::load(&config.pki_dir(), SERVING)? {
        Some(pair) if pair.renewal_due_at() > SystemClock.now() && pair.names(config.address()) => pair,
        _ => {
            let mut backoff = stdx::Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
            loop {
                match certificate::obtain(api, Purpose::Serving, config).await {
                    Ok(pair) => break pair,
                    Err(error) => {
                        tracing::warn!(error = %chain(&error), "no certificate for the agent's door yet");
                        tokio::time::sleep(backoff.fail()).await;
                    }
                }
            }
        }
    };
    pair.save(&config.pki_dir(), SERVING)?;
    Certificate::from_pem(&pair.certificate, &pair.key).map_err(|error| StartError::Api(error.to_string()))
}

/// Asks for new certificates when they are due, and shows them from then on.
async fn keep(config: Config, api: Remote, shown: Arc<Certificate>, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
        for (purpose, file) in [(Purpose::Client, CLIENT), (Purpose::Serving, SERVING)] {
            if let Err(error) = renew(&config, &api, &shown, purpose, file).await {
                tracing::warn!(error, certificate = file, "cannot renew a certificate; will try again");
            }
        }
    }
}

async fn renew(config: &Config, api: &Remote, shown: &Certificate, purpose: Purpose, file: &str) -> Result<(), String> {
    let old = Pair::load(&config.pki_dir(), file).map_err(|error| chain(&error))?;
    if old.is_some_and(|pair| pair.renewal_due_at() > SystemClock.now()) {
        return Ok(());
    }
    let pair = certificate::obtain(api, purpose, config).await.map_err(|error| chain(&error))?;
    pair.save(&config.pki_dir(), file).map_err(|error| chain(&error))?;
    tracing::info!(certificate = file, "renewed a certificate");
    match purpose {
        Purpose::Client => api.set_credentials(&credentials(&pair)).map_err(|error| error.to_string()),
        Purpose::Serving => shown.replace(&pair.certificate, &pair.key).map_err(|error| error.to_string()),
    }
}

/// Keeps what the cluster granted while joining.
///
/// # Errors
/// If it cannot be written.
pub fn save_client(config: &Config, pair: &Pair) -> Result<(), PkiError> {
    pair.save(&config.pki_dir(), CLIENT)
}
