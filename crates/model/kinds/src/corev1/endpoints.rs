//! `v1` Endpoints: the addresses behind a Service, in the old form.

use crate::KindDef;
use crate::cells::{AGE, NAME, column, first_three};
use crate::edit::{default_text, each};
use crate::read::{list, number, text};
use apimachinery::Value;

pub const KIND: KindDef = KindDef {
    short_names: &["ep"],
    set_defaults,
    columns: &[NAME, column("Endpoints", "The addresses that are ready.", |endpoints, _| addresses(endpoints)), AGE],
    ..KindDef::new(("", "v1", "Endpoints"), ("endpoints", "endpoints"), "io.k8s.api.core.v1.Endpoints")
};

fn set_defaults(endpoints: &mut Value) {
    each(endpoints, "subsets", |subset| each(subset, "ports", |port| default_text(port, "protocol", "TCP")));
}

fn addresses(endpoints: &Value) -> Value {
    let subsets = list(endpoints, "subsets");
    if subsets.is_empty() {
        return "<none>".into();
    }
    let mut shown = Vec::new();
    for subset in subsets {
        let ips = || list(subset, "addresses").iter().map(|address| text(address, "ip"));
        let ports = list(subset, "ports");
        // A headless service may have no ports at all.
        if ports.is_empty() {
            shown.extend(ips().map(str::to_owned));
        }
        for port in ports {
            let port = number(port, "port");
            shown.extend(
                ips().map(|ip| if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }),
            );
        }
    }
    first_three(&shown).into()
}
