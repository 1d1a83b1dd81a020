//! The resources our own components use, by name.

use apimachinery::GroupVersionResource as Gvr;

pub static NAMESPACES: Gvr = Gvr::of("", "v1", "namespaces");
pub static NODES: Gvr = Gvr::of("", "v1", "nodes");
pub static PODS: Gvr = Gvr::of("", "v1", "pods");
pub static CONFIG_MAPS: Gvr = Gvr::of("", "v1", "configmaps");
pub static SECRETS: Gvr = Gvr::of("", "v1", "secrets");
pub static SERVICES: Gvr = Gvr::of("", "v1", "services");
pub static ENDPOINTS: Gvr = Gvr::of("", "v1", "endpoints");
pub static EVENTS: Gvr = Gvr::of("", "v1", "events");
pub static SERVICE_ACCOUNTS: Gvr = Gvr::of("", "v1", "serviceaccounts");
pub static PERSISTENT_VOLUMES: Gvr = Gvr::of("", "v1", "persistentvolumes");
pub static PERSISTENT_VOLUME_CLAIMS: Gvr = Gvr::of("", "v1", "persistentvolumeclaims");
pub static ENDPOINT_SLICES: Gvr = Gvr::of("discovery.k8s.io", "v1", "endpointslices");
pub static CERTIFICATE_SIGNING_REQUESTS: Gvr = Gvr::of("certificates.k8s.io", "v1", "certificatesigningrequests");
pub static SUBJECT_ACCESS_REVIEWS: Gvr = Gvr::of("authorization.k8s.io", "v1", "subjectaccessreviews");
pub static NETWORK_POLICIES: Gvr = Gvr::of("networking.k8s.io", "v1", "networkpolicies");
pub static LEASES: Gvr = Gvr::of("coordination.k8s.io", "v1", "leases");
pub static STORAGE_CLASSES: Gvr = Gvr::of("storage.k8s.io", "v1", "storageclasses");
pub static PRIORITY_CLASSES: Gvr = Gvr::of("scheduling.k8s.io", "v1", "priorityclasses");
pub static DEPLOYMENTS: Gvr = Gvr::of("apps", "v1", "deployments");
pub static REPLICA_SETS: Gvr = Gvr::of("apps", "v1", "replicasets");
pub static CONTROLLER_REVISIONS: Gvr = Gvr::of("apps", "v1", "controllerrevisions");
pub static JOBS: Gvr = Gvr::of("batch", "v1", "jobs");
pub static CRON_JOBS: Gvr = Gvr::of("batch", "v1", "cronjobs");
