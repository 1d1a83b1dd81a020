//! About the connection itself, and the process behind it.

use crate::cli::answer::{Answer, Show};
use crate::cli::call::Call;
use crate::cli::{Level, help as listing};
use std::time::Duration;

pub fn help(call: &mut Call<'_>) -> Answer {
    Answer::data(listing::help(call.words, call.session.visible()))
}

/// Into the interactive mode, or out of it: then the connection ends with the line.
pub fn prompt(call: &mut Call<'_>) -> Answer {
    call.session.interactive = !call.session.interactive;
    Answer::done()
}

pub fn quit(call: &mut Call<'_>) -> Answer {
    call.session.closing = true;
    Answer::done()
}

pub fn operator(call: &mut Call<'_>) -> Answer {
    call.session.lower(Level::Operator)
}

pub fn user(call: &mut Call<'_>) -> Answer {
    call.session.lower(Level::User)
}

pub fn show_level(call: &mut Call<'_>) -> Answer {
    Answer::info(format!("{}\n", level_name(call.session.level)))
}

pub fn show_sockets(call: &mut Call<'_>) -> Answer {
    let mut out = String::from("# socket lvl processes\n");
    for socket in call.subject.sockets() {
        out += &format!("{} {} all\n", socket.address, level_name(socket.level));
    }
    Answer::data(out)
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::User => "user",
        Level::Operator => "operator",
        Level::Admin => "admin",
    }
}

pub fn set_severity(call: &mut Call<'_>) -> Answer {
    call.session.show = match call.word(0) {
        "none" => Show::None,
        "number" => Show::Number,
        "string" => Show::Word,
        _ => return Answer::error("one of 'none', 'number', 'string' is a required argument\n"),
    };
    Answer::done()
}

/// `set timeout cli <delay>`: seconds unless a unit is given.
pub fn set_timeout(call: &mut Call<'_>) -> Answer {
    if call.word(0) != "cli" {
        return Answer::error("'set timeout' only supports 'cli'.\n");
    }
    if call.word(1).is_empty() {
        return Answer::error("Expects an integer value.\n");
    }
    match delay(call.word(1)) {
        Some(delay) => {
            call.session.timeout = delay;
            Answer::done()
        }
        None => Answer::error("Invalid timeout value.\n"),
    }
}

/// At least a second; the largest a 32-bit timer of milliseconds takes.
fn delay(word: &str) -> Option<Duration> {
    let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let number: u64 = word[..end].parse().ok()?;
    let unit_millis = match &word[end..] {
        "" | "s" => 1000,
        "us" => return Some(Duration::from_secs(number.div_ceil(1_000_000))).filter(|delay| !delay.is_zero()),
        "ms" => 1,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let millis = number.checked_mul(unit_millis)?;
    (millis > 0 && millis <= i32::MAX as u64).then(|| Duration::from_secs(millis.div_ceil(1000)))
}

pub fn experimental_mode(call: &mut Call<'_>) -> Answer {
    let mut on = call.session.experimental;
    let answer = switch(&mut on, call.word(0), "experimental-mode");
    call.session.experimental = on;
    answer
}

/// Expert commands are not there; the switch is, so that scripts that turn it go on.
pub fn expert_mode(call: &mut Call<'_>) -> Answer {
    let mut on = call.session.expert;
    let answer = switch(&mut on, call.word(0), "expert-mode");
    call.session.expert = on;
    answer
}

fn switch(mode: &mut bool, word: &str, name: &str) -> Answer {
    match word {
        "" => return Answer::info(format!("{name} is {}\n", if *mode { "ON" } else { "OFF" })),
        word => *mode = word == "on",
    }
    Answer::done()
}

pub fn show_version(call: &mut Call<'_>) -> Answer {
    Answer::info(format!("{}\n", call.subject.version()))
}

/// Of the master: there is one process, which is its own worker.
pub fn show_proc(call: &mut Call<'_>) -> Answer {
    let info = call.subject.info();
    let (reloads, failed) = call.subject.reloads();
    let uptime = crate::stats::info::uptime(info.uptime_sec.0 as u64).replace(' ', "0");
    let (pid, version) = (call.subject.pid(), call.subject.version());
    let line = |a: &str, b: &str, c: &str, d: &str, e: &str| format!("{a:<16}{b:<16}{c:<16}{d:<16}{e:<15}\n");
    let pid = pid.to_string();
    let count = format!("{reloads} [failed: {failed}]");
    let mut out = line("#<PID>", "<type>", "<reloads>", "<uptime>", "<version>");
    out += &format!("{}\n", line(&pid, "master", &count, &uptime, &version).trim_end());
    out += "# workers\n";
    out += &format!("{}\n", line(&pid, "worker", "0", &uptime, &version).trim_end());
    out += "# programs\n";
    Answer::data(out)
}

pub fn reload(call: &mut Call<'_>) -> Answer {
    call.subject.reload();
    call.session.closing = true;
    Answer::done()
}

/// Passes the listening sockets to another process, as `-x` asks for.
pub fn getsocks(call: &mut Call<'_>) -> Answer {
    if call.session.exposes_listeners {
        call.session.pass_listeners = true;
    }
    Answer::done()
}
