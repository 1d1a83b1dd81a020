//! DNS packets from pods: any bytes are a question, an error to answer, or noise; every answer fits its limit.
//!
//! Compiles netplan's own file: the crate as a whole would be built with coverage for nothing.

#![no_main]
#![allow(dead_code)]

#[path = "../../crates/core/netplan/src/dns/packet.rs"]
mod packet;

use hickory_proto::op::ResponseCode;
use libfuzzer_sys::fuzz_target;
use packet::{Received, encode, receive};

fuzz_target!(|data: &[u8]| {
    let (reply, limit) = match receive(data) {
        Received::Query(query) => (query.reply(ResponseCode::NXDomain), query.udp_limit()),
        Received::Error(reply) => (reply, 512),
        Received::Drop => return,
    };
    if let Some(bytes) = encode(&reply, limit) {
        assert!(bytes.len() <= limit, "{} bytes of at most {limit}", bytes.len());
    }
});
