//! Schema facts of every built-in type and of custom resources, behind one small view: [`SchemaRef`].
//!
//! The built-in facts are a generated table (`cargo xtask schema`); nothing here names a kind.

mod finding;
pub mod kinds;
pub mod openapi;
pub mod protobuf;
pub mod structural;
mod table;

pub use finding::Finding;
pub use structural::Structural;
use table::Kind;
pub use table::TypeUse;

/// A place in a schema. Copy it, walk it with `field` and `elem`.
#[derive(Clone, Copy, Debug)]
pub enum SchemaRef<'a> {
    /// A built-in type's use in a field (or a root type).
    Builtin(&'static TypeUse),
    /// A node of a custom resource's structural schema.
    Custom(&'a Structural),
    /// Anything goes (`x-kubernetes-preserve-unknown-fields`, RawExtension, untyped).
    Any,
}

/// How a value at a place is merged and checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape<'a> {
    Scalar(Scalar),
    /// An object with known fields.
    Struct {
        atomic: bool,
    },
    /// An object whose keys are free.
    Map {
        atomic: bool,
    },
    List(ListType<'a>),
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ListType<'a> {
    Atomic,
    Set,
    Map(Keys<'a>),
}

/// The key fields of a list-map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Keys<'a> {
    Static(&'static [&'static str]),
    Custom(&'a [String]),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    String,
    /// base64 text
    Bytes,
    Bool,
    Int32,
    Int64,
    Double,
    IntOrString,
    Quantity,
    Time,
    MicroTime,
}

/// `patchStrategy` of a field, for strategic merge patches.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct PatchStrategy {
    pub merge: bool,
    pub retain_keys: bool,
    pub replace: bool,
    pub merge_key: Option<&'static str>,
}

impl Scalar {
    fn go_type(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Bytes => "[]uint8",
            Self::Bool => "bool",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Double => "float64",
            Self::IntOrString => "intstr.IntOrString",
            Self::Quantity => "resource.Quantity",
            Self::Time => "v1.Time",
            Self::MicroTime => "v1.MicroTime",
        }
    }
}

/// A type that surely has apiVersion and kind.
const STRING_HOLDER: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";

