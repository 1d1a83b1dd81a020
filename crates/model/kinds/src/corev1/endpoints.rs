//! `v1` Endpoints: the addresses behind a Service, in the old form.

use crate::cells::{AGE, NAME, column, first_three};
use crate::checks::{follows, one_of, optional_name, port_number};
use crate::edit::{default_text, each};
use crate::path::Path;
use crate::read::{is_empty, list, number, text};
use crate::{Deprecated, KindDef};
use apimachinery::validate::{is_dns1123_label, is_qualified_name, is_valid_ip};
use apimachinery::{Problems, Value};
use std::net::IpAddr;

pub const KIND: KindDef = KindDef {
    create_on_update: true,
    short_names: &["ep"],
    set_defaults,
    columns: &[NAME, column("Endpoints", "The addresses that are ready.", |endpoints, _| addresses(endpoints)), AGE],
    validate,
    deprecated: Some(Deprecated { since: "v1.33", removed: "", replacement: "discovery.k8s.io/v1 EndpointSlice" }),
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

/// An address that somebody else can send to. Upstream: `ValidateNonSpecialIP`.
pub fn is_endpoint_ip(text: &str) -> Vec<String> {
    let wrong = is_valid_ip(text);
    let Ok(ip) = text.parse::<IpAddr>() else { return wrong };
    // `::ffff:127.0.0.1` is reached as 127.0.0.1 is.
    let ip = ip.to_canonical();
    let (unicast, multicast) = match ip {
        IpAddr::V4(ip) => (ip.is_link_local(), ip.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(ip) => (ip.is_unicast_link_local(), ip.segments()[0] & 0xff0f == 0xff02),
    };
    if ip.is_unspecified() {
        vec![format!("may not be unspecified ({text})")]
    } else if ip.is_loopback() {
        vec!["may not be in the loopback range (127.0.0.0/8, ::1/128)".to_owned()]
    } else if unicast {
        vec!["may not be in the link-local range (169.254.0.0/16, fe80::/10)".to_owned()]
    } else if multicast {
        vec!["may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)".to_owned()]
    } else {
        wrong
    }
}

fn validate(endpoints: &Value, problems: &mut Problems) {
    let subsets = Path::new("subsets");
    for (index, subset) in list(endpoints, "subsets").iter().enumerate() {
        let at = subsets.index(index);
        if is_empty(subset, "addresses") && is_empty(subset, "notReadyAddresses") {
            problems.required(at, "must specify `addresses` or `notReadyAddresses`");
        }
        for field in ["addresses", "notReadyAddresses"] {
            let at = at.field(field);
            for (index, address) in list(subset, field).iter().enumerate() {
                follows(text(address, "ip"), at.index(index).field("ip"), is_endpoint_ip, problems);
            }
        }
        ports(list(subset, "ports"), at.field("ports"), problems);
    }
}

fn ports(ports: &[Value], at: Path, problems: &mut Problems) {
    for (index, port) in ports.iter().enumerate() {
        let at = at.index(index);
        if ports.len() > 1 && is_empty(port, "name") {
            problems.required(at.field("name"), "");
        }
        optional_name(port, "name", at, is_dns1123_label, problems);
        port_number(number(port, "port"), at.field("port"), problems);
        one_of(port, "protocol", at, &["SCTP", "TCP", "UDP"], problems);
        optional_name(port, "appProtocol", at, is_qualified_name, problems);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_judged_as_the_one_it_stands_for() {
        let shown = |text: &str| is_endpoint_ip(text).join("; ");
        assert_eq!(shown("10.0.0.1"), "");
        assert_eq!(shown("fd00::1"), "");
        assert_eq!(shown("::ffff:10.0.0.1"), is_valid_ip("::ffff:10.0.0.1").join("; "));
        for (ip, why) in [
            ("127.0.0.1", "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
            ("169.254.169.254", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
            ("224.0.0.1", "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
        ] {
            assert_eq!(shown(ip), why);
            assert_eq!(shown(&format!("::ffff:{ip}")), why);
        }
        assert_eq!(shown("::ffff:0.0.0.0"), "may not be unspecified (::ffff:0.0.0.0)");
    }
}
