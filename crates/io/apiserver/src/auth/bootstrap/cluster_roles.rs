//! ClusterRoles for people and components, and who holds them.
//!
//! Upstream: `bootstrappolicy/policy.go` (release-1.35).

use super::table::{ALL, Binding, EVENTS, Line, READ, Role, WRITE, named, on, paths};

const AUTHENTICATION: &str = "authentication.k8s.io";
const AUTHORIZATION: &str = "authorization.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";
const COORDINATION: &str = "coordination.k8s.io";
const DISCOVERY: &str = "discovery.k8s.io";
const NETWORKING: &str = "networking.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const RESOURCE: &str = "resource.k8s.io";
const STORAGE: &str = "storage.k8s.io";

pub const ROLES: &[Role] = &[
    Role::cluster("cluster-admin", &[on("*", "*", "*"), ("*", "", "*", "")]),
    Role { gathers: "admin", ..Role::cluster("admin", &[]) },
    Role { gathers: "edit", joins: "admin", ..Role::cluster("edit", &[]) },
    Role { gathers: "view", joins: "edit", ..Role::cluster("view", &[]) },
    Role { joins: "admin", ..Role::cluster("system:aggregate-to-admin", ADMIN) },
    Role { joins: "edit", ..Role::cluster("system:aggregate-to-edit", EDIT) },
    Role { joins: "view", ..Role::cluster("system:aggregate-to-view", VIEW) },
    Role::cluster(
        "system:discovery",
        &[paths("/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/")],
    ),
    Role::cluster("system:public-info-viewer", &[paths("/healthz /livez /readyz /version /version/")]),
    Role::cluster(
        "system:monitoring",
        &[paths("/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*")],
    ),
    Role::cluster(
        "system:service-account-issuer-discovery",
        &[paths("/.well-known/openid-configuration /openid/v1/jwks")],
    ),
    Role::cluster(
        "system:basic-user",
        &[
            on("create", AUTHORIZATION, "selfsubjectaccessreviews selfsubjectrulesreviews"),
            on("create", AUTHENTICATION, "selfsubjectreviews"),
        ],
    ),
    Role::cluster(
        "system:auth-delegator",
        &[on("create", AUTHENTICATION, "tokenreviews"), on("create", AUTHORIZATION, "subjectaccessreviews")],
    ),
    Role::cluster("system:node", NODE),
    Role::cluster("system:node-proxier", NODE_PROXIER),
    Role::cluster("barque:network", NETWORK),
    Role::cluster("barque:local-path", LOCAL_PATH),
    Role::cluster(
        "system:node-problem-detector",
        &[on("get", "core", "nodes"), on("patch", "core", "nodes/status"), EVENTS],
    ),
    Role::cluster(
        "system:node-bootstrapper",
        &[on("create get list watch", CERTIFICATES, "certificatesigningrequests")],
    ),
    Role::cluster(
        "system:kubelet-api-admin",
        &[
            on(READ, "core", "nodes"),
            on("proxy", "core", "nodes"),
            on("*", "core", "nodes/configz nodes/healthz nodes/log nodes/metrics nodes/pods nodes/proxy nodes/stats"),
        ],
    ),
    Role::cluster(
        "system:heapster",
        &[on(READ, "core", "events namespaces nodes pods"), on(READ, "extensions", "deployments")],
    ),
    Role::cluster("system:kube-aggregator", &[on(READ, "core", "endpoints services")]),
    Role::cluster("system:kube-controller-manager", CONTROLLER_MANAGER),
    Role::cluster(
        "system:kube-dns",
        &[on("list watch", "core", "endpoints services"), on("list watch", DISCOVERY, "endpointslices")],
    ),
    Role::cluster("system:kube-scheduler", SCHEDULER),
    Role::cluster(
        "system:persistent-volume-provisioner",
        &[
            on("create delete get list watch", "core", "persistentvolumes"),
            on("get list update watch", "core", "persistentvolumeclaims"),
            on(READ, STORAGE, "storageclasses"),
            on("watch", "core", "events"),
            EVENTS,
        ],
    ),
    Role::cluster(
        "system:volume-scheduler",
        &[
            on("get list patch update watch", "core", "persistentvolumes"),
            on(READ, STORAGE, "storageclasses"),
            on("get list patch update watch", "core", "persistentvolumeclaims"),
        ],
    ),
    Role::cluster(
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
        &[on("create", CERTIFICATES, "certificatesigningrequests/nodeclient")],
    ),
    Role::cluster(
        "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
        &[on("create", CERTIFICATES, "certificatesigningrequests/selfnodeclient")],
    ),
    Role::cluster(
        "system:certificates.k8s.io:kube-apiserver-client-approver",
        &[named("approve", CERTIFICATES, "signers", "kubernetes.io/kube-apiserver-client")],
    ),
    Role::cluster(
        "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver",
        &[named("approve", CERTIFICATES, "signers", "kubernetes.io/kube-apiserver-client-kubelet")],
    ),
    Role::cluster(
        "system:certificates.k8s.io:kubelet-serving-approver",
        &[named("approve", CERTIFICATES, "signers", "kubernetes.io/kubelet-serving")],
    ),
    Role::cluster(
        "system:certificates.k8s.io:legacy-unknown-approver",
        &[named("approve", CERTIFICATES, "signers", "kubernetes.io/legacy-unknown")],
    ),
];

