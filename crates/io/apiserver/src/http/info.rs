//! What a URL and a method ask for.
//!
//! Upstream: `apiserver/pkg/endpoints/request/requestinfo.go`.

use http::Method;
use percent_encoding::percent_decode_str;

/// A request's head in the API's terms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestInfo {
    pub path: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; of other paths the method in
    /// lower case.
    pub verb: String,
    /// Whether the path is one of a resource.
    pub is_resource: bool,
    pub group: String,
    pub version: String,
    pub namespace: String,
    pub resource: String,
    pub name: String,
    pub subresource: String,
    /// What stands behind the subresource (`proxy/a/b`).
    pub rest: String,
    pub query: Vec<(String, String)>,
}

/// Subresources of a namespace, which look like resources in it.
const OF_NAMESPACES: [&str; 2] = ["status", "finalize"];

impl RequestInfo {
    pub fn parse(method: &Method, path: &str, query: &str) -> Self {
        let mut info = Self {
            path: path.to_owned(),
            verb: method.as_str().to_ascii_lowercase(),
            query: pairs(query),
            ..Self::default()
        };
        let parts: Vec<String> =
            path.split('/').filter(|part| !part.is_empty()).map(|part| decoded(part, false)).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => info.resource_path("", version, rest, method),
            ["apis", group, version, rest @ ..] if !rest.is_empty() => {
                info.resource_path(group, version, rest, method);
            }
            _ => {}
        }
        info
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether the answer may take as long as it likes.
    pub fn is_long_running(&self) -> bool {
        const STREAMS: [&str; 5] = ["proxy", "log", "exec", "attach", "portforward"];
        self.verb == "watch" || STREAMS.contains(&self.subresource.as_str())
    }

    pub fn is_mutating(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch" | "head" | "options")
    }

    fn resource_path(&mut self, group: &str, version: &str, rest: &[&str], method: &Method) {
        self.is_resource = true;
        group.clone_into(&mut self.group);
        version.clone_into(&mut self.version);
        let (watch, rest) = match rest {
            ["watch", rest @ ..] if !rest.is_empty() => (true, rest),
            rest => (false, rest),
        };
        let place = match rest {
            ["namespaces", name, sub @ ..] if sub.is_empty() || OF_NAMESPACES.contains(&sub[0]) => {
                self.namespace = (*name).to_owned();
                rest
            }
            ["namespaces", namespace, rest @ ..] => {
                self.namespace = (*namespace).to_owned();
                rest
            }
            rest => rest,
        };
        let mut place = place.iter();
        self.resource = place.next().map(|text| text.to_string()).unwrap_or_default();
        self.name = place.next().map(|text| text.to_string()).unwrap_or_default();
        self.subresource = place.next().map(|text| text.to_string()).unwrap_or_default();
        self.rest = place.copied().collect::<Vec<_>>().join("/");
        self.verb = self.verb_of(method, watch);
    }

    fn verb_of(&self, method: &Method, watch: bool) -> String {
        let many = self.name.is_empty();
        let wants_watch =
            || self.value("watch").is_some_and(|text| text.is_empty() || (text != "false" && text != "0"));
        let verb = match *method {
            Method::GET | Method::HEAD if watch || (many && wants_watch()) => "watch",
            Method::GET | Method::HEAD if many => "list",
            Method::GET | Method::HEAD => "get",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if many => "deletecollection",
            Method::DELETE => "delete",
            _ => "",
        };
        verb.to_owned()
    }
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decoded(name, true), decoded(value, true))
        })
        .collect()
}

fn decoded(text: &str, plus_is_space: bool) -> String {
    if !text.contains(['%', '+']) {
        return text.to_owned();
    }
    let text = if plus_is_space { text.replace('+', " ") } else { text.to_owned() };
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::RequestInfo;
    use http::Method;

    #[test]
    fn paths_are_understood() {
        check("GET /api/v1/namespaces/d/pods/a/log", "get core/v1 d pods a log");
        check("GET /api/v1/pods?watch=1", "watch core/v1  pods  ");
        check("GET /api/v1/watch/namespaces/d/pods", "watch core/v1 d pods  ");
        check("GET /api/v1/namespaces/d", "get core/v1 d namespaces d ");
        check("PUT /api/v1/namespaces/d/finalize", "update core/v1 d namespaces d finalize");
        check("DELETE /apis/apps/v1/namespaces/d/deployments", "deletecollection apps/v1 d deployments  ");
        check("POST /apis/apps/v1/namespaces/d/deployments", "create apps/v1 d deployments  ");
        check("PATCH /apis/apps/v1/namespaces/d/deployments/x%41/scale", "patch apps/v1 d deployments xA scale");
        check("GET /apis/apps/v1", "path get /apis/apps/v1");
        check("POST /healthz", "path post /healthz");
    }

    #[track_caller]
    fn check(request: &str, expected: &str) {
        let (method, url) = request.split_once(' ').unwrap();
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let info = RequestInfo::parse(&Method::from_bytes(method.as_bytes()).unwrap(), path, query);
        let shown = if info.is_resource {
            let group = if info.group.is_empty() { "core" } else { &info.group };
            format!(
                "{} {group}/{} {} {} {} {}",
                info.verb, info.version, info.namespace, info.resource, info.name, info.subresource
            )
        } else {
            format!("path {} {}", info.verb, info.path)
        };
        assert_eq!(shown, expected);
    }
}
