//! What all requests share: store, cache, resources, admission, identities.

use crate::admission::{self, Plugin};
use crate::auth::{Authenticator, Authorizer, TokenIssuer, UserInfo};
use crate::cache::Cache;
use crate::local::Local;
use crate::metrics::Metrics;
use crate::openapi::Documents;
use crate::registry::Registry;
use crate::special::Special;
use apimachinery::{ApiError, ApiResult, Reason};
use client::door::Doors;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use store::Store;
use telemetry::Health;

/// What the API server is given at its start.
pub struct Config {
    pub store: Arc<dyn Store>,
    /// Signs service account tokens.
    pub tokens: Arc<TokenIssuer>,
    /// Ways to the nodes, for logs, exec, attach and port-forward.
    pub doors: Arc<dyn Doors>,
    /// None serves plain HTTP (tests, and behind another TLS end).
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Addresses of Services: base and prefix length. Default 10.96.0.0/12.
    pub service_range: (Ipv4Addr, u8),
    /// Ports of NodePort Services. Default 30000..=32767.
    pub node_ports: RangeInclusive<u16>,
    /// Where other machines and pods reach this server; the endpoint of the Service `kubernetes`.
    pub advertise: SocketAddr,
    pub health: Health,
    /// What all parts of this process count, for `/metrics`.
    pub metrics: telemetry::Metrics,
}

pub struct Server {
    this: Weak<Self>,
    pub store: Arc<dyn Store>,
    pub cache: Arc<Cache>,
    pub registry: Registry,
    pub admission: Vec<Box<dyn Plugin>>,
    pub special: Special,
    pub authorizer: Arc<Authorizer>,
    pub tokens: Arc<TokenIssuer>,
    pub doors: Arc<dyn Doors>,
    pub health: Health,
    pub metrics: Arc<Metrics>,
    pub(crate) documents: Documents,
    pub advertise: SocketAddr,
    pub service_range: (Ipv4Addr, u8),
    /// Set once the server can be asked; taken away at the end, for it holds the server in turn.
    authenticator: RwLock<Option<Arc<Authenticator>>>,
}

impl Server {
    pub(crate) fn new(config: &Config) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            store: config.store.clone(),
            cache: Cache::new(config.store.clone()),
            registry: Registry::builtin(),
            admission: admission::chain(),
            special: Special::builtin(config),
            authorizer: Arc::new(Authorizer::new()),
            tokens: config.tokens.clone(),
            doors: config.doors.clone(),
            health: config.health.clone(),
            metrics: Arc::new(Metrics::new(&config.metrics)),
            documents: Documents::default(),
            advertise: config.advertise,
            service_range: config.service_range,
            authenticator: RwLock::new(None),
        })
    }

    /// Lets the authorizer know what nodes have, from the first object on.
    pub(crate) fn follow_nodes(&self) {
        const PODS: &str = "/registry/core/pods/";
        const VOLUMES: &str = "/registry/core/persistentvolumes/";
        let authorizer = Arc::clone(&self.authorizer);
        self.cache.shelf_at(PODS).observe(move |key, pod| {
            if let Some((namespace, name)) = key[PODS.len()..].split_once('/') {
                authorizer.graph.take_pod(namespace, name, pod);
            }
        });
        let authorizer = Arc::clone(&self.authorizer);
        self.cache.shelf_at(VOLUMES).observe(move |key, volume| {
            authorizer.graph.take_volume(&key[VOLUMES.len()..], volume);
        });
    }

    /// The API as this identity sees it.
    ///
    /// # Errors
    /// 503 if the server is being taken down.
    pub fn local(&self, user: UserInfo) -> ApiResult<Local> {
        let this = self
            .this
            .upgrade()
            .ok_or_else(|| ApiError::new(Reason::ServiceUnavailable, "the server is shutting down"))?;
        Ok(Local::new(this, user))
    }

    pub(crate) fn set_authenticator(&self, authenticator: Option<Arc<Authenticator>>) {
        *self.authenticator.write().unwrap_or_else(PoisonError::into_inner) = authenticator;
    }

    /// None while the server starts or stops.
    pub fn authenticator(&self) -> Option<Arc<Authenticator>> {
        self.authenticator.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
