//! Clients that send and receive bytes, and connections that are kept.

use super::{NOTHING, Seen, number, word};
use crate::balance::client::{Connection, PATIENCE};
use crate::balance::world::World;
use std::time::Duration;

fn option<'a>(arguments: &'a [String], key: &str) -> Option<&'a str> {
    arguments.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

fn connect(world: &World, port: &str, arguments: &[String]) -> Result<Connection, String> {
    let from = option(arguments, "from").map(|from| from.parse().map_err(|_| format!("{from} is no address")));
    Connection::open(&world.connect(port), from.transpose()?)
}

pub fn names(world: &mut World, arguments: &[String]) -> Seen {
    let count: usize = number(word(arguments, 1, "how many")?)?;
    let mut seen = Vec::new();
    for _ in 0..count {
        let first = match connect(world, word(arguments, 0, "the port")?, arguments) {
            Ok(mut connection) => {
                let first = connection.read_until("\n").join(" ");
                connection.finish();
                first
            }
            Err(error) => format!("({error})"),
        };
        seen.push(first);
    }
    Ok(vec![seen.join(" ")])
}

pub fn send(world: &mut World, arguments: &[String]) -> Seen {
    match connect(world, word(arguments, 0, "the port")?, arguments) {
        Ok(mut connection) => {
            _ = connection.write(word(arguments, 1, "the text")?);
            let seen = connection.read_all(limit(option(arguments, "limit"))?);
            connection.finish();
            Ok(seen)
        }
        Err(error) => Ok(vec![format!("({error})")]),
    }
}

fn limit(ms: Option<&str>) -> Result<Duration, String> {
    ms.map_or(Ok(PATIENCE), |ms| number(ms).map(Duration::from_millis))
}

pub fn open(world: &mut World, arguments: &[String]) -> Seen {
    let name = word(arguments, 0, "the connection's name")?;
    match connect(world, word(arguments, 1, "the port")?, arguments) {
        Ok(connection) => {
            world.connections.insert(name.to_owned(), connection);
            NOTHING
        }
        Err(error) => Ok(vec![format!("({error})")]),
    }
}

fn connection<'a>(world: &'a mut World, arguments: &[String]) -> Result<&'a mut Connection, String> {
    let name = word(arguments, 0, "the connection's name")?;
    world.connections.get_mut(name).ok_or_else(|| format!("no connection {name} is open"))
}

pub fn write(world: &mut World, arguments: &[String]) -> Seen {
    match connection(world, arguments)?.write(word(arguments, 1, "the text")?) {
        Ok(()) => NOTHING,
        Err(error) => Ok(vec![format!("(cannot send: {error})")]),
    }
}

pub fn response(world: &mut World, arguments: &[String]) -> Seen {
    let headless = arguments.get(1).is_some_and(|word| word == "head");
    Ok(connection(world, arguments)?.response(headless))
}

pub fn read(world: &mut World, arguments: &[String]) -> Seen {
    Ok(connection(world, arguments)?.read_until(word(arguments, 1, "the text")?))
}

pub fn rest(world: &mut World, arguments: &[String]) -> Seen {
    let limit = limit(arguments.get(1).map(String::as_str))?;
    Ok(connection(world, arguments)?.read_all(limit))
}

pub fn shut(world: &mut World, arguments: &[String]) -> Seen {
    connection(world, arguments)?.shut();
    NOTHING
}

pub fn close(world: &mut World, arguments: &[String]) -> Seen {
    connection(world, arguments)?;
    world.connections.remove(&arguments[0]);
    NOTHING
}

pub fn abort(world: &mut World, arguments: &[String]) -> Seen {
    connection(world, arguments)?;
    if let Some(connection) = world.connections.remove(&arguments[0]) {
        connection.abort();
    }
    NOTHING
}
