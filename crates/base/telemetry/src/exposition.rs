//! Prometheus' text format 0.0.4 for numbers that are looked up when a scraper asks.
//!
//! What is counted as it happens is in registries of `prometheus-client`; they write neither times of measurement nor
//! series that come and go with what is measured.

use std::fmt::Write;
use stdx::Timestamp;

pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
}

/// A text in the making: families one after the other, each with all of its values.
#[derive(Debug, Default)]
pub struct Exposition(String);

/// Values of one name. Without a value nothing is written.
pub struct Family<'a> {
    text: &'a mut String,
    name: &'a str,
    /// Written before the first value.
    head: Option<String>,
}

impl Exposition {
    /// Begins a family. Each name once: scrapers refuse the text otherwise.
    pub fn family<'a>(&'a mut self, name: &'a str, kind: Kind, help: &str) -> Family<'a> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let help = help.replace('\\', r"\\").replace('\n', r"\n");
        let head = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Family { text: &mut self.0, name, head: Some(head) }
    }

    pub fn finish(self) -> String {
        self.0
    }
}

impl Family<'_> {
    /// One value. `at`: when it was measured, if that is not now.
    pub fn add(&mut self, labels: &[(&str, &str)], value: f64, at: Option<Timestamp>) -> &mut Self {
        self.text.push_str(&self.head.take().unwrap_or_default());
        self.text.push_str(self.name);
        for (index, (name, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
            let before = if index == 0 { '{' } else { ',' };
            // Writing into a text cannot fail.
            _ = write!(self.text, "{before}{name}=\"{value}\"");
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        _ = write!(self.text, " {value}");
        if let Some(at) = at {
            _ = write!(self.text, " {}", at.0.as_millis());
        }
        self.text.push('\n');
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_scraper_can_read_it() {
        let mut text = Exposition::default();
        let at = Timestamp(Duration::from_millis(1_700_000_000_123));
        text.family("a_seconds_total", Kind::Counter, "Time\nspent").add(&[], 1.5, None).add(
            &[("a", "x\\y"), ("b", "\"\n")],
            20_000_000_000.0,
            Some(at),
        );
        text.family("empty", Kind::Gauge, "Nothing");
        let wanted = r#"# HELP a_seconds_total Time\nspent
# TYPE a_seconds_total counter
a_seconds_total 1.5
a_seconds_total{a="x\\y",b="\"\n"} 20000000000 1700000000123
"#;
        assert_eq!(text.finish(), wanted);
    }
}
