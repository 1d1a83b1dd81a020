//! Controllers and scheduler: run at once on a single machine, by election among masters.

use crate::status::Tasks;
use crate::{Config, joining};
use apiserver::auth::UserInfo;
use apiserver::{ApiServer, Local};
use client::{Api, Election};
use cluster::Pki;
use controllers::Settings;
use reconciler::{Informers, LocalPath, Signer};
use std::sync::Arc;
use stdx::{Clock, SystemClock};
use telemetry::Metrics;
use tokio_util::sync::CancellationToken;

/// What they need, to be started as often as this machine is elected.
#[derive(Clone)]
pub struct Managers {
    manager: Arc<dyn Api>,
    scheduler: Arc<dyn Api>,
    settings: Arc<Settings>,
    signer: Arc<dyn Signer>,
    clock: Arc<dyn Clock>,
    metrics: reconciler::Metrics,
    volumes: LocalPath,
    node: String,
}

/// Our own components are of system:masters: they are this very process. Admission still sees every write.
pub fn as_system(api: &ApiServer, name: &str) -> Local {
    api.local(UserInfo::system(name))
}

/// Volumes on this machine's disk.
pub(crate) fn local_path(config: &Config, is_master: bool) -> LocalPath {
    LocalPath { folder: config.data_dir.join("volumes"), node: config.node_name.clone(), is_master }
}

impl Managers {
    pub fn new(config: &Config, api: &ApiServer, pki: &Pki, metrics: &Metrics) -> Self {
        let settings = Settings {
            root_ca: pki.ca().to_owned(),
            cluster_info: Some(joining::cluster_info(config, pki)),
            cluster_cidr: config.pod_range().ok(),
        };
        Self {
            manager: Arc::new(as_system(api, "system:kube-controller-manager")),
            scheduler: Arc::new(as_system(api, "system:kube-scheduler")),
            settings: Arc::new(settings),
            signer: joining::signer(pki),
            clock: Arc::new(SystemClock),
            metrics: reconciler::Metrics::new(metrics),
            volumes: local_path(config, true),
            node: config.node_name.clone(),
        }
    }

    /// What all that run together look at, until `stop`.
    pub fn informers(&self, stop: &CancellationToken) -> Informers {
        Informers::new(Arc::clone(&self.manager), stop.clone())
    }

    /// The tasks of the controllers.
    pub fn start_controllers(&self, informers: &Informers, stop: &CancellationToken) -> Tasks {
        let Self { manager, clock, metrics, .. } = self;
        let mut tasks = reconciler::run_controllers(&self.settings, manager, informers, clock, metrics, stop);
        let garbage =
            reconciler::run_garbage_collector(Arc::clone(manager), informers.clone(), metrics.clone(), stop.clone());
        tasks.push(("garbage-collector", tokio::spawn(garbage).abort_handle()));
        let namespaces = reconciler::run_namespaces(
            Arc::clone(manager),
            informers.clone(),
            Arc::clone(clock),
            metrics.clone(),
            stop.clone(),
        );
        tasks.push(("namespace-controller", tokio::spawn(namespaces).abort_handle()));
        let certificates = reconciler::run_certificates(
            Arc::clone(&self.signer),
            Arc::clone(manager),
            informers.clone(),
            Arc::clone(clock),
            metrics.clone(),
            stop.clone(),
        );
        tasks.push(("certificate-controller", tokio::spawn(certificates).abort_handle()));
        tasks
    }

    /// Volumes on this machine's disk: each machine sees to its own.
    pub fn start_volumes(&self, informers: &Informers, stop: &CancellationToken) -> Tasks {
        let (manager, metrics) = (Arc::clone(&self.manager), self.metrics.clone());
        let local_path =
            reconciler::run_local_path(self.volumes.clone(), manager, informers.clone(), metrics, stop.clone());
        vec![("local-path", tokio::spawn(local_path).abort_handle())]
    }

    /// The scheduler's task.
    pub fn start_scheduler(&self, informers: &Informers, stop: &CancellationToken) -> Tasks {
        let scheduling = reconciler::run_scheduler(
            Arc::clone(&self.scheduler),
            informers.clone(),
            Arc::clone(&self.clock),
            self.metrics.clone(),
            stop.clone(),
        );
        vec![("the scheduler", tokio::spawn(scheduling).abort_handle())]
    }

    /// Runs them whenever this machine is elected. The tasks returned are those of the elections.
    pub fn stand_for_election(&self, stop: &CancellationToken) -> (Tasks, Tasks) {
        let controllers = self.candidate("kube-controller-manager", stop, Self::start_controllers);
        let scheduler = self.candidate("kube-scheduler", stop, Self::start_scheduler);
        (controllers, scheduler)
    }

    fn candidate(
        &self,
        name: &'static str,
        stop: &CancellationToken,
        start: fn(&Self, &Informers, &CancellationToken) -> Tasks,
    ) -> Tasks {
        // Another one at each start: what an earlier run of this machine held is not taken for ours.
        let identity = format!("{}_{:016x}", self.node, rand::random::<u64>());
        let api = if name == "kube-scheduler" { &self.scheduler } else { &self.manager };
        let election = Election::new(Arc::clone(api), name, identity);
        let managers = self.clone();
        let lead = move |leading: CancellationToken| {
            let managers = managers.clone();
            async move {
                let tasks = start(&managers, &managers.informers(&leading), &leading);
                leading.cancelled().await;
                // What does not end by its token must not write any more.
                tasks.iter().for_each(|(_, task)| task.abort());
            }
        };
        vec![(name, tokio::spawn(election.run(stop.clone(), lead)).abort_handle())]
    }
}
