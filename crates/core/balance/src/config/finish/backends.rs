//! References to backends: `default_backend`, `use_backend`.

use crate::config::model::{Mode, Proxy};
use crate::config::problem::Level;
use crate::config::proxy::kind;
use crate::config::report::Report;

pub(super) fn check(report: &mut Report, proxy: &Proxy, all: &[Proxy]) {
    if !proxy.capability.frontend() {
        return;
    }
    if let Some(name) = &proxy.default_backend {
        one(report, proxy, all, name, "default_backend");
    }
    for line in &proxy.use_backend {
        // Names made from samples are looked up when a request is there.
        if !line.words[1].contains('%') {
            one(report, proxy, all, &line.words[1], "use_backend");
        }
    }
}

fn one(report: &mut Report, proxy: &Proxy, all: &[Proxy], name: &str, rule: &str) {
    let Some(backend) = all.iter().find(|other| other.name == name && other.capability.backend()) else {
        return report.push(Level::Alert, format!("Proxy '{}': unable to find required {rule}: '{name}'.", proxy.name));
    };
    // Bytes cannot be made from what a frontend reads as messages.
    if proxy.mode == Mode::Http && backend.mode == Mode::Tcp {
        let as_what = match rule {
            "default_backend" => "as its default backend".to_owned(),
            rule => format!("in a '{rule}' rule"),
        };
        let text = format!(
            "http {} '{}' ({}) tries to use incompatible tcp {} '{}' ({}) {as_what} (see 'mode').",
            kind(proxy.capability),
            proxy.name,
            proxy.place,
            kind(backend.capability),
            backend.name,
            backend.place
        );
        report.push(Level::Alert, text);
    }
}
