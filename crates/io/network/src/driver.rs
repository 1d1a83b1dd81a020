//! The node's network as one component: what the node agent and the daemon call.

use crate::{Config, HostPort, NetworkError, PodKey, PodNetwork, Pods};
use client::Api;
use std::sync::Arc;

/// Runs until dropped; pods keep their network after that.
pub struct Network {
    config: Config,
    pods: Arc<Pods>,
}

impl Network {
    /// Prepares the host and takes over what an earlier process left. Needs root.
    ///
    /// # Errors
    /// If the kernel refuses a part; what was made stays, and the next start goes on from there.
    pub async fn start(config: Config, _api: Arc<dyn Api>) -> Result<Arc<Self>, NetworkError> {
        let for_pods = config.clone();
        let pods = blocking(move || Pods::open(for_pods)).await?;
        Ok(Arc::new(Self { config, pods }))
    }

    /// Gives the pod an address and a namespace with `lo` and `eth0`, and opens its host ports. A pod that is plugged
    /// keeps what it has.
    ///
    /// # Errors
    /// If no address is free or the kernel refuses; nothing is left of the attempt.
    pub async fn plug(&self, pod: &PodKey, host_ports: &[HostPort]) -> Result<PodNetwork, NetworkError> {
        let (pods, pod, host_ports) = (self.pods.clone(), pod.clone(), host_ports.to_vec());
        blocking(move || pods.plug(&pod, &host_ports)).await
    }

    /// Takes everything from the pod; its processes are gone. One that is not plugged is no error.
    ///
    /// # Errors
    /// If the kernel refuses; call again.
    pub async fn unplug(&self, pod: &PodKey) -> Result<(), NetworkError> {
        let (pods, pod) = (self.pods.clone(), pod.clone());
        blocking(move || pods.unplug(&pod)).await
    }

    /// Every plugged pod.
    pub fn list(&self) -> Vec<(PodKey, PodNetwork)> {
        self.pods.list()
    }

    /// Unplugs every pod that is not in `live` and removes what no pod owns; returns the pods that were unplugged.
    /// To be called at start, before the first plug.
    ///
    /// # Errors
    /// If the kernel refuses; call again.
    pub async fn reconcile(&self, live: Vec<PodKey>) -> Result<Vec<PodKey>, NetworkError> {
        let pods = self.pods.clone();
        blocking(move || pods.reconcile(&live)).await
    }

    /// Removes everything of ours from the host. The component must not be used after that.
    ///
    /// # Errors
    /// If the kernel refuses; what could be removed is.
    pub async fn purge(&self) -> Result<(), NetworkError> {
        let pods = self.pods.clone();
        blocking(move || pods.purge()).await
    }

    pub fn config(&self) -> &Config {
        &self.config
    }
}

/// Runs what waits for the kernel off the runtime's own threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NetworkError> + Send + 'static,
) -> Result<T, NetworkError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failed) => Err(NetworkError::kernel("finish network work")(std::io::Error::other(failed))),
    }
}
