//! From `apiVersion` and `kind` to the type's OpenAPI name, and back.

use crate::table;

/// API groups whose Go package has another name than the group's first word.
const PACKAGES: &[(&str, &str)] = &[
    ("", "io.k8s.api.core"),
    ("apiextensions.k8s.io", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions"),
    ("apiregistration.k8s.io", "io.k8s.kube-aggregator.pkg.apis.apiregistration"),
    ("internal.apiserver.k8s.io", "io.k8s.api.apiserverinternal"),
    ("meta.k8s.io", META),
    ("metrics.k8s.io", "io.k8s.metrics.pkg.apis.metrics"),
    ("rbac.authorization.k8s.io", "io.k8s.api.rbac"),
];

/// Groups named `WORD.k8s.io`, or plainly `WORD`; all others are custom.
const PLAIN: &[&str] = &["apps", "autoscaling", "batch", "policy"];

const META: &str = "io.k8s.apimachinery.pkg.apis.meta";

/// The built-in type of a kind. Kinds of every group (Status, DeleteOptions, WatchEvent, ...) are found in any.
pub fn type_of(api_version: &str, kind: &str) -> Option<&'static str> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let package = package_of(group);
    let own = package.and_then(|package| table::find(&format!("{package}.{version}.{kind}")));
    let number = own.or_else(|| table::find(&format!("{META}.v1.{kind}")))?;
    table::is_kind(number).then(|| table::type_name(number))
}

/// `(group, version, kind)` of a built-in type that stands alone.
pub fn kind_of(type_name: &str) -> Option<(&'static str, &'static str, &'static str)> {
    let number = table::find(type_name).filter(|number| table::is_kind(*number))?;
    let name = table::type_name(number);
    let (rest, kind) = name.rsplit_once('.')?;
    let (package, version) = rest.rsplit_once('.')?;
    let group = PACKAGES.iter().find(|(group, known)| *known == package && *group != "meta.k8s.io");
    if let Some((group, _)) = group {
        return Some((group, version, kind));
    }
    let word = package.rsplit('.').next()?;
    if package == META {
        return Some(("", version, kind));
    }
    Some((GROUPS.iter().find(|group| group.split('.').next() == Some(word)).copied().unwrap_or(word), version, kind))
}

/// Groups that end in `.k8s.io` and whose package is their first word.
const GROUPS: &[&str] = &[
    "admission.k8s.io",
    "admissionregistration.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

fn package_of(group: &str) -> Option<String> {
    if let Some((_, package)) = PACKAGES.iter().find(|(known, _)| *known == group) {
        return Some((*package).to_owned());
    }
    let known = GROUPS.contains(&group) || PLAIN.contains(&group);
    let word = group.split('.').next().filter(|_| known)?;
    Some(format!("io.k8s.api.{word}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_types_lead_to_each_other() {
        for (api_version, kind, name) in [
            ("v1", "Pod", "io.k8s.api.core.v1.Pod"),
            ("apps/v1", "DeploymentList", "io.k8s.api.apps.v1.DeploymentList"),
            ("rbac.authorization.k8s.io/v1", "Role", "io.k8s.api.rbac.v1.Role"),
            ("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "io.k8s.api.flowcontrol.v1.FlowSchema"),
        ] {
            assert_eq!(type_of(api_version, kind), Some(name));
            let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
            assert_eq!(kind_of(name), Some((group, version, kind)));
        }
        let status = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
        assert_eq!(type_of("v1", "Status"), Some(status));
        assert_eq!(type_of("example.com/v1", "Pod"), None);
        assert_eq!(type_of("apps/v1", "DeploymentSpec"), None);
    }
}
