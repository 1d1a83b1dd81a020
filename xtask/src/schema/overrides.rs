//! What neither crate knows, or what prost's and k8s-openapi's renaming lost. Source: upstream's `types.go` files.

use super::protobuf::{Field, Kind};

/// Packages of k8s-pb that k8s-openapi has no types of, and that clients still use.
pub const EXTRA_PACKAGES: &[&str] = &[
    "io.k8s.api.admission.v1",
    "io.k8s.api.batch.v1beta1",
    "io.k8s.api.policy.v1beta1",
    "io.k8s.metrics.pkg.apis.metrics.v1beta1",
];

/// Messages whose JSON is not an object of their fields, and how the text form writes them.
pub const SPECIAL: &[(&str, &str)] = &[
    ("io.k8s.apimachinery.pkg.apis.meta.v1.Time", "time"),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime", "microtime"),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.Duration", "duration"),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1", "fields"),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.Verbs", "<string>"),
    ("io.k8s.apimachinery.pkg.api.resource.Quantity", "quantity"),
    ("io.k8s.apimachinery.pkg.util.intstr.IntOrString", "intorstring"),
    ("io.k8s.apimachinery.pkg.runtime.RawExtension", "raw"),
    ("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON", "json"),
    ("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray", "schemaorarray"),
    ("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool", "schemaorbool"),
    ("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray", "schemaorstrings"),
    ("io.k8s.api.authentication.v1.ExtraValue", "<string>"),
    ("io.k8s.api.authorization.v1.ExtraValue", "<string>"),
    ("io.k8s.api.certificates.v1.ExtraValue", "<string>"),
    ("io.k8s.api.certificates.v1beta1.ExtraValue", "<string>"),
];

/// Type names that differ from what prost made of them.
pub const TYPE_NAMES: &[(&str, &str)] = &[];

/// Types without a resource of their own that stand alone in requests or answers.
pub const KINDS: &[&str] = &[
    "APIGroup",
    "APIGroupList",
    "APIResourceList",
    "APIVersions",
    "CreateOptions",
    "DeleteOptions",
    "GetOptions",
    "ListOptions",
    "NodeProxyOptions",
    "PartialObjectMetadata",
    "PatchOptions",
    "PodAttachOptions",
    "PodExecOptions",
    "PodLogOptions",
    "PodPortForwardOptions",
    "PodProxyOptions",
    "ServiceProxyOptions",
    "TableOptions",
    "UpdateOptions",
    "AdmissionReview",
    "Eviction",
    "Scale",
    "CronJob",
    "PodDisruptionBudget",
    "NodeMetrics",
    "PodMetrics",
    "Status",
    "TokenRequest",
    "RangeAllocation",
    "SerializedReference",
    "PodStatusResult",
    "List",
    "WatchEvent",
];

/// `(type, prost field)`: Go embeds the field's message inline, so that JSON shows the inner fields.
pub const INLINE: &[(&str, &str)] = &[
    ("ConfigMapEnvSource", "local_object_reference"),
    ("ConfigMapKeySelector", "local_object_reference"),
    ("ConfigMapProjection", "local_object_reference"),
    ("ConfigMapVolumeSource", "local_object_reference"),
    ("DeviceAllocationConfiguration", "device_configuration"),
    ("DeviceClaimConfiguration", "device_configuration"),
    ("DeviceClassConfiguration", "device_configuration"),
    ("EphemeralContainer", "ephemeral_container_common"),
    ("IngressRule", "ingress_rule_value"),
    ("NamedRuleWithOperations", "rule"),
    ("NamedRuleWithOperations", "rule_with_operations"),
    ("PersistentVolumeSpec", "persistent_volume_source"),
    ("Probe", "handler"),
    ("RuleWithOperations", "rule"),
    ("SecretEnvSource", "local_object_reference"),
    ("SecretKeySelector", "local_object_reference"),
    ("SecretProjection", "local_object_reference"),
    ("Volume", "volume_source"),
];

/// `(type, prost field, JSON name)`; `*` stands for any type.
pub const NAMES: &[(&str, &str, &str)] = &[
    ("*", "desired_api_version", "desiredAPIVersion"),
    ("*", "insecure_skip_tls_verify_backend", "insecureSkipTLSVerifyBackend"),
    ("PersistentVolumeSource", "scale_io", "scaleIO"),
    ("Rule", "api_groups", "apiGroups"),
    ("Rule", "api_versions", "apiVersions"),
    ("TypeMeta", "api_version", "apiVersion"),
    ("VolumeSource", "downward_api", "downwardAPI"),
    ("VolumeSource", "scale_io", "scaleIO"),
];

