//! The resources our own components use, by name.

use apimachinery::GroupVersionResource as Gvr;

pub const NAMESPACES: Gvr = Gvr::of("", "v1", "namespaces");
pub const NODES: Gvr = Gvr::of("", "v1", "nodes");
pub const PODS: Gvr = Gvr::of("", "v1", "pods");
pub const CONFIG_MAPS: Gvr = Gvr::of("", "v1", "configmaps");
pub const SECRETS: Gvr = Gvr::of("", "v1", "secrets");
pub const SERVICES: Gvr = Gvr::of("", "v1", "services");
pub const ENDPOINTS: Gvr = Gvr::of("", "v1", "endpoints");
pub const EVENTS: Gvr = Gvr::of("", "v1", "events");
pub const SERVICE_ACCOUNTS: Gvr = Gvr::of("", "v1", "serviceaccounts");
pub const PERSISTENT_VOLUMES: Gvr = Gvr::of("", "v1", "persistentvolumes");
pub const PERSISTENT_VOLUME_CLAIMS: Gvr = Gvr::of("", "v1", "persistentvolumeclaims");
pub const ENDPOINT_SLICES: Gvr = Gvr::of("discovery.k8s.io", "v1", "endpointslices");
pub const LEASES: Gvr = Gvr::of("coordination.k8s.io", "v1", "leases");
pub const STORAGE_CLASSES: Gvr = Gvr::of("storage.k8s.io", "v1", "storageclasses");
pub const PRIORITY_CLASSES: Gvr = Gvr::of("scheduling.k8s.io", "v1", "priorityclasses");
pub const DEPLOYMENTS: Gvr = Gvr::of("apps", "v1", "deployments");
pub const REPLICA_SETS: Gvr = Gvr::of("apps", "v1", "replicasets");
pub const CONTROLLER_REVISIONS: Gvr = Gvr::of("apps", "v1", "controllerrevisions");
pub const JOBS: Gvr = Gvr::of("batch", "v1", "jobs");
pub const CRON_JOBS: Gvr = Gvr::of("batch", "v1", "cronjobs");
