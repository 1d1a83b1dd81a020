//! Every field of kubeadm's configuration, and what becomes of it here.
//!
//! Upstream: `cmd/kubeadm/app/apis/kubeadm/v1beta1` (1.13) to `v1beta4` (1.31), `types.go` of each.

use super::version::Version::{self, V1Beta1, V1Beta2, V1Beta3, V1Beta4};

/// What a field does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It does here what it does there.
    Done,
    /// It is read and does nothing; the reason is told once.
    Without(&'static str),
}
use Effect::{Done, Without};

/// One field: its path below the document, lists without their index, and the versions that have it. What lies below it
/// belongs to it.
#[derive(Debug)]
pub struct Field {
    pub path: &'static str,
    pub since: Version,
    pub until: Version,
    pub effect: Effect,
}

const fn field(path: &'static str, effect: Effect) -> Field {
    Field { path, since: V1Beta1, until: V1Beta4, effect }
}

const fn since(since: Version, field: Field) -> Field {
    Field { since, ..field }
}

const fn until(until: Version, field: Field) -> Field {
    Field { until, ..field }
}

const PODS: &str = "the parts of the control plane are one program here, not pods of their own";
const ONE_BINARY: &str = "the program brings this part itself";
const OWN_RUNTIME: &str = "containers run without a runtime of their own";
const OWN_TIMES: &str = "waits end when what they wait for is there, with limits of their own";

/// `kind: ClusterConfiguration`.
pub const CLUSTER: &[Field] = &[
    field("clusterName", Done),
    field("controlPlaneEndpoint", Done),
    field("kubernetesVersion", Without("the version is the program's")),
    field("networking.podSubnet", Done),
    field("networking.serviceSubnet", Done),
    field("networking.dnsDomain", Done),
    field("apiServer.certSANs", Done),
    field("apiServer.extraArgs", Without(PODS)),
    field("apiServer.extraVolumes", Without(PODS)),
    since(V1Beta4, field("apiServer.extraEnvs", Without(PODS))),
    until(V1Beta3, field("apiServer.timeoutForControlPlane", Without(OWN_TIMES))),
    field("controllerManager.extraArgs", Without(PODS)),
    field("controllerManager.extraVolumes", Without(PODS)),
    since(V1Beta4, field("controllerManager.extraEnvs", Without(PODS))),
    field("scheduler.extraArgs", Without(PODS)),
    field("scheduler.extraVolumes", Without(PODS)),
    since(V1Beta4, field("scheduler.extraEnvs", Without(PODS))),
    field("etcd.local.dataDir", Done),
    field("etcd.local.serverCertSANs", Done),
    field("etcd.local.peerCertSANs", Done),
    field("etcd.local.imageRepository", Without("etcd is the machine's package, not an image")),
    field("etcd.local.imageTag", Without("etcd is the machine's package, not an image")),
    field("etcd.local.extraArgs", Without("etcd is started with what it needs here")),
    since(V1Beta4, field("etcd.local.extraEnvs", Without("etcd is started with what it needs here"))),
    field("etcd.external.endpoints", Done),
    field("etcd.external.caFile", Done),
    field("etcd.external.certFile", Done),
    field("etcd.external.keyFile", Done),
    since(V1Beta4, field("etcd.external.httpEndpoints", Without("etcd is asked through its client endpoints"))),
    until(V1Beta2, field("dns.type", Without(ONE_BINARY))),
    field("dns.imageRepository", Without(ONE_BINARY)),
    field("dns.imageTag", Without(ONE_BINARY)),
    since(V1Beta4, field("dns.disabled", Without(ONE_BINARY))),
    since(V1Beta4, field("proxy.disabled", Without(ONE_BINARY))),
    field("certificatesDir", Without("keys and certificates lie where `configDir` says")),
    field("imageRepository", Without(ONE_BINARY)),
    until(V1Beta2, field("useHyperKubeImage", Without(ONE_BINARY))),
    field("featureGates", Without("features are not switched one by one")),
    since(V1Beta4, field("encryptionAlgorithm", Without("keys are ECDSA P-256"))),
    since(V1Beta4, field("certificateValidityPeriod", Without("certificates renew by themselves"))),
    since(V1Beta4, field("caCertificateValidityPeriod", Without("certificates renew by themselves"))),
];

/// `kind: InitConfiguration`.
pub const INIT: &[Field] = &[
    field("bootstrapTokens.token", Done),
    field("bootstrapTokens.description", Done),
    field("bootstrapTokens.ttl", Done),
    field("bootstrapTokens.expires", Done),
    field("bootstrapTokens.usages", Done),
    field("bootstrapTokens.groups", Done),
    field("nodeRegistration.name", Done),
    field("nodeRegistration.taints", Done),
    since(V1Beta2, field("nodeRegistration.ignorePreflightErrors", Done)),
    field("nodeRegistration.criSocket", Without(OWN_RUNTIME)),
    field("nodeRegistration.kubeletExtraArgs", Without("the agent is one program with the rest")),
    since(V1Beta3, field("nodeRegistration.imagePullPolicy", Without(ONE_BINARY))),
    since(V1Beta4, field("nodeRegistration.imagePullSerial", Without(ONE_BINARY))),
    field("localAPIEndpoint.advertiseAddress", Done),
    field("localAPIEndpoint.bindPort", Done),
    since(V1Beta2, field("certificateKey", Done)),
    since(V1Beta3, field("skipPhases", Without("`init` has no phases to leave out"))),
    since(V1Beta3, field("patches.directory", Without(PODS))),
    since(V1Beta4, field("dryRun", Without("`init` has no rehearsal"))),
    since(V1Beta4, field("timeouts", Without(OWN_TIMES))),
];
