//! Lines of the balancer's statistics socket: any bytes, in any pieces, are answered within the limits.

#![no_main]

use balance::cli::world::World;
use balance::cli::{Level, Session};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

/// Of a line with its payload.
const LIMIT: usize = 2048;

fuzz_target!(|data: &[u8]| {
    let Some((options, data)) = data.split_first() else { return };
    let level = [Level::User, Level::Operator, Level::Admin, Level::Admin][usize::from(options & 3)];
    let mut session = Session::new(level, Duration::from_secs(10), LIMIT).exposing_listeners(options & 4 != 0);
    if options & 8 != 0 {
        session = session.of_master();
    }
    let world = World::default();
    // What is sent does not depend on how it was cut into pieces, but for the end of connections without a prompt.
    for piece in data.chunks(usize::from(options >> 4) * 16 + 1) {
        let output = session.handle_input(piece, &world);
        assert!(String::from_utf8(output.bytes).is_ok());
        if output.close {
            break;
        }
    }
});
