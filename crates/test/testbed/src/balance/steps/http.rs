//! HTTP clients.

use super::{Seen, number, word};
use crate::balance::client::Connection;
use crate::balance::world::World;
use std::collections::BTreeMap;

/// What `KEY=VALUE` words say about a request.
#[derive(Default)]
struct Request {
    text: String,
    headless: bool,
    from: Option<std::net::Ipv4Addr>,
    connection: Option<String>,
}

fn request(path: &str, words: &[String]) -> Result<Request, String> {
    let mut request = Request::default();
    let (mut method, mut version, mut path) = ("GET", "1.1", path);
    let (mut headers, mut body, mut host) = (String::new(), None, Some("test.example"));
    for (key, value) in words.iter().map(|word| word.split_once('=').unwrap_or((word, ""))) {
        match key {
            "method" => method = value,
            "version" => version = value,
            "path" => path = value,
            "host" => host = Some(value).filter(|host| !host.is_empty()),
            "header" => headers.push_str(&format!("{value}\r\n")),
            "body" => body = Some(value),
            "from" => request.from = Some(value.parse().map_err(|_| format!("{value} is no address"))?),
            "on" => request.connection = Some(value.to_owned()),
            _ => return Err(format!("a request has no {key}")),
        }
    }
    request.headless = method == "HEAD";
    let host = host.map(|host| format!("Host: {host}\r\n")).unwrap_or_default();
    let length = body.map(|body| format!("Content-Length: {}\r\n", body.len())).unwrap_or_default();
    request.text = format!("{method} {path} HTTP/{version}\r\n{host}{headers}{length}\r\n{}", body.unwrap_or_default());
    Ok(request)
}

fn ask(world: &mut World, port: &str, request: &Request) -> Seen {
    if let Some(name) = &request.connection {
        let connection = world.connections.get_mut(name).ok_or_else(|| format!("no connection {name} is open"))?;
        return Ok(match connection.write(&request.text) {
            Ok(()) => connection.response(request.headless),
            Err(error) => vec![format!("(cannot send: {error})")],
        });
    }
    match Connection::open(&world.connect(port), request.from) {
        Ok(mut connection) => {
            // A server that refuses early may have closed; its answer is there all the same.
            _ = connection.write(&request.text);
            let answer = connection.response(request.headless);
            connection.finish();
            Ok(answer)
        }
        Err(error) => Ok(vec![format!("({error})")]),
    }
}

pub fn get(world: &mut World, arguments: &[String]) -> Seen {
    let request = request(word(arguments, 1, "the path")?, &arguments[2..])?;
    ask(world, word(arguments, 0, "the port")?, &request)
}

fn answering(world: &mut World, arguments: &[String]) -> Result<Vec<String>, String> {
    let port = word(arguments, 0, "the port")?.to_owned();
    let count: usize = number(word(arguments, 1, "how many")?)?;
    let request = request("/", &arguments[2..])?;
    let mut servers = Vec::new();
    for _ in 0..count {
        let answer = ask(world, &port, &request)?;
        let server =
            answer.iter().find_map(|line| line.to_ascii_lowercase().strip_prefix("x-server: ").map(String::from));
        servers.push(server.unwrap_or_else(|| answer.first().cloned().unwrap_or_default()));
    }
    Ok(servers)
}

pub fn order(world: &mut World, arguments: &[String]) -> Seen {
    Ok(vec![answering(world, arguments)?.join(" ")])
}

pub fn spread(world: &mut World, arguments: &[String]) -> Seen {
    Ok(counted(answering(world, arguments)?))
}

fn counted(names: Vec<String>) -> Vec<String> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_insert(0) += 1;
    }
    counts.iter().map(|(name, count)| format!("{name}: {count}")).collect()
}
