//! What `/metrics` tells, under upstream's names.
//!
//! Upstream: `apiserver/pkg/endpoints/metrics/metrics.go`.

use crate::http::RequestInfo;
use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use std::time::Duration;
use telemetry::exposition::Exposition;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DurationLabels {
    verb: &'static str,
    dry_run: &'static str,
    group: String,
    version: String,
    resource: String,
    subresource: String,
    scope: &'static str,
    component: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    verb: &'static str,
    dry_run: &'static str,
    group: String,
    version: String,
    resource: String,
    subresource: String,
    scope: &'static str,
    component: &'static str,
    code: u16,
}

pub struct Metrics {
    /// Ours and the other parts'.
    of_process: telemetry::Metrics,
    requests: Family<RequestLabels, Counter>,
    durations: Family<DurationLabels, Histogram>,
}

impl Metrics {
    pub fn new(of_process: &telemetry::Metrics) -> Self {
        let requests = Family::default();
        let durations: Family<DurationLabels, Histogram> = Family::new_with_constructor(|| Histogram::new(buckets()));
        of_process.register(
            "apiserver_request",
            "Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code",
            requests.clone(),
        );
        of_process.register(
            "apiserver_request_duration_seconds",
            "Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component",
            durations.clone(),
        );
        Self { of_process: of_process.clone(), requests, durations }
    }
}

/// Upstream's.
fn buckets() -> impl Iterator<Item = f64> {
    [
        0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0,
        30.0, 45.0, 60.0,
    ]
    .into_iter()
}

impl Metrics {
    /// Counts one answered request. `known`: its path is that of a resource there is; all others are counted together,
    /// for names that strangers invent must not fill the memory. `applied`: a server-side apply.
    pub fn request(&self, info: &RequestInfo, known: bool, applied: bool, status: StatusCode, took: Duration) {
        let text = |value: &str| if known { value.to_owned() } else { String::new() };
        let scope = match (known, info.name.is_empty(), info.namespace.is_empty()) {
            (false, ..) => "",
            (_, false, _) => "resource",
            (_, true, false) => "namespace",
            (_, true, true) => "cluster",
        };
        let labels = DurationLabels {
            verb: if info.is_resource { verb_of(info, applied) } else { "GET" },
            dry_run: if info.value("dryRun") == Some("All") { "All" } else { "" },
            group: text(&info.group),
            version: text(&info.version),
            resource: text(&info.resource),
            subresource: text(&info.subresource),
            scope,
            component: "apiserver",
        };
        if !info.is_long_running() {
            self.durations.get_or_create(&labels).observe(took.as_secs_f64());
        }
        let DurationLabels { verb, dry_run, group, version, resource, subresource, scope, component } = labels;
        let code = status.as_u16();
        let labels = RequestLabels { verb, dry_run, group, version, resource, subresource, scope, component, code };
        self.requests.get_or_create(&labels).inc();
    }

    /// The text a scraper reads: what has been counted, and what was looked up `now`.
    pub fn text(&self, now: Exposition) -> String {
        self.of_process.text() + &now.finish()
    }
}

/// What upstream calls the verb: its routes are named after HTTP's methods.
fn verb_of(info: &RequestInfo, applied: bool) -> &'static str {
    match info.verb.as_str() {
        "get" => "GET",
        "list" => "LIST",
        "watch" => "WATCH",
        "create" if info.is_long_running() => "CONNECT",
        "create" => "POST",
        "update" => "PUT",
        "patch" if applied => "APPLY",
        "patch" => "PATCH",
        "delete" => "DELETE",
        "deletecollection" => "DELETECOLLECTION",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;
    use telemetry::exposition::Kind;

    #[test]
    fn names_and_labels_are_upstreams() {
        let metrics = Metrics::new(&telemetry::Metrics::default());
        let count = |method: Method, path: &str, query: &str, applied: bool, code: StatusCode| {
            let info = RequestInfo::parse(&method, path, query);
            metrics.request(&info, code != StatusCode::NOT_FOUND, applied, code, Duration::from_millis(30));
        };
        count(Method::POST, "/api/v1/namespaces/a/pods", "dryRun=All", false, StatusCode::CREATED);
        count(Method::PATCH, "/apis/apps/v1/namespaces/a/deployments/b/scale", "", true, StatusCode::OK);
        count(Method::GET, "/api/v1/nothing", "", false, StatusCode::NOT_FOUND);
        let mut now = Exposition::default();
        now.family("apiserver_storage_objects", Kind::Gauge, "Number").add(&[("resource", "pods")], 3.0, None);
        let text = metrics.text(now);
        for line in [
            "# TYPE apiserver_request_total counter",
            "# TYPE apiserver_request_duration_seconds histogram",
            "# TYPE apiserver_storage_objects gauge",
            "apiserver_storage_objects{resource=\"pods\"} 3",
            "apiserver_request_total{verb=\"POST\",dry_run=\"All\",group=\"\",version=\"v1\",resource=\"pods\",subresource=\"\",scope=\"namespace\",component=\"apiserver\",code=\"201\"} 1",
            "apiserver_request_total{verb=\"APPLY\",dry_run=\"\",group=\"apps\",version=\"v1\",resource=\"deployments\",subresource=\"scale\",scope=\"resource\",component=\"apiserver\",code=\"200\"} 1",
            "apiserver_request_total{verb=\"LIST\",dry_run=\"\",group=\"\",version=\"\",resource=\"\",subresource=\"\",scope=\"\",component=\"apiserver\",code=\"404\"} 1",
            "apiserver_request_duration_seconds_bucket{le=\"0.05\",verb=\"LIST\",dry_run=\"\",group=\"\",version=\"\",resource=\"\",subresource=\"\",scope=\"\",component=\"apiserver\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("# EOF"));
    }
}
