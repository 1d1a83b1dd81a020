//! Steps about the program: started, asked, signalled.

use super::socket::tell;
use super::{NOTHING, Seen, word};
use crate::balance::client::PATIENCE;
use crate::balance::world::World;
use std::time::{Duration, Instant};

pub fn start(world: &mut World, arguments: &[String]) -> Seen {
    let mut running = world.program.start(&world.config, &world.folder.join("said"), arguments)?;
    let end = Instant::now() + Duration::from_secs(20);
    // An answer, not only an open socket: then all the others are open too.
    while tell(world, "show version", "cli").is_err() {
        if let Some(code) = running.wait(Duration::from_millis(10)) {
            let said = std::fs::read_to_string(world.folder.join("said")).unwrap_or_default();
            return Err(format!("it ended with {code} and said:\n{said}"));
        }
        if Instant::now() > end {
            return Err("its socket does not open".to_owned());
        }
    }
    world.running = Some(running);
    NOTHING
}

pub fn check(world: &mut World, _: &[String]) -> Seen {
    Ok(checked(world, &world.config))
}

/// Its exit code and what it says, without who it is.
fn checked(world: &World, config: &std::path::Path) -> Vec<String> {
    let (code, text) = world.program.check(config);
    let mut seen = vec![format!("exit {}", code.map_or("by a signal".to_owned(), |code| code.to_string()))];
    // Who it is, and the sums at the end: HAProxy's differ by whether it stopped at the first error.
    let left_out = ["[NOTICE]", "Error(s) found in configuration file", "Fatal errors found in configuration"];
    let lines = text.lines().filter(|line| !left_out.iter().any(|part| line.contains(part)));
    seen.extend(lines.map(str::to_owned));
    seen
}

/// A configuration that is right, with a place for one line in each section.
const SMALL: &str = "global
    maxconn 100
    @global
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
    @defaults
frontend f
    bind $A:28001
    @frontend
    default_backend b
backend b
    @backend
    server s1 $A:28101 @server
backend t
    mode tcp
    @tcp
    server s1 $A:28101
@section
";

pub fn wrong(world: &mut World, arguments: &[String]) -> Seen {
    let place = format!("@{}", word(arguments, 0, "the section")?);
    if !SMALL.contains(&place) {
        return Err(format!("{SMALL} has no {place}"));
    }
    let text = world.fill(&SMALL.replace(&place, word(arguments, 1, "the line")?));
    let without = |word: &str| if word.starts_with('@') { String::new() } else { word.to_owned() };
    let text: Vec<String> =
        text.lines().map(|line| line.split(' ').map(without).collect::<Vec<_>>().join(" ")).collect();
    let file = world.folder.join("small.cfg");
    std::fs::write(&file, text.join("\n") + "\n").map_err(|error| error.to_string())?;
    Ok(checked(world, &file))
}

pub fn signal(world: &mut World, arguments: &[String]) -> Seen {
    let running = world.running.as_ref().ok_or("it does not run")?;
    let output = running.signal(word(arguments, 0, "the signal's name")?);
    if output.ok { NOTHING } else { Err(output.to_string()) }
}

pub fn exit(world: &mut World, _: &[String]) -> Seen {
    let code = world.running.as_mut().ok_or("it does not run")?.wait(PATIENCE);
    Ok(vec![code.map_or("still runs".to_owned(), |code| format!("exit {code}"))])
}

pub fn said(world: &mut World, arguments: &[String]) -> Seen {
    let text = word(arguments, 0, "the text")?;
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let said = std::fs::read_to_string(world.folder.join("said")).unwrap_or_default();
        match said.lines().find(|line| line.contains(text)) {
            Some(line) => return Ok(vec![line.to_owned()]),
            None if Instant::now() > end => return Ok(vec!["(not said)".to_owned()]),
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
