//! The agent's handle to everything: images, sandboxes, events.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::images::ImageStore;
use crate::sandbox::Sandbox;
use crate::spec::SandboxSpec;
use crate::status::Event;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
}

struct Inner {
    images: ImageStore,
    events: broadcast::Sender<Event>,
}

impl Runtime {
    /// Opens or makes the folders, reconnects to the shims found in the state folder, removes leftovers of crashes.
    pub async fn open(config: Config) -> Result<Self> {
        let images = ImageStore::open(&config).await?;
        Ok(Self { inner: Arc::new(Inner { images, events: broadcast::channel(1024).0 }) })
    }

    pub fn images(&self) -> &ImageStore {
        &self.inner.images
    }

    /// Makes the pod's cgroup and starts its shim. Gives the existing sandbox when there is a live one of that uid.
    pub async fn sandbox(&self, _spec: SandboxSpec) -> Result<Sandbox> {
        Err(Error::Other("not in this build yet".into()))
    }

    /// The sandbox of a pod's uid, alive or not.
    pub fn get(&self, _uid: &str) -> Option<Sandbox> {
        None
    }

    /// All sandboxes, also those found after a restart.
    pub fn list(&self) -> Vec<Sandbox> {
        Vec::new()
    }

    /// Exits and losses from now on. A receiver that lags more than 1024 events behind gets `Lagged` and must look at
    /// [`Sandbox::status`] again.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.inner.events.subscribe()
    }

    /// Kills every container and shim of these folders and removes every mount, cgroup and file made, and nothing
    /// else. Works without an open runtime (`barque reset`).
    pub async fn purge(_config: &Config) -> Result<()> {
        Err(Error::Other("not in this build yet".into()))
    }
}
