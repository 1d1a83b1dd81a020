//! PROXY protocol headers: any bytes are a header, the start of one, or refused; what was read can be written.
//!
//! Compiles the balancer's own files: the crate as a whole would be built with coverage for nothing.

#![no_main]
#![allow(dead_code)]

#[path = "../../crates/core/balance/src/proxy_protocol/mod.rs"]
mod proxy_protocol;

use libfuzzer_sys::fuzz_target;
use proxy_protocol::{MAX_HEADER, Parsed, SendProxy, V2Options, parse};

fuzz_target!(|data: &[u8]| {
    match parse(data) {
        Parsed::Done { used, header } => {
            assert!(used <= data.len());
            assert!((0..used).all(|length| matches!(parse(&data[..length]), Parsed::NeedMore(_))));
            let options = V2Options { ssl: true, authority: true, crc32c: true, ..V2Options::default() };
            let send = SendProxy { v2: true, options, ..SendProxy::default() };
            let bytes = send.header(header.endpoints, header.tlvs);
            let Parsed::Done { used, header: again } = parse(&bytes) else { panic!("what was written can be read") };
            assert_eq!((used, again.endpoints), (bytes.len(), header.endpoints));
        }
        Parsed::NeedMore(bytes) => assert!(bytes > 0 && data.len() + bytes <= MAX_HEADER + 16),
        Parsed::Invalid(_) => {}
    }
});
