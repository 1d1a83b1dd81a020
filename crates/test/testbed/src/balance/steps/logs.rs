//! Steps about log lines.

use super::{NOTHING, Seen, number, word};
use crate::balance::client::PATIENCE;
use crate::balance::normal;
use crate::balance::world::World;
use std::time::{Duration, Instant};

/// Takes in one line, if one comes in time.
fn receive(world: &mut World, end: Instant) -> bool {
    let left = end.saturating_duration_since(Instant::now());
    let Ok(text) = world.log.recv_timeout(left) else { return false };
    world.unread.push(normal::log(&world.unfill(&text)));
    true
}

pub fn log(world: &mut World, arguments: &[String]) -> Seen {
    let count: usize = arguments.first().map_or(Ok(1), |count| number(count))?;
    let end = Instant::now() + Duration::from_secs(6);
    while world.unread.len() < count && receive(world, end) {}
    while receive(world, Instant::now() + Duration::from_millis(30)) {}
    Ok(std::mem::take(&mut world.unread))
}

pub fn logged(world: &mut World, arguments: &[String]) -> Seen {
    let text = normal::log(&world.unfill(word(arguments, 0, "the text")?));
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(place) = world.unread.iter().position(|line| line.contains(&text)) {
            return Ok(world.unread.drain(..=place).next_back().into_iter().collect());
        }
        if !receive(world, end) {
            return Err(format!("it is not logged, but:\n{}", std::mem::take(&mut world.unread).join("\n")));
        }
    }
}

pub fn forget(world: &mut World, _: &[String]) -> Seen {
    while receive(world, Instant::now() + Duration::from_millis(100)) {}
    world.unread.clear();
    NOTHING
}
