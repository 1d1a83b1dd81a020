//! A machine with an API server: store, API server, controllers, scheduler, network, node agent.
//!
//! Started in the order in which they need each other. What fails to start ends the process with its reason; what fails
//! later heals itself or says so in its health.

use crate::admin::{self, Admin};
use crate::door::{self, Members};
use crate::doors::NodeDoors;
use crate::managers::{Managers, as_system};
use crate::snapshot::Saver;
use crate::status::Status;
use crate::stores::Stores;
use crate::{Config, ConfigError, address, identity, migrate, parts, service, stores};
use apiserver::ApiServer;
use apiserver::auth::TokenIssuer;
use client::Api;
use client::door::{NodeDoor, RemoteDoors};
use cluster::etcd::MemberError;
use cluster::{Membership, MembershipError, Pki, PkiError};
use network::{Network, NetworkError};
use node::Node;
use runtime::Runtime;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stdx::{Clock, SystemClock};
use store::{EtcdError, OpenError, SealError, Store};
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
    #[error("what this machine is in its cluster cannot be read")]
    Membership(#[from] MembershipError),
    #[error("this machine's etcd does not run")]
    Etcd(#[from] MemberError),
    #[error("etcd cannot be used")]
    EtcdClient(#[from] EtcdError),
    #[error("the door to the API servers cannot be opened")]
    Door(#[from] proxy::engine::StartError),
    #[error("this process cannot be noted")]
    Service(#[from] service::ServiceError),
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
    #[error(
        "{path} has expired while this machine was off: the cluster does not know it by that any more. Check the clock; if it is \
         right, `barque token create --print-join-command` on a master, and here `barque reset` and the printed line"
    )]
    Expired { path: PathBuf },
    #[error("the node agent does not start")]
    Node(#[from] node::StartError),
    #[error("cannot watch for signals")]
    Signal(#[source] std::io::Error),
}

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// The most time a pod has to end when the machine goes down, whatever its own grace period: systemd gives us 90 s in
/// all, of which asking it takes up to 5 s.
const LAST_GRACE: Duration = Duration::from_secs(75);

/// The node agent's port. Upstream: `KubeletPort`.
pub(crate) const AGENT_PORT: u16 = 10250;

/// Runs until SIGTERM or SIGINT. Containers go on running without us, unless the machine goes down.
///
/// # Errors
/// If a part does not start.
pub async fn run(config: Config) -> Result<(), StartError> {
    let membership = Membership::load(&config.config_dir)?;
    let config = match &membership {
        Some(membership) => config.of_member(membership),
        None => config,
    };
    config.check()?;
    service::note(&config)?;
    membership.iter().for_each(|membership| address::look(&config, membership));
    match membership {
        Some(membership) if !membership.is_control_plane() => crate::worker::run(config, membership).await,
        membership => control_plane(config, membership).await,
    }
}

/// A machine with an API server: the only one, or one of several masters.
async fn control_plane(config: Config, membership: Option<Membership>) -> Result<(), StartError> {
    let started = Instant::now();
    let stop = CancellationToken::new();
    let (health, metrics) = (Health::default(), Metrics::default());
    let pki = identity::load(&config, membership.as_ref())?;
    let shown = identity::Shown::new(&pki)?;
    let mut stores = Stores::open(&config, membership.as_ref(), identity::names(&config)?).await?;
    if membership.is_none()
        && let Err(error) = migrate::forget(&config).await
    {
        tracing::warn!(error = %stdx::chain(&error), "what a migration left that did not end cannot be removed");
    }
    let doors = Arc::new(NodeDoors::default());
    let api = start_api(&config, &pki, stores.store(), Arc::clone(&doors), &health, &metrics).await?;
    let listener = listen(SocketAddr::new(config.bind_address, config.port)).await?;
    let serving = api.serve(listener);
    let managers = Managers::new(&config, &api, &pki, &metrics);
    let (mut door, informers) = (None, managers.informers(&stop));
    let (mut controllers, scheduler) = match &membership {
        None => {
            api.stands_alone();
            (managers.start_controllers(&informers, &stop), managers.start_scheduler(&informers, &stop))
        }
        Some(membership) => {
            let members = Members::load(&config, membership);
            if let Some((store, own)) = stores.member() {
                tokio::spawn(stores::follow_members(store, own, members.subscribe(), stop.clone()));
            }
            door = Some(door::open(&config, membership, pki.ca(), &members)?);
            tokio::spawn(members.follow(Arc::new(as_system(&api, "system:barque-door")), stop.clone()));
            let others =
                RemoteDoors::new(Arc::new(as_system(&api, "system:kube-apiserver")), towards_agents(&pki, &shown)?);
            doors.find_others(Arc::new(others));
            managers.stand_for_election(&stop)
        }
    };
    controllers.extend(managers.start_volumes(&informers, &stop));
    let agent: Arc<dyn Api> = Arc::new(as_system(&api, &format!("system:node:{}", config.node_name)));
    let agents_tls = node::serve::tls(pki.ca(), Arc::clone(&shown.kubelet));
    let keeper = identity::Keeper {
        pki,
        shown,
        etcd: stores.take_keys(),
        config: config.clone(),
        membership: membership.clone(),
    };
    tokio::spawn(keeper.run(stop.clone()));
    let network_config = match &membership {
        None => parts::network_config(&config),
        Some(membership) => of_member(&config, membership, &agent).await?,
    };
    let proxy = Arc::new(as_system(&api, "system:kube-proxy"));
    let network = Network::start(network_config, proxy, &health).await?;
    let runtime = Runtime::open(parts::runtime_config(&config)).await?;
    let admin = Admin::listen(&config).map_err(|source| StartError::File { path: admin::socket(&config), source })?;
    let status = Status {
        config: config.clone(),
        health: health.clone(),
        api: Arc::new(as_system(&api, "system:barque-status")),
        store: Some(stores.store()),
        network: Arc::clone(&network),
        controllers,
        scheduler,
        started,
    };
    let saver = Saver::new(config.clone(), stores.source(&config, membership.as_ref()));
    tokio::spawn(Arc::clone(&saver).run(stop.clone()));
    tokio::spawn(Admin { runtime: runtime.clone(), status, saver: Some(saver) }.serve(admin));
    let node_config = node_config(&config, membership.as_ref());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let node = Node::start(node_config, agent, runtime.clone(), network, clock, &health, stop.clone()).await?;
    if membership.is_some() {
        let tls = agents_tls.map_err(|error| StartError::Api(error.to_string()))?;
        serve_agent(&config, tls, Arc::clone(&node) as Arc<dyn NodeDoor>, &stop).await?;
    }
    doors.open(&config.node_name, node);
    tracing::info!(address = %config.address(), port = config.port, "the API is served");
    let ends = run_to_end().await?;
    if let Err(error) = api.leave().await {
        tracing::warn!(%error, "the other API servers will find out by themselves that this one is gone");
    }
    stop.cancel();
    if let Some(door) = door {
        door.close();
    }
    api.stop();
    serving.abort();
    stores.close();
    if ends {
        end_pods(&runtime).await;
    }
    Ok(())
}

/// Says that everything runs, and waits until it shall not any more. Whether the machine goes down.
pub(crate) async fn run_to_end() -> Result<bool, StartError> {
    // Fails only where nobody asked to be told.
    _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    wait_for_end().await?;
    let ends = machine_goes_down().await;
    tracing::info!("stopping; containers {}", if ends { "are ended, the machine goes down" } else { "go on running" });
    Ok(ends)
}

/// Left to systemd they would be ended last, without network, and hold the machine up for 90 s.
pub(crate) async fn end_pods(runtime: &Runtime) {
    runtime.stop_all(|sandbox| node::grace_of(sandbox).min(LAST_GRACE)).await;
}

fn node_config(config: &Config, membership: Option<&Membership>) -> node::Config {
    membership.map_or_else(|| parts::node_config(config), |membership| parts::node_of_member(config, membership))
}

/// Registers the node, and waits for the range of pods that the cluster gives it.
pub(crate) async fn of_member(
    config: &Config,
    membership: &Membership,
    agent: &Arc<dyn Api>,
) -> Result<network::Config, StartError> {
    let node = parts::node_of_member(config, membership);
    let mut backoff = stdx::Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    while let Err(error) = node::register(&node, &**agent).await {
        tracing::warn!(%error, "this node cannot be registered yet; will try again");
        tokio::time::sleep(backoff.fail()).await;
    }
    let own = Network::own_pod_cidr(agent, &config.node_name).await;
    Ok(parts::network_of_member(config, own))
}

/// The agent's own door, for API servers.
pub(crate) async fn serve_agent(
    config: &Config,
    tls: Arc<rustls::ServerConfig>,
    node: Arc<dyn NodeDoor>,
    stop: &CancellationToken,
) -> Result<(), StartError> {
    let listener = listen(SocketAddr::new(config.bind_address, AGENT_PORT)).await?;
    tokio::spawn(node::serve::serve(listener, tls, node, stop.clone()));
    Ok(())
}

/// The API server's credentials towards agents of other machines.
fn towards_agents(pki: &Pki, shown: &identity::Shown) -> Result<client::door::AgentCredentials, StartError> {
    client::door::AgentCredentials::new(pki.ca(), Arc::clone(&shown.server))
        .map_err(|error| StartError::Api(error.to_string()))
}

async fn start_api(
    config: &Config,
    pki: &Pki,
    store: Arc<dyn Store>,
    doors: Arc<NodeDoors>,
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
