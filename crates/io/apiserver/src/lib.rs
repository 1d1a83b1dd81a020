//! The API server: authentication, authorization, admission, resource handlers, watch cache, discovery, streams.
//!
//! Invariants
//! - Names no kind: built-in kinds and custom ones are one table; what only some do is found in [`special`]'s tables.
//! - What goes out on a list or a watch is the stored bytes, encoded once, shared by all readers.
//! - Every write passes admission; our own components use [`Local`], which is no back door.

pub mod admission;
pub mod auth;
mod bootstrap;
pub mod cache;
mod compaction;
pub mod crd;
mod discovery;
pub mod handlers;
mod http;
mod local;
mod masters;
mod metrics;
mod openapi;
mod proxy;
pub mod registry;
pub mod resource;
mod server;
pub mod special;
pub mod streams;
mod version;

pub use local::Local;
pub use server::{Config, Server};
pub use version::git_version;

use apimachinery::{ApiError, ApiResult};
use auth::{Authenticator, UserInfo};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A running API server.
pub struct ApiServer {
    server: Arc<Server>,
    tls: Option<Arc<rustls::ServerConfig>>,
    stop: CancellationToken,
    /// Ends the word that this server lives, and before `stop` does.
    present: CancellationToken,
    /// Ends that word alone.
    heartbeats: CancellationToken,
}

impl ApiServer {
    /// Loads the store, writes what every cluster has, and is ready to be asked.
    ///
    /// # Errors
    /// If the store cannot be read or written.
    pub async fn start(config: Config) -> ApiResult<Self> {
        let server = Server::new(&config);
        let stop = CancellationToken::new();
        for resource in server.registry.table().all() {
            server.cache.shelf(&resource.place);
        }
        server.follow_nodes();
        server.cache.load().await.map_err(ApiError::internal)?;
        special::claims::repair(&server).await?;
        crd::controller::load(&server);
        tokio::spawn(server.cache.clone().follow(stop.clone()));
        let present = stop.child_token();
        let heartbeats = present.child_token();
        let this = Self { server, tls: config.tls.clone(), stop, present, heartbeats };
        let system = || Arc::new(this.local(UserInfo::system("system:apiserver")));
        let authenticator = Authenticator::new(this.server.tokens.clone(), system())
            .with_bootstrap_tokens(this.server.cache.shelf_at(auth::SECRETS_PLACE));
        this.server.set_authenticator(Some(Arc::new(authenticator)));
        let following = auth::rbac::follow::run(this.server.authorizer.clone(), system(), this.stop.clone());
        tokio::spawn(following);
        bootstrap::run(&this.server, &this.local(UserInfo::system("system:apiserver"))).await?;
        this.server.authorizer.synced().await;
        let keeping = this.local(UserInfo::system("system:apiserver"));
        tokio::spawn(bootstrap::keep_kubernetes_service(this.server.clone(), keeping.clone(), this.present.clone()));
        tokio::spawn(masters::keep(this.server.clone(), keeping, this.heartbeats.clone()));
        tokio::spawn(crd::controller::run(this.server.clone(), this.stop.clone()));
        tokio::spawn(compaction::run(this.server.store.clone(), this.stop.clone()));
        Ok(this)
    }

    /// The API as this identity sees it.
    pub fn local(&self, user: UserInfo) -> Local {
        Local::new(self.server.clone(), user)
    }

    /// Serves the API on this socket until [`stop`](Self::stop), then drains. Call it for as many sockets as wanted.
    pub fn serve(&self, listener: TcpListener) -> JoinHandle<()> {
        tokio::spawn(http::serve(self.server.clone(), listener, self.tls.clone(), self.stop.clone()))
    }

    /// What requests share; for those who serve the API in another way.
    pub fn shared(&self) -> &Arc<Server> {
        &self.server
    }

    /// Says no more that this server lives: where no other one can be on its store, nobody asks, and an idle machine writes
    /// nothing for it.
    pub fn stands_alone(&self) {
        self.heartbeats.cancel();
    }

    /// Takes this server off the endpoints of the Service `kubernetes`, so that nobody new is sent here. Call it before
    /// [`stop`](Self::stop) when others of the cluster go on; it goes on answering.
    ///
    /// # Errors
    /// If the store cannot be written; the others then find out by themselves within 20 s.
    pub async fn leave(&self) -> ApiResult<()> {
        self.present.cancel();
        masters::leave(&self.server, &self.local(UserInfo::system("system:apiserver"))).await
    }

    /// Ends all background work. Running requests end with their connections.
    pub fn stop(&self) {
        self.stop.cancel();
        self.server.set_authenticator(None);
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.stop();
    }
}