/// What `admin` may beyond `edit`.
const ADMIN: &[Line] = &[on("create", AUTHORIZATION, "localsubjectaccessreviews"), on(ALL, RBAC, "rolebindings roles")];

/// What `edit` may beyond `view`.
const EDIT: &[Line] = &[
    on(READ, "core", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"),
    on("impersonate", "core", "serviceaccounts"),
    on(WRITE, "core", "pods pods/attach pods/exec pods/portforward pods/proxy"),
    on("create", "core", "pods/eviction"),
    on(
        WRITE,
        "core",
        "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets \
         serviceaccounts services services/proxy",
    ),
    on("create", "core", "serviceaccounts/token"),
    on(
        WRITE,
        "apps",
        "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets \
         statefulsets/scale",
    ),
    on(WRITE, "autoscaling", "horizontalpodautoscalers"),
    on(WRITE, "batch", "cronjobs jobs"),
    on(
        WRITE,
        "extensions",
        "daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets \
         replicasets/scale replicationcontrollers/scale",
    ),
    on(WRITE, "policy", "poddisruptionbudgets"),
    on(WRITE, NETWORKING, "ingresses networkpolicies"),
    on(ALL, COORDINATION, "leases"),
    on(WRITE, RESOURCE, "resourceclaims resourceclaimtemplates"),
];

const VIEW: &[Line] = &[
    on(
        READ,
        "core",
        "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers \
         replicationcontrollers/scale serviceaccounts services services/status",
    ),
    on(
        READ,
        "core",
        "bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status \
         resourcequotas resourcequotas/status",
    ),
    on(READ, "core", "namespaces"),
    on(READ, DISCOVERY, "endpointslices"),
    on(
        READ,
        "apps",
        "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets \
         replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
    ),
    on(READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
    on(READ, "batch", "cronjobs cronjobs/status jobs jobs/status"),
    on(
        READ,
        "extensions",
        "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status \
         networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale",
    ),
    on(READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
    on(READ, NETWORKING, "ingresses ingresses/status networkpolicies"),
    on(READ, RESOURCE, "resourceclaims resourceclaims/status resourceclaimtemplates"),
];

pub(super) const NODE: &[Line] = &[
    on("create", AUTHENTICATION, "tokenreviews"),
    on("create", AUTHORIZATION, "localsubjectaccessreviews subjectaccessreviews"),
    on(READ, "core", "services"),
    on("create get list watch", "core", "nodes"),
    on("patch update", "core", "nodes/status"),
    on("patch update", "core", "nodes"),
    on("create patch update", "core events.k8s.io", "events"),
    on(READ, "core", "pods"),
    on("create delete", "core", "pods"),
    on("patch update", "core", "pods/status"),
    on("create", "core", "pods/eviction"),
    on(READ, "core", "configmaps secrets"),
    on("get", "core", "persistentvolumeclaims persistentvolumes"),
    on("get", "core", "endpoints"),
    on("create get list watch", CERTIFICATES, "certificatesigningrequests"),
    on("create delete get patch update", COORDINATION, "leases"),
    on("get", STORAGE, "volumeattachments"),
    on("create", "core", "serviceaccounts/token"),
    on("get patch update", "core", "persistentvolumeclaims/status"),
    on(READ, STORAGE, "csidrivers"),
    on("create delete get patch update", STORAGE, "csinodes"),
    on(READ, "node.k8s.io", "runtimeclasses"),
    on(READ, CERTIFICATES, "clustertrustbundles"),
];

const NODE_PROXIER: &[Line] = &[
    on("list watch", "core", "endpoints services"),
    on(READ, "core", "nodes"),
    EVENTS,
    on("list watch", DISCOVERY, "endpointslices"),
    on("list watch", NETWORKING, "servicecidrs"),
];

/// Ours: what a node's network follows, and the annotations by which it tells other nodes the way to its pods.
const NETWORK: &[Line] = &[
    on("list watch", "core", "namespaces pods services"),
    on("list watch", DISCOVERY, "endpointslices"),
    on("list watch", NETWORKING, "networkpolicies"),
    on("get list patch watch", "core", "nodes"),
];

/// Ours: what a node needs to make volumes of its own disk. Which it makes and removes is for admission to see.
const LOCAL_PATH: &[Line] = &[
    on(READ, "core", "persistentvolumeclaims"),
    on("create delete get list watch", "core", "persistentvolumes"),
    on(READ, STORAGE, "storageclasses"),
];

const CONTROLLER_MANAGER: &[Line] = &[
    EVENTS,
    on("create", COORDINATION, "leases"),
    named("get update", COORDINATION, "leases", "kube-controller-manager"),
    on("create", "core", "secrets serviceaccounts"),
    on("delete", "core", "secrets"),
    on("get", "core", "configmaps namespaces secrets serviceaccounts"),
    on("update", "core", "secrets serviceaccounts"),
    on("create", AUTHENTICATION, "tokenreviews"),
    on("create", AUTHORIZATION, "subjectaccessreviews"),
    on("list watch", "*", "*"),
    on("create", "core", "serviceaccounts/token"),
];

const SCHEDULER: &[Line] = &[
    EVENTS,
    on("create", COORDINATION, "leases"),
    named("get list update watch", COORDINATION, "leases", "kube-scheduler"),
    on(READ, "core", "nodes"),
    on("delete get list watch", "core", "pods"),
    on("create", "core", "bindings pods/binding"),
    on("patch update", "core", "pods/status"),
    on(READ, "core", "replicationcontrollers services"),
    on(READ, "apps extensions", "replicasets"),
    on(READ, "apps", "statefulsets"),
    on(READ, "policy", "poddisruptionbudgets"),
    on(READ, "core", "persistentvolumeclaims persistentvolumes"),
    on("create", AUTHENTICATION, "tokenreviews"),
    on("create", AUTHORIZATION, "subjectaccessreviews"),
    on(READ, STORAGE, "csinodes"),
    on(READ, "core", "namespaces"),
    on(READ, STORAGE, "csidrivers"),
    on(READ, STORAGE, "csistoragecapacities"),
    on(READ, STORAGE, "volumeattachments"),
];

pub const BINDINGS: &[Binding] = &[
    bind("cluster-admin", &["Group:system:masters"]),
    Binding { name: "kubeadm:cluster-admins", ..bind("cluster-admin", &["Group:kubeadm:cluster-admins"]) },
    bind("system:monitoring", &["Group:system:monitoring"]),
    bind("system:discovery", &["Group:system:authenticated"]),
    bind("system:basic-user", &["Group:system:authenticated"]),
    bind("system:public-info-viewer", &["Group:system:authenticated", "Group:system:unauthenticated"]),
    bind("system:service-account-issuer-discovery", &["Group:system:serviceaccounts"]),
    // The Node authorizer decides about nodes.
    bind("system:node", &[]),
    bind("system:node-proxier", &["User:system:kube-proxy"]),
    bind("barque:network", &["User:system:kube-proxy", "Group:system:nodes"]),
    bind("barque:local-path", &["Group:system:nodes"]),
    bind("system:kube-controller-manager", &["User:system:kube-controller-manager"]),
    bind("system:kube-dns", &["ServiceAccount:kube-system:kube-dns"]),
    bind("system:kube-scheduler", &["User:system:kube-scheduler"]),
    bind("system:volume-scheduler", &["User:system:kube-scheduler"]),
];

/// A ClusterRoleBinding of the role's name.
const fn bind(role: &'static str, subjects: &'static [&'static str]) -> Binding {
    Binding { name: role, namespace: "", role, subjects }
}
