//! The words of a script: each does something in a world and says what was observed.

mod http;
mod logs;
mod program;
mod raw;
mod rest;
mod servers;
pub mod socket;

use crate::balance::normal;
use crate::balance::scenario::Step;
use crate::balance::world::World;
use std::time::Instant;

/// What was observed, or why the step could not be done.
type Seen = Result<Vec<String>, String>;
type Action = fn(&mut World, &[String]) -> Seen;

/// Word, arguments, what it does, and how.
pub const STEPS: &[(&str, &str, &str, Action)] = &[
    ("serve", "NAME PORT KIND [OPTION...]", "starts a server", servers::serve),
    ("become", "NAME KIND [OPTION...]", "changes how a server behaves", servers::become_),
    ("stop", "NAME", "ends a server and its connections", servers::stop),
    ("accepted", "NAME", "how many connections a server got", servers::accepted),
    ("start", "[ARGUMENT...]", "starts the program and waits for its socket", program::start),
    ("check", "", "asks the program to check its configuration", program::check),
    ("wrong", "SECTION LINE", "asks the program to check a small configuration with this line in it", program::wrong),
    ("get", "PORT PATH [KEY=VALUE...]", "an HTTP request and its answer", http::get),
    ("order", "PORT N [KEY=VALUE...]", "the servers that answer N requests, in order", http::order),
    ("spread", "PORT N [KEY=VALUE...]", "how many of N requests each server answers", http::spread),
    ("names", "PORT N [from=ADDRESS]", "the servers whose name N tcp connections show", raw::names),
    ("send", "PORT TEXT [KEY=VALUE...]", "sends bytes, shows all until the end", raw::send),
    ("open", "CONNECTION PORT [from=ADDRESS]", "opens a connection and keeps it", raw::open),
    ("write", "CONNECTION TEXT", "sends bytes on it", raw::write),
    ("response", "CONNECTION [head]", "one HTTP answer from it", raw::response),
    ("read", "CONNECTION TEXT", "all up to this text", raw::read),
    ("rest", "CONNECTION [MS]", "all until it ends", raw::rest),
    ("shut", "CONNECTION", "says that nothing more will be sent", raw::shut),
    ("close", "CONNECTION", "closes it", raw::close),
    ("abort", "CONNECTION", "resets it", raw::abort),
    ("cli", "COMMAND [SOCKET]", "the stats socket's answer", socket::cli),
    ("stat", "PROXY/SERVER COLUMN...", "columns of `show stat`", socket::stat),
    ("until", "PROXY/SERVER COLUMN=VALUE... [SECONDS]", "waits for a state in `show stat`", socket::until),
    ("csv", "[IID TYPE SID]", "all of `show stat`, but for times and rates", socket::csv),
    ("keys", "COMMAND", "the words before the colons of the answer", socket::keys),
    ("info", "KEY...", "lines of `show info`", socket::info),
    ("log", "[N]", "log lines: waits for N of them", logs::log),
    ("logged", "TEXT", "the log line with this text; waits for it, forgets those before it", logs::logged),
    ("forget", "", "forgets the log so far", logs::forget),
    ("sleep", "MS", "waits", rest::sleep),
    ("signal", "NAME", "sends a signal to the program", program::signal),
    ("exit", "", "waits for the program's end; its code", program::exit),
    ("said", "TEXT", "the line with this text of what the program wrote to its terminal", program::said),
    ("run", "PROGRAM [ARGUMENT...]", "runs a client to its end", rest::run),
    ("pem", "FILE NAME", "makes a certificate with its key", rest::pem),
];

/// Does one step; what was observed is already made comparable.
pub fn perform(world: &mut World, step: &Step) -> Seen {
    let (word, arguments) = step.words.split_first().ok_or("an empty step")?;
    let (.., action) = STEPS.iter().find(|(name, ..)| name == word).ok_or(format!("no step is called {word}"))?;
    let arguments: Vec<String> = arguments.iter().map(|argument| world.fill(argument)).collect();
    let begun = Instant::now();
    let seen = action(world, &arguments)?;
    let mut seen: Vec<String> = seen.iter().map(|line| normal::line(&world.unfill(line))).collect();
    if step.timed {
        seen.push(format!("after {:.0} s", begun.elapsed().as_secs_f64()));
    }
    Ok(seen)
}

fn word<'a>(arguments: &'a [String], place: usize, what: &str) -> Result<&'a str, String> {
    arguments.get(place).map(String::as_str).ok_or_else(|| format!("{what} is missing"))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

const NOTHING: Seen = Ok(Vec::new());
