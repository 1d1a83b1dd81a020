//! Every controller: one file each, one line in [`all`].
//!
//! A controller is a function from a view of the cluster to actions. It has no client, no clock, no retries, no logs:
//! the driver (`reconciler`) gives it a view at least as new as its own last write, executes the actions and calls again.

pub mod action;
pub mod bootstrap;
pub mod certificates;
pub mod controller;
pub mod cron_job;
pub mod deployment;
pub mod endpoint_slice_mirroring;
pub mod endpoints;
pub mod garbage;
pub mod job;
pub mod namespace;
pub mod node_ipam;
pub mod node_lifecycle;
pub mod owned;
pub mod pod_gc;
pub mod replica_set;
pub mod service_account;
mod slices;
pub mod view;
pub mod volume_binding;
#[cfg(test)]
mod world;

pub use action::{Action, Announce, Plan, Regarding};
pub use controller::Controller;
pub use view::{Change, View, Wanted};

use std::net::Ipv4Addr;

/// What the controllers need to know beyond the API's objects.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The cluster's CA certificate, PEM.
    pub root_ca: String,
    /// The range of all nodes' pods, base address and prefix length. None: nodes get no ranges from us.
    pub cluster_cidr: Option<(Ipv4Addr, u8)>,
    /// What is published of the cluster for machines that join; None publishes nothing.
    pub cluster_info: Option<bootstrap::ClusterInfo>,
}

/// All controllers the driver runs.
pub fn all(settings: &Settings) -> Vec<Box<dyn Controller>> {
    let info =
        settings.cluster_info.clone().map(|info| Box::new(bootstrap::BootstrapSigner(info)) as Box<dyn Controller>);
    let always: Vec<Box<dyn Controller>> = vec![
        Box::new(bootstrap::TokenCleaner),
        Box::new(certificates::Cleaner),
        Box::new(cron_job::CronJobs),
        Box::new(deployment::Deployments),
        Box::new(endpoint_slice_mirroring::EndpointSliceMirroring),
        Box::new(endpoints::EndpointSlices),
        Box::new(endpoints::Endpoints),
        Box::new(job::Jobs),
        Box::new(node_ipam::NodeIpam::new(settings.cluster_cidr)),
        Box::new(node_lifecycle::NodeLifecycle::default()),
        Box::new(node_lifecycle::TaintEviction::default()),
        Box::new(pod_gc::PodGc::default()),
        Box::new(replica_set::ReplicaSets),
        Box::new(service_account::RootCa(settings.root_ca.clone())),
        Box::new(service_account::ServiceAccounts),
        Box::new(volume_binding::ClaimProtection),
        Box::new(volume_binding::Claims),
        Box::new(volume_binding::VolumeProtection),
        Box::new(volume_binding::Volumes),
    ];
    always.into_iter().chain(info).collect()
}
