//! Steps about the servers behind the program.

use super::{NOTHING, Seen, word};
use crate::balance::backend::{Backend, Behaviour};
use crate::balance::world::World;
use std::time::Duration;

pub fn serve(world: &mut World, arguments: &[String]) -> Seen {
    let name = word(arguments, 0, "the server's name")?;
    let address = world.connect(word(arguments, 1, "its port")?);
    let behaviour = Behaviour::parse(&arguments[2..])?;
    if let Some(mut before) = world.backends.remove(name) {
        before.stop();
    }
    world.backends.insert(name.to_owned(), Backend::start(name, &address, behaviour)?);
    NOTHING
}

fn backend<'a>(world: &'a mut World, arguments: &[String]) -> Result<&'a mut Backend, String> {
    let name = word(arguments, 0, "the server's name")?;
    world.backends.get_mut(name).ok_or_else(|| format!("no server {name} runs"))
}

pub fn become_(world: &mut World, arguments: &[String]) -> Seen {
    let behaviour = Behaviour::parse(arguments.get(1..).unwrap_or_default())?;
    backend(world, arguments)?.become_(behaviour);
    NOTHING
}

pub fn stop(world: &mut World, arguments: &[String]) -> Seen {
    backend(world, arguments)?.stop();
    // Until idle connections to it are noticed to be gone.
    std::thread::sleep(Duration::from_millis(60));
    NOTHING
}

pub fn accepted(world: &mut World, arguments: &[String]) -> Seen {
    Ok(vec![backend(world, arguments)?.accepted().to_string()])
}