impl<'a> SchemaRef<'a> {
    /// The schema of a field; None if the type has no such field. Of a map: the schema of its values.
    pub fn field(self, name: &str) -> Option<SchemaRef<'a>> {
        match self {
            Self::Builtin(used) if used.kind == Kind::Struct => used.field(name).map(|row| Self::of(row.used())),
            Self::Builtin(used) if used.kind == Kind::Map => Some(Self::of(used.elem())),
            Self::Builtin(_) => None,
            Self::Custom(node) => node.field(name),
            Self::Any => Some(Self::Any),
        }
    }

    /// The schema of a list's items or a map's values.
    pub fn elem(self) -> SchemaRef<'a> {
        match self {
            Self::Builtin(used) if matches!(used.kind, Kind::List | Kind::Wrapped | Kind::Map) => Self::of(used.elem()),
            Self::Custom(node) => node.elem(),
            Self::Builtin(_) | Self::Any => Self::Any,
        }
    }

    pub fn shape(self) -> Shape<'a> {
        match self {
            Self::Builtin(used) => builtin_shape(used),
            Self::Custom(node) => node.shape(),
            Self::Any => Shape::Any,
        }
    }

    /// Facts for strategic merge; custom resources have none.
    pub fn patch_strategy(self) -> PatchStrategy {
        match self {
            Self::Builtin(used) => used.patch(),
            Self::Custom(_) | Self::Any => PatchStrategy::default(),
        }
    }

    /// The OpenAPI name of a built-in struct, `io.k8s.api.apps.v1.Deployment`.
    pub fn type_name(self) -> Option<&'static str> {
        match self {
            Self::Builtin(used) if used.kind == Kind::Struct => Some(table::type_name(used.type_number())),
            _ => None,
        }
    }

    /// The Go type of a built-in place, as decoding errors name it: `int32`, `[]v1.Container`, `map[string]string`.
    pub fn go_type(self) -> String {
        match self.shape() {
            Shape::Struct { .. } => {
                let name = self.type_name().unwrap_or("object");
                let from = name.rmatch_indices('.').nth(1).map_or(0, |(at, _)| at + 1);
                name[from..].to_owned()
            }
            Shape::Map { .. } => format!("map[string]{}", self.elem().go_type()),
            Shape::List(_) => format!("[]{}", self.elem().go_type()),
            Shape::Scalar(scalar) => scalar.go_type().to_owned(),
            Shape::Any => "runtime.RawExtension".to_owned(),
        }
    }

    /// The fields of a struct with known fields, sorted by name.
    pub fn fields(self) -> Box<dyn Iterator<Item = (&'a str, SchemaRef<'a>)> + 'a> {
        match self {
            Self::Builtin(used) => Box::new(used.fields().iter().map(|row| (row.name(), Self::of(row.used())))),
            Self::Custom(node) => Box::new(node.properties.iter().map(|(name, inner)| (name.as_str(), inner.view()))),
            Self::Any => Box::new(std::iter::empty()),
        }
    }

    /// Names of the fields OpenAPI marks required in a built-in struct.
    pub fn required(self) -> impl Iterator<Item = &'static str> {
        let rows = if let Self::Builtin(used) = self { used.fields() } else { &[] };
        rows.iter().filter(|row| row.required).map(table::FieldRow::name)
    }

    /// A scalar field's or list's schema; free-form JSON is [`SchemaRef::Any`].
    fn of(used: &'static TypeUse) -> SchemaRef<'a> {
        match used.kind {
            Kind::Fields
            | Kind::Raw
            | Kind::Json
            | Kind::SchemaOrArray
            | Kind::SchemaOrBool
            | Kind::SchemaOrStrings => Self::Any,
            _ => Self::Builtin(used),
        }
    }
}

fn builtin_shape(used: &'static TypeUse) -> Shape<'static> {
    match used.kind {
        Kind::String | Kind::Duration => Shape::Scalar(Scalar::String),
        Kind::Bytes => Shape::Scalar(Scalar::Bytes),
        Kind::Bool => Shape::Scalar(Scalar::Bool),
        Kind::Int32 => Shape::Scalar(Scalar::Int32),
        Kind::Int64 => Shape::Scalar(Scalar::Int64),
        Kind::Double => Shape::Scalar(Scalar::Double),
        Kind::Time => Shape::Scalar(Scalar::Time),
        Kind::MicroTime => Shape::Scalar(Scalar::MicroTime),
        Kind::Quantity => Shape::Scalar(Scalar::Quantity),
        Kind::IntOrString => Shape::Scalar(Scalar::IntOrString),
        Kind::Struct => Shape::Struct { atomic: used.atomic },
        Kind::Map => Shape::Map { atomic: used.atomic },
        Kind::List | Kind::Wrapped => Shape::List(match used.list_keys() {
            None => ListType::Atomic,
            Some([]) => ListType::Set,
            Some(keys) => ListType::Map(Keys::Static(keys)),
        }),
        Kind::Fields | Kind::Raw | Kind::Json | Kind::SchemaOrArray | Kind::SchemaOrBool | Kind::SchemaOrStrings => {
            Shape::Any
        }
    }
}

/// The root of a built-in type by its OpenAPI name, `io.k8s.api.apps.v1.Deployment`.
pub fn builtin(name: &str) -> Option<SchemaRef<'static>> {
    table::find(name).map(|number| SchemaRef::Builtin(table::root(number)))
}