/// Words whose case in upstream's names cannot be told from prost's: fields with them need a line in [`NAMES`].
pub const ACRONYMS: &[&str] =
    &["api", "cidr", "csi", "dns", "id", "io", "ip", "ips", "nfs", "tls", "uid", "uri", "url"];

/// Optional numbers and booleans that Go holds without a pointer and leaves out of JSON when they are zero; `*` stands for
/// any type. A zero in protobuf means absent for these, and is a real value for all other optional fields.
const OMIT_ZERO: &[(&str, &str)] = &[
    ("*", "active"),
    ("*", "allowWatchBookmarks"),
    ("*", "authenticated"),
    ("*", "chapAuthDiscovery"),
    ("*", "chapAuthSession"),
    ("*", "clusterScope"),
    ("*", "code"),
    ("Event", "count"),
    ("EventSeries", "count"),
    ("*", "denied"),
    ("*", "deprecated"),
    ("*", "deprecatedCount"),
    ("*", "exclusiveMaximum"),
    ("*", "exclusiveMinimum"),
    ("*", "failed"),
    ("Probe", "failureThreshold"),
    ("*", "follow"),
    ("*", "fullyLabeledReplicas"),
    ("*", "generation"),
    ("*", "globalDefault"),
    ("*", "healthCheckNodePort"),
    ("*", "hostIPC"),
    ("*", "hostNetwork"),
    ("*", "hostPID"),
    ("*", "hostPort"),
    ("*", "initialDelaySeconds"),
    ("*", "insecureSkipTLSVerify"),
    ("*", "insecureSkipTLSVerifyBackend"),
    ("*", "limit"),
    ("*", "minReadySeconds"),
    ("*", "nodePort"),
    ("*", "nullable"),
    ("ServiceBackendPort", "number"),
    ("*", "numberAvailable"),
    ("*", "numberUnavailable"),
    ("*", "observedGeneration"),
    ("AWSElasticBlockStoreVolumeSource", "partition"),
    ("GCEPersistentDiskVolumeSource", "partition"),
    ("*", "paused"),
    ("Probe", "periodSeconds"),
    ("*", "preserveUnknownFields"),
    ("*", "previous"),
    ("CustomResourceColumnDefinition", "priority"),
    ("*", "publishNotReadyAddresses"),
    ("*", "readOnly"),
    ("*", "readyReplicas"),
    ("*", "retryAfterSeconds"),
    ("*", "signal"),
    ("*", "sizeBytes"),
    ("*", "sslEnabled"),
    ("*", "stderr"),
    ("*", "stdin"),
    ("*", "stdinOnce"),
    ("*", "stdout"),
    ("*", "succeeded"),
    ("Probe", "successThreshold"),
    ("ServicePort", "targetPort"),
    ("Probe", "timeoutSeconds"),
    ("*", "timestamps"),
    ("*", "tty"),
    ("*", "unavailableReplicas"),
    ("*", "uniqueItems"),
    ("*", "unschedulable"),
    ("*", "updatedNumberScheduled"),
    ("*", "updatedReplicas"),
    ("*", "watch"),
    ("JSONSchemaProps", "x-kubernetes-embedded-resource"),
    ("JSONSchemaProps", "x-kubernetes-int-or-string"),
];

/// Optional texts whose empty value says something.
const EMPTY_TEXT_COUNTS: &[(&str, &str)] = &[
    ("EndpointPort", "name"),
    ("IngressSpec", "ingressClassName"),
    ("LeaseSpec", "holderIdentity"),
    ("PersistentVolumeClaimSpec", "storageClassName"),
    ("PersistentVolumeClaimSpec", "volumeAttributesClassName"),
    ("PodSpec", "hostnameOverride"),
];

/// Whether Go holds the optional field without a pointer and writes no zero: then a zero from protobuf means absent.
pub fn omits_zero(owner: &str, name: &str, field: &Field) -> bool {
    let short = owner.rsplit('.').next().unwrap_or_default();
    let listed = |list: &[(&str, &str)]| list.iter().any(|(of, field)| (*of == "*" || *of == short) && *field == name);
    match &field.kind {
        Kind::Scalar(kind) if kind == "string" => !listed(EMPTY_TEXT_COUNTS),
        Kind::Scalar(kind) if kind == "bytes" => true,
        Kind::Scalar(_) | Kind::Message(_) => listed(OMIT_ZERO),
        Kind::Repeated(_) | Kind::Map(_) => false,
    }
}

/// Its struct in k8s-openapi is an enum with fields of its own.
pub const WATCH_EVENT: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent";
