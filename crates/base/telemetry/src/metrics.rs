//! What the parts count as it happens: one registry for the process, handed to each of them, read by the API server.

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::{Metric, Registry};
use std::sync::{Arc, Mutex, PoisonError};

/// All counters of this process. Clone it freely.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Mutex<Registry>>);

impl Metrics {
    /// Adds a metric. The name is upstream's; of a counter without its `_total`.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).register(name, help, metric);
    }

    /// Their values now, in Prometheus' text format 0.0.4.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing into a text cannot fail.
        _ = encode(&mut out, &self.0.lock().unwrap_or_else(PoisonError::into_inner));
        classic(&out)
    }
}

/// OpenMetrics writes a counter's name without `_total` above its values, and an end; the older format, which every
/// scraper reads, does neither.
fn classic(text: &str) -> String {
    let counters: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut out = String::with_capacity(text.len());
    for line in text.lines().filter(|line| *line != "# EOF") {
        let renamed = ["# HELP ", "# TYPE "].iter().find_map(|start| {
            let (name, rest) = line.strip_prefix(start)?.split_once(' ')?;
            counters.contains(&name).then(|| format!("{start}{name}_total {rest}"))
        });
        out += renamed.as_deref().unwrap_or(line);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::metrics::counter::Counter;

    #[test]
    fn a_counter_is_named_as_its_values_are() {
        let (metrics, counter) = (Metrics::default(), Counter::<u64>::default());
        metrics.register("a", "What it is", counter.clone());
        counter.inc();
        assert_eq!(metrics.text(), "# HELP a_total What it is.\n# TYPE a_total counter\na_total 1\n");
    }
}
