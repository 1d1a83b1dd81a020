//! Steps about the stats socket.

use super::{NOTHING, Seen, number, word};
use crate::balance::client::PATIENCE;
use crate::balance::world::World;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

pub fn tell(world: &World, command: &str, socket: &str) -> Result<String, String> {
    let mut stream = UnixStream::connect(world.folder.join(socket)).map_err(|error| format!("{socket}: {error}"))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
    stream.write_all(format!("{command}\n").as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(|error| format!("'{command}': {error}"))?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

pub fn cli(world: &mut World, arguments: &[String]) -> Seen {
    let socket = arguments.get(1).map_or("cli", String::as_str);
    let answer = tell(world, word(arguments, 0, "the command")?, socket)?;
    Ok(answer.lines().map(without_fleeting).collect())
}

/// A line of `show stat typed` (`S.3.1.23.lastchg.1:MAP:u32:0`) whose value is a time or a rate, without it.
fn without_fleeting(line: &str) -> String {
    let column = line.split('.').nth(4).filter(|column| FLEETING.contains(column));
    match line.rsplit_once(':').filter(|_| column.is_some()) {
        Some((head, _)) => format!("{head}:~"),
        None => line.to_owned(),
    }
}

/// The columns of one row of `show stat`.
fn row(world: &World, place: &str) -> Result<BTreeMap<String, String>, String> {
    let (proxy, server) = place.split_once('/').ok_or("a place is PROXY/SERVER")?;
    let csv = tell(world, "show stat", "cli")?;
    let mut rows = csv.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let names = rows.next().ok_or("show stat is empty")?;
    let found = rows.find(|row| row.len() > 2 && row[0] == proxy && row[1] == server);
    let found = found.ok_or_else(|| format!("show stat has no {place}"))?;
    Ok(names.iter().map(|name| name.trim_start_matches("# ").to_owned()).zip(found).collect())
}

pub fn stat(world: &mut World, arguments: &[String]) -> Seen {
    let row = row(world, word(arguments, 0, "the place")?)?;
    let columns = arguments[1..].iter();
    Ok(vec![
        columns
            .map(|name| format!("{name}={}", row.get(name).map_or("?", String::as_str)))
            .collect::<Vec<_>>()
            .join(" "),
    ])
}

pub fn until(world: &mut World, arguments: &[String]) -> Seen {
    let place = word(arguments, 0, "the place")?;
    let (wanted, limit): (Vec<_>, Vec<_>) = arguments[1..].iter().partition(|word| word.contains('='));
    let limit: u64 = limit.first().map_or(Ok(20), |seconds| number(seconds))?;
    let end = Instant::now() + Duration::from_secs(limit);
    loop {
        let row = row(world, place)?;
        let state: Vec<String> = wanted
            .iter()
            .map(|word| word.split_once('=').unwrap_or((word, "")).0)
            .map(|name| format!("{name}={}", row.get(name).map_or("?", String::as_str)))
            .collect();
        if wanted.iter().zip(&state).all(|(wanted, state)| *wanted == state) {
            return NOTHING;
        }
        if Instant::now() > end {
            return Err(format!("not after {limit} s; there it is {}", state.join(" ")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Columns that tell times and rates.
const FLEETING: [&str; 17] = [
    "lastchg",
    "downtime",
    "check_duration",
    "agent_duration",
    "lastsess",
    "qtime",
    "ctime",
    "rtime",
    "ttime",
    "qtime_max",
    "ctime_max",
    "rtime_max",
    "ttime_max",
    "rate",
    "req_rate",
    "conn_rate",
    "idle_conn_cur",
];

pub fn csv(world: &mut World, arguments: &[String]) -> Seen {
    let text = tell(world, &format!("show stat {}", arguments.join(" ")), "cli")?;
    let names: Vec<&str> = text.lines().next().unwrap_or_default().split(',').collect();
    let mut seen = vec![names.join(",")];
    for row in text.lines().skip(1).filter(|row| !row.is_empty()) {
        let masked = row.split(',').enumerate().map(|(place, value)| match names.get(place) {
            Some(name) if FLEETING.contains(name) && !value.is_empty() => "~",
            _ => value,
        });
        seen.push(masked.collect::<Vec<_>>().join(","));
    }
    Ok(seen)
}

pub fn keys(world: &mut World, arguments: &[String]) -> Seen {
    let answer = tell(world, word(arguments, 0, "the command")?, "cli")?;
    Ok(answer.lines().map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect())
}

pub fn info(world: &mut World, arguments: &[String]) -> Seen {
    let answer = tell(world, "show info", "cli")?;
    let shown = |key: &String| answer.lines().find(|line| line.split(':').next() == Some(key)).map(str::to_owned);
    Ok(arguments.iter().map(|key| shown(key).unwrap_or_else(|| format!("{key} is missing"))).collect())
}
