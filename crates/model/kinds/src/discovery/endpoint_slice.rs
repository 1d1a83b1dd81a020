//! `discovery.k8s.io/v1` EndpointSlice: some of the addresses behind a Service.

use crate::KindDef;
use crate::cells::{AGE, NAME, column, first_three};
use crate::edit::{default, each};
use crate::read::{has, list, number, text};
use apimachinery::Value;

pub const KIND: KindDef = KindDef {
    set_defaults,
    columns: &[
        NAME,
        column("AddressType", "The type of all addresses of the slice.", |slice, _| text(slice, "addressType").into()),
        column("Ports", "The ports of each endpoint.", |slice, _| ports(slice).into()),
        column("Endpoints", "The addresses.", |slice, _| endpoints(slice).into()),
        AGE,
    ],
    ..KindDef::new(
        ("discovery.k8s.io", "v1", "EndpointSlice"),
        ("endpointslices", "endpointslice"),
        "io.k8s.api.discovery.v1.EndpointSlice",
    )
};

fn set_defaults(slice: &mut Value) {
    each(slice, "ports", |port| {
        default(port, "name", "");
        default(port, "protocol", "TCP");
    });
}

fn ports(slice: &Value) -> String {
    let shown = |port: &Value| match (has(port, "port"), text(port, "name")) {
        (true, _) => number(port, "port").to_string(),
        (false, "") => "*".to_owned(),
        (false, name) => name.to_owned(),
    };
    or_unset(&list(slice, "ports").iter().map(shown).collect::<Vec<_>>())
}

fn endpoints(slice: &Value) -> String {
    let addresses = list(slice, "endpoints").iter().flat_map(|endpoint| list(endpoint, "addresses"));
    or_unset(&addresses.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
}

fn or_unset(texts: &[String]) -> String {
    if texts.is_empty() { "<unset>".to_owned() } else { first_three(texts) }
}
