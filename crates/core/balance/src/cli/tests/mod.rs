//! The language against the world.

mod language;
mod recorded;

use super::world::World;
use super::*;
use std::time::Duration;

fn session(level: Level) -> Session {
    Session::new(level, Duration::from_secs(10), 16384)
}

/// All that a connection of this level gets for these bytes.
fn talk(world: &World, level: Level, bytes: &str) -> String {
    let output = session(level).handle_input(bytes.as_bytes(), world);
    String::from_utf8(output.bytes).expect("text")
}
