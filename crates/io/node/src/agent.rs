//! The agent's parts and their start.

use crate::config::Config;
use crate::watched::Watched;
use crate::{follow, node_object, volumes};
use apimachinery::GroupVersionResource;
use client::{Api, EventRecorder, Informer, ListOptions, resources};
use network::{Network, NetworkError};
use runtime::Runtime;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use stdx::Clock;
use telemetry::Health;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// Why the agent did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("failed to make the node's folder {path}")]
    Folder { path: String, source: std::io::Error },
    #[error("failed to clean up the network of pods that are gone")]
    Network(#[from] NetworkError),
}

/// The running agent of one node.
pub struct Node {
    pub(crate) agent: Arc<Agent>,
}

/// What all pods' tasks share.
pub(crate) struct Agent {
    pub config: Config,
    pub api: Arc<dyn Api>,
    pub runtime: Runtime,
    pub network: Arc<Network>,
    pub clock: Arc<dyn Clock>,
    pub events: EventRecorder,
    /// Pods bound to this node.
    pub pods: Informer,
    /// What they refer to.
    pub watched: Watched,
    pub services: Informer,
    pub stop: CancellationToken,
    /// By the pod's uid.
    pub inboxes: Mutex<HashMap<String, watch::Sender<Inbox>>>,
    /// Bounds the work of a burst of pods.
    pub starts: Semaphore,
    pub flex: volumes::FlexDrivers,
    pub tokens: volumes::Tokens,
    pub usage: crate::stats::Sampler,
    pub machine: node_object::Machine,
}

/// What a pod's task is told. New word replaces old, so that it needs no bound.
#[derive(Clone)]
pub(crate) struct Inbox {
    pub object: Arc<client::Object>,
    /// The API no longer has it.
    pub is_gone: bool,
    /// Raised when the runtime has news of its containers.
    pub news: u64,
    /// Raised when an object that it mentions has changed.
    pub config_changes: u64,
}

impl Node {
    /// Registers the node, takes over what runs, and follows the node's pods until `stop`. Waits for nothing: without
    /// an API server it goes on trying.
    ///
    /// # Errors
    /// If its folders cannot be made.
    pub async fn start(
        config: Config,
        api: Arc<dyn Api>,
        runtime: Runtime,
        network: Arc<Network>,
        clock: Arc<dyn Clock>,
        health: &Health,
        stop: CancellationToken,
    ) -> Result<Arc<Self>, StartError> {
        for folder in [config.data_dir.join("pods"), config.log_dir.clone()] {
            let made = std::fs::create_dir_all(&folder);
            made.map_err(|source| StartError::Folder { path: folder.display().to_string(), source })?;
        }
        let follow = |resource: &GroupVersionResource, options: ListOptions| {
            Informer::start(api.clone(), resource.clone(), options, stop.clone())
        };
        let ours = ListOptions { field_selector: format!("spec.nodeName={}", config.node_name), ..Default::default() };
        let agent = Arc::new(Agent {
            pods: follow(&resources::PODS, ours),
            watched: Watched::new(api.clone(), stop.clone()),
            services: follow(&resources::SERVICES, ListOptions::default()),
            events: EventRecorder::start(api.clone(), "kubelet", &config.node_name),
            starts: Semaphore::new(config.parallel_starts.max(1)),
            flex: volumes::FlexDrivers::default(),
            tokens: volumes::Tokens::default(),
            usage: crate::stats::Sampler::default(),
            machine: node_object::Machine::read(),
            inboxes: Mutex::default(),
            config,
            api,
            runtime,
            network,
            clock,
            stop,
        });
        let check = health.part("node");
        tokio::spawn(node_object::run(agent.clone(), check));
        tokio::spawn(follow::run(agent.clone()));
        tokio::spawn(crate::static_views::run(agent.clone()));
        tokio::spawn(crate::clock_watch::run(agent.clone()));
        Ok(Arc::new(Self { agent }))
    }
}

impl Agent {
    /// Tells a pod's task something; false if there is none.
    pub fn tell(&self, uid: &str, word: impl FnOnce(&mut Inbox)) -> bool {
        let inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        inboxes.get(uid).inspect(|inbox| inbox.send_modify(word)).is_some()
    }

    /// Tells every pod's task.
    pub fn tell_all(&self, word: impl Fn(&mut Inbox)) {
        let inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        inboxes.values().for_each(|inbox| inbox.send_modify(&word));
    }

    pub fn forget(&self, uid: &str) {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}
