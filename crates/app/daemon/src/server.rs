//! One machine with everything: store, API server, controllers, scheduler, network, node agent.
//!
//! Started in the order in which they need each other. What fails to start ends the process with its reason; what fails
//! later heals itself or says so in its health.

use crate::admin::{self, Admin};
use crate::doors::LocalDoor;
use crate::status::{Status, Tasks};
use crate::{Config, ConfigError, identity, joining, parts};
use apiserver::auth::{TokenIssuer, UserInfo};
use apiserver::{ApiServer, Local};
use client::Api;
use cluster::{Pki, PkiError};
use controllers::Settings;
use network::{Network, NetworkError};
use node::Node;
use reconciler::{Informers, LocalPath};
use runtime::Runtime;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stdx::{Clock, SystemClock};
use store::{Embedded, OpenError, Options, SealError, Sealer, Store};
use telemetry::{Health, Metrics};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the configuration cannot be used")]
    Config(#[from] ConfigError),
    #[error("the cluster's keys cannot be used")]
    Pki(#[from] PkiError),
    #[error("cannot write {path}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("the store cannot be opened")]
    Store(#[from] OpenError),
    #[error("the store's encryption key cannot be used")]
    Seal(#[from] SealError),
    #[error("the API server does not start: {0}")]
    Api(String),
    #[error("cannot listen on {address}: is another API server running here? Choose another with --port")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("the pod network cannot be set up")]
    Network(#[from] NetworkError),
    #[error("the container runtime does not start")]
    Runtime(#[from] runtime::Error),
    #[error("the node agent does not start")]
    Node(#[from] node::StartError),
    #[error("cannot watch for signals")]
    Signal(#[source] std::io::Error),
}

/// Values sealed on disk.
const SECRETS: &str = "/registry/core/secrets/";
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// The most time a pod has to end when the machine goes down, whatever its own grace period: systemd gives us 90 s in
/// all, of which asking it takes up to 5 s.
const LAST_GRACE: Duration = Duration::from_secs(75);

/// Runs until SIGTERM or SIGINT. Containers go on running without us, unless the machine goes down.
///
/// # Errors
/// If a part does not start.
pub async fn run(config: Config) -> Result<(), StartError> {
    config.check()?;
    let started = Instant::now();
    let stop = CancellationToken::new();
    let (health, metrics) = (Health::default(), Metrics::default());
    let pki = identity::load(&config)?;
    let store = open_store(&config)?;
    let doors = Arc::new(LocalDoor::default());
    let api =
        start_api(&config, &pki, Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&doors), &health, &metrics).await?;
    let listener = listen(SocketAddr::new(config.bind_address, config.port)).await?;
    let serving = api.serve(listener);
    let (controllers, scheduler) = start_controllers(&config, &api, &pki, &metrics, &stop);
    tokio::spawn(identity::keep(pki, config.clone(), stop.clone()));
    let network = start_network(&config, &api, &health).await?;
    let runtime = Runtime::open(parts::runtime_config(&config)).await?;
    let door = Admin::listen(&config).map_err(|source| StartError::File { path: admin::socket(&config), source })?;
    let status = Status {
        config: config.clone(),
        health: health.clone(),
        api: Arc::new(as_system(&api, "system:barque-status")),
        store: Arc::clone(&store) as Arc<dyn Store>,
        network: Arc::clone(&network),
        controllers,
        scheduler,
        started,
    };
    tokio::spawn(Admin { runtime: runtime.clone(), status }.serve(door));
    let node = start_node(&config, &api, runtime.clone(), network, &health, &stop).await?;
    doors.open(&config.node_name, node);
    tracing::info!(address = %config.address(), port = config.port, "the API is served");
    // Fails only where nobody asked to be told.
    _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    wait_for_end().await?;
    let ends = machine_goes_down().await;
    tracing::info!("stopping; containers {}", if ends { "are ended, the machine goes down" } else { "go on running" });
    stop.cancel();
    api.stop();
    serving.abort();
    store.close();
    if ends {
        // Left to systemd they would be ended last, without network, and hold the machine up for 90 s.
        runtime.stop_all(|sandbox| node::grace_of(sandbox).min(LAST_GRACE)).await;
    }
    Ok(())
}

fn open_store(config: &Config) -> Result<Arc<Embedded>, StartError> {
    let key = config.config_dir.join("store.key");
    let sealer = Sealer::load_or_create(key, vec![SECRETS.to_owned()])?;
    let mut options = Options::new(config.store_file());
    options.seal = Some(Arc::new(sealer));
    Ok(Embedded::open(options)?)
}

async fn start_api(
    config: &Config,
    pki: &Pki,
    store: Arc<dyn Store>,
    doors: Arc<LocalDoor>,
    health: &Health,
    metrics: &Metrics,
) -> Result<ApiServer, StartError> {
    let tokens = TokenIssuer::new(pki.service_account_key(), ISSUER, Vec::new()).map_err(StartError::Api)?;
    let config = apiserver::Config {
        store,
        tokens: Arc::new(tokens),
        doors,
        tls: Some(Arc::new(pki.server_config()?)),
        service_range: config.service_range()?,
        node_ports: 30000..=32767,
        advertise: SocketAddr::new(config.address(), config.port),
        health: health.clone(),
        metrics: metrics.clone(),
    };
    ApiServer::start(config).await.map_err(|error| StartError::Api(error.to_string()))
}

async fn start_network(config: &Config, api: &ApiServer, health: &Health) -> Result<Arc<Network>, StartError> {
    let proxy = Arc::new(as_system(api, "system:kube-proxy"));
    Ok(Network::start(parts::network_config(config), proxy, health).await?)
}

async fn start_node(
    config: &Config,
    api: &ApiServer,
    runtime: Runtime,
    network: Arc<Network>,
    health: &Health,
    stop: &CancellationToken,
) -> Result<Arc<Node>, StartError> {
    let agent: Arc<dyn Api> = Arc::new(as_system(api, &format!("system:node:{}", config.node_name)));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Ok(Node::start(parts::node_config(config), agent, runtime, network, clock, health, stop.clone()).await?)
}

/// The tasks of the controllers, and the scheduler's.
fn start_controllers(
    config: &Config,
    api: &ApiServer,
    pki: &Pki,
    metrics: &Metrics,
    stop: &CancellationToken,
) -> (Tasks, Tasks) {
    let metrics = reconciler::Metrics::new(metrics);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let manager: Arc<dyn Api> = Arc::new(as_system(api, "system:kube-controller-manager"));
    let informers = Informers::new(Arc::clone(&manager), stop.clone());
    let settings = Settings {
        root_ca: pki.ca().to_owned(),
        cluster_info: Some(joining::cluster_info(config, pki)),
        cluster_cidr: config.pod_range().ok(),
    };
    let mut tasks = reconciler::run_controllers(&settings, &manager, &informers, &clock, &metrics, stop);
    let garbage =
        reconciler::run_garbage_collector(Arc::clone(&manager), informers.clone(), metrics.clone(), stop.clone());
    tasks.push(("garbage-collector", tokio::spawn(garbage).abort_handle()));
    let namespaces = reconciler::run_namespaces(
        Arc::clone(&manager),
        informers.clone(),
        Arc::clone(&clock),
        metrics.clone(),
        stop.clone(),
    );
    tasks.push(("namespace-controller", tokio::spawn(namespaces).abort_handle()));
    let certificates = reconciler::run_certificates(
        joining::signer(pki),
        Arc::clone(&manager),
        informers.clone(),
        Arc::clone(&clock),
        metrics.clone(),
        stop.clone(),
    );
    tasks.push(("certificate-controller", tokio::spawn(certificates).abort_handle()));
    let volumes = LocalPath { folder: config.data_dir.join("volumes"), node: config.node_name.clone() };
    let local_path = reconciler::run_local_path(volumes, manager, informers.clone(), metrics.clone(), stop.clone());
    tasks.push(("local-path", tokio::spawn(local_path).abort_handle()));
    let scheduler: Arc<dyn Api> = Arc::new(as_system(api, "system:kube-scheduler"));
    let scheduling = reconciler::run_scheduler(scheduler, informers, clock, metrics, stop.clone());
    (tasks, vec![("the scheduler", tokio::spawn(scheduling).abort_handle())])
}

/// Our own components are of system:masters: they are this very process. Admission still sees every write.
fn as_system(api: &ApiServer, name: &str) -> Local {
    api.local(UserInfo::system(name))
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

/// Whether systemd is stopping everything, not only us. Where there is no systemd, nobody says so.
async fn machine_goes_down() -> bool {
    let mut ask = tokio::process::Command::new("systemctl");
    ask.arg("is-system-running").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let answer = tokio::time::timeout(Duration::from_secs(5), ask.output()).await;
    matches!(answer, Ok(Ok(output)) if output.stdout.trim_ascii() == b"stopping")
}

async fn wait_for_end() -> Result<(), StartError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signal)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
