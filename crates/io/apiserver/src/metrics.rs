//! What `/metrics` tells, under upstream's names.
//!
//! Upstream: `apiserver/pkg/endpoints/metrics/metrics.go`.

use crate::http::RequestInfo;
use http::StatusCode;
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    verb: String,
    group: String,
    version: String,
    resource: String,
    subresource: String,
    scope: String,
    code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DurationLabels {
    verb: String,
    group: String,
    version: String,
    resource: String,
}

pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<DurationLabels, Histogram>,
}

impl Default for Metrics {
    fn default() -> Self {
        let requests = Family::default();
        let durations: Family<DurationLabels, Histogram> = Family::new_with_constructor(|| Histogram::new(buckets()));
        let mut registry = Registry::default();
        registry.register(
            "apiserver_request",
            "Counter of apiserver requests broken out for each verb, resource and HTTP response code",
            requests.clone(),
        );
        registry.register(
            "apiserver_request_duration_seconds",
            "Response latency distribution in seconds for each verb and resource",
            durations.clone(),
        );
        Self { registry, requests, durations }
    }
}

fn buckets() -> impl Iterator<Item = f64> {
    [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0].into_iter()
}

impl Metrics {
    /// Counts one answered request. Paths of no resource are counted together.
    pub fn request(&self, info: &RequestInfo, status: StatusCode, took: Duration) {
        // Names of resources that do not exist must not fill the memory.
        let known = info.is_resource && status != StatusCode::NOT_FOUND && status != StatusCode::FORBIDDEN;
        let text = |value: &str| if known { value.to_owned() } else { String::new() };
        let verb = if info.is_resource { info.verb.to_ascii_uppercase() } else { "GET".to_owned() };
        let scope = match (known, info.name.is_empty(), info.namespace.is_empty()) {
            (false, ..) => "",
            (_, false, _) => "resource",
            (_, true, false) => "namespace",
            (_, true, true) => "cluster",
        };
        self.requests
            .get_or_create(&RequestLabels {
                verb: verb.clone(),
                group: text(&info.group),
                version: text(&info.version),
                resource: text(&info.resource),
                subresource: text(&info.subresource),
                scope: scope.to_owned(),
                code: status.as_u16(),
            })
            .inc();
        if !info.is_long_running() {
            let labels = DurationLabels {
                verb,
                group: text(&info.group),
                version: text(&info.version),
                resource: text(&info.resource),
            };
            self.durations.get_or_create(&labels).observe(took.as_secs_f64());
        }
    }

    /// The text a scraper reads.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing into a text cannot fail.
        _ = encode(&mut out, &self.registry);
        out
    }
}