/// The OpenAPI names of all built-in types, sorted.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    (0..table::type_count()).map(table::type_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn at(root: &str, path: &str) -> SchemaRef<'static> {
        let mut place = builtin(root).expect(root);
        for part in path.split('.').filter(|part| !part.is_empty()) {
            place = if part == "*" { place.elem() } else { place.field(part).expect(part) };
        }
        place
    }

    const DEPLOYMENT: &str = "io.k8s.api.apps.v1.Deployment";
    const POD_SPEC: &str = "spec.template.spec";

    #[test]
    fn merge_keys_and_list_keys_differ() {
        let ports = at(DEPLOYMENT, &format!("{POD_SPEC}.containers.*.ports"));
        assert_eq!(ports.shape(), Shape::List(ListType::Map(Keys::Static(&["containerPort", "protocol"]))));
        assert_eq!(ports.patch_strategy().merge_key, Some("containerPort"));
        let volumes = at(DEPLOYMENT, &format!("{POD_SPEC}.volumes")).patch_strategy();
        assert_eq!((volumes.merge, volumes.retain_keys, volumes.merge_key), (true, true, Some("name")));
        assert!(at(DEPLOYMENT, "spec.strategy").patch_strategy().retain_keys);
    }

    #[test]
    fn atomic_places() {
        assert_eq!(at(DEPLOYMENT, "spec.selector").shape(), Shape::Struct { atomic: true });
        assert_eq!(at(DEPLOYMENT, &format!("{POD_SPEC}.nodeSelector")).shape(), Shape::Map { atomic: true });
        assert_eq!(at(DEPLOYMENT, "metadata.labels").shape(), Shape::Map { atomic: false });
        assert_eq!(at(DEPLOYMENT, "metadata.finalizers").shape(), Shape::List(ListType::Set));
        assert!(at(DEPLOYMENT, "metadata.finalizers").patch_strategy().merge);
        let owners = at(DEPLOYMENT, "metadata.ownerReferences");
        assert_eq!(owners.shape(), Shape::List(ListType::Map(Keys::Static(&["uid"]))));
        assert_eq!(owners.elem().shape(), Shape::Struct { atomic: true });
        let claim = at("io.k8s.api.core.v1.PersistentVolume", "spec.claimRef");
        assert_eq!(claim.shape(), Shape::Struct { atomic: false });
    }

    #[test]
    fn inline_embeddings_are_flat() {
        at(DEPLOYMENT, &format!("{POD_SPEC}.volumes.*.configMap.name"));
        at(DEPLOYMENT, &format!("{POD_SPEC}.containers.*.livenessProbe.httpGet.port"));
        at(DEPLOYMENT, &format!("{POD_SPEC}.ephemeralContainers.*.targetContainerName"));
        at("io.k8s.api.networking.v1.Ingress", "spec.rules.*.http.paths.*.backend.service.port.number");
    }

    #[test]
    fn quirky_names() {
        assert_eq!(at("io.k8s.api.core.v1.Pod", "status.podIPs.*.ip").shape(), Shape::Scalar(Scalar::String));
        at("io.k8s.api.core.v1.Service", "spec.clusterIPs");
        at("io.k8s.api.batch.v1beta1.CronJob", "spec.jobTemplate.spec.template.spec.containers");
        at("io.k8s.api.core.v1.PodLogOptions", "insecureSkipTLSVerifyBackend");
        at("io.k8s.api.storage.v1.CSIDriverList", "items.*.metadata.name");
        let crd = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition";
        at(crd, "spec.versions.*.schema.openAPIV3Schema.properties.*.x-kubernetes-list-map-keys");
    }

    #[test]
    fn go_types() {
        assert_eq!(at(DEPLOYMENT, "spec.replicas").go_type(), "int32");
        assert_eq!(at(DEPLOYMENT, &format!("{POD_SPEC}.containers")).go_type(), "[]v1.Container");
        assert_eq!(at(DEPLOYMENT, "metadata.labels").go_type(), "map[string]string");
    }

    #[test]
    fn required_fields_are_openapis() {
        let spec = at(DEPLOYMENT, "spec");
        assert_eq!(spec.required().collect::<Vec<_>>(), ["selector", "template"]);
        assert_eq!(spec.type_name(), Some("io.k8s.api.apps.v1.DeploymentSpec"));
    }
}
