//! Where resources are: paths and queries.

use apimachinery::GroupVersionResource as Gvr;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands for itself in a URL; names of objects consist of little else.
const UNTOUCHED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `/apis/apps/v1/namespaces/default/deployments/web/status`; empty parts are left out.
pub(super) fn path(of: &Gvr, namespace: &str, name: &str, subresource: &str) -> String {
    let root = if of.group.is_empty() { "/api" } else { "/apis" };
    let space = if namespace.is_empty() { "" } else { "namespaces" };
    let mut path = root.to_owned();
    for part in [&of.group, &of.version, space, namespace, &of.resource, name, subresource] {
        if !part.is_empty() {
            path.push('/');
            path.extend(utf8_percent_encode(part, UNTOUCHED));
        }
    }
    path
}

/// `path?a=1&b=2`; empty values are left out.
pub(super) fn with_query(mut path: String, query: &[(&str, &str)]) -> String {
    let mut separator = '?';
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        path.push(separator);
        path.push_str(name);
        path.push('=');
        path.extend(utf8_percent_encode(value, UNTOUCHED));
        separator = '&';
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinds::resources::{DEPLOYMENTS, NODES, PODS};

    #[test]
    fn resources_have_their_paths() {
        assert_eq!(path(&NODES, "", "n1", ""), "/api/v1/nodes/n1");
        assert_eq!(path(&PODS, "", "", ""), "/api/v1/pods");
        assert_eq!(path(&DEPLOYMENTS, "a", "b", "status"), "/apis/apps/v1/namespaces/a/deployments/b/status");
        let roles = Gvr::of("rbac.authorization.k8s.io", "v1", "clusterroles");
        let path = path(&roles, "", "system:node", "");
        assert_eq!(path, "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode");
    }

    #[test]
    fn queries_are_encoded() {
        let query = [("labelSelector", "a=b,c in (d,é)"), ("continue", ""), ("limit", "500")];
        let expected = "/x?labelSelector=a%3Db%2Cc%20in%20%28d%2C%C3%A9%29&limit=500";
        assert_eq!(with_query("/x".to_owned(), &query), expected);
    }
}
