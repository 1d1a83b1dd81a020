//! Asking the node's own name servers, for names that are not the cluster's.

use crate::resolv::Resolv;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, RecordType};
use std::net::{IpAddr, Ipv4Addr};

/// Answers of others are kept no longer than this: a mistake there must not outlive its correction for long.
const MAX_SECONDS: u32 = 30;
/// systemd-resolved's stubs: they know no more than the servers in its own resolv.conf.
const STUBS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53)), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 54))];

/// The servers to ask, in order. `behind_stub` is systemd-resolved's `/run/systemd/resolve/resolv.conf`, if there is
/// one; `ours` are addresses that lead back to us.
pub fn name_servers(node: &Resolv, behind_stub: Option<&Resolv>, ours: &[IpAddr]) -> Vec<IpAddr> {
    let usable = |resolv: &Resolv| -> Vec<IpAddr> {
        let all = resolv.nameservers.iter().filter_map(|text| text.parse::<IpAddr>().ok());
        all.filter(|server| !ours.contains(server)).collect()
    };
    let listed = usable(node);
    match behind_stub.map(usable).filter(|real| !real.is_empty()) {
        Some(real) if listed.iter().all(|server| STUBS.contains(server)) => real,
        _ => listed,
    }
}

/// How long an answer may be kept; None: not at all.
pub fn cacheable_seconds(answer: &Message) -> Option<u32> {
    if answer.metadata.truncation {
        return None;
    }
    let shortest = match answer.metadata.response_code {
        ResponseCode::NoError if !answer.answers.is_empty() => answer.answers.iter().map(|record| record.ttl).min(),
        ResponseCode::NoError | ResponseCode::NXDomain => {
            let soa = answer.authorities.iter().filter(|record| record.record_type() == RecordType::SOA);
            soa.filter_map(|record| match &record.data {
                RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
                _ => None,
            })
            .min()
        }
        _ => None,
    };
    shortest.map(|seconds| seconds.min(MAX_SECONDS)).filter(|seconds| *seconds > 0)
}
