//! SPDY frames, as exec, attach and port-forward receive them: any bytes are frames or an error.
//!
//! Compiles the API server's own files: the crate as a whole would be built with coverage for nothing.

#![no_main]
#![allow(dead_code)]

#[path = "../../crates/io/apiserver/src/streams/spdy/frame.rs"]
mod frame;
#[path = "../../crates/io/apiserver/src/streams/spdy/headers.rs"]
mod headers;

use frame::{Control, Head};
use headers::Inflater;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // Headers of one session share their compression, so several frames are read in a row.
    let mut inflater = Inflater::default();
    let mut rest = data;
    while let Some((head, tail)) = rest.split_first_chunk::<8>() {
        let Ok(head) = Head::parse(*head) else { return };
        let (Head::Control { length, .. } | Head::Data { length, .. }) = head;
        let Some((payload, tail)) = tail.split_at_checked(length as usize) else { return };
        if let Head::Control { kind, fin, .. } = head
            && Control::parse(kind, fin, payload, &mut inflater).is_err()
        {
            return;
        }
        rest = tail;
    }
});
