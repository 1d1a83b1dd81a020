//! `log` lines, of `global` and of proxies, and what goes with them.

use super::{Read, text};
use crate::config::address::{self, Address, Allowed, Ports};
use crate::config::keyword::{ANY, Keyword, done};
use crate::config::line::{Ctx, Modifier};
use crate::config::model::{Global, LogAddress, LogTarget};
use crate::log::{Facility, Framing, Level};
use std::net::SocketAddr;

pub(super) const KEYWORDS: &[Keyword<Read>] = &[
    done("log", ANY, log),
    done("log-send-hostname", ANY, |ctx, global| {
        global.log_send_hostname = Some(ctx.words.get(1).cloned());
    }),
    done("log-tag", ANY, |ctx, global| text(ctx, &mut global.log_tag, "expects a tag for use in syslog.")),
];

fn log(ctx: &mut Ctx, global: &mut Global) {
    if ctx.modifier == Modifier::No {
        if ctx.words.len() > 1 {
            return ctx.alert("log : 'no log' does not expect arguments");
        }
        return global.logs.clear();
    }
    match target(ctx) {
        Ok(target) => global.logs.push(target),
        Err(error) => ctx.alert(format!("log : {error}")),
    }
}

/// Port of syslog where none is said.
const SYSLOG_PORT: u16 = 514;

/// Reads `log <address> [len <l>] [format <f>] [sample <s>] <facility> [level [minlevel]]`.
pub(in crate::config) fn target(ctx: &Ctx) -> Result<LogTarget, String> {
    if ctx.words.len() < 3 {
        return Err("expects <address> and <facility>  as arguments".into());
    }
    let mut target = LogTarget {
        address: endpoint(ctx)?,
        len: 1024,
        format: Framing::Local,
        sample: None,
        facility: Facility(0),
        level: Level::Debug,
        minlevel: Level::Emerg,
    };
    let mut at = 2;
    loop {
        let value = ctx.word(at + 1);
        match ctx.word(at) {
            "len" => target.len = length(value)?,
            "format" => {
                target.format = Framing::parse(value).ok_or_else(|| format!("unknown log format '{value}'"))?;
            }
            "sample" => target.sample = Some(sample(value)?),
            _ => break,
        }
        at += 2;
    }
    if ctx.word(at).is_empty() {
        return Err("expects <address> and <facility>  as arguments".into());
    }
    severity(ctx, at, &mut target)?;
    Ok(target)
}

/// The facility and the two levels.
fn severity(ctx: &Ctx, at: usize, target: &mut LogTarget) -> Result<(), String> {
    let [facility, level, minlevel] = [0, 1, 2].map(|next| ctx.word(at + next));
    target.facility = Facility::parse(facility).ok_or_else(|| format!("unknown log facility '{facility}'"))?;
    if !level.is_empty() {
        target.level = Level::parse(level).ok_or_else(|| format!("unknown optional log level '{level}'"))?;
    }
    if !minlevel.is_empty() {
        let unknown = || format!("unknown optional minimum log level '{minlevel}'");
        target.minlevel = Level::parse(minlevel).ok_or_else(unknown)?;
    }
    match ctx.word(at + 3) {
        "" => Ok(()),
        extra => Err(format!("cannot handle unexpected argument '{extra}'")),
    }
}

fn length(word: &str) -> Result<usize, String> {
    let wrong = || format!("invalid log length '{word}', must be between 80 and 65535");
    word.parse().ok().filter(|len| (80..=65535).contains(len)).ok_or_else(wrong)
}

/// `1,3-4:6`: ranges, and how many lines they are of.
fn sample(word: &str) -> Result<(Vec<(u32, u32)>, u32), String> {
    let wrong = || format!("invalid sampling range or size '{word}'");
    let (ranges, size) = word.split_once(':').ok_or_else(wrong)?;
    let size: u32 = size.parse().map_err(|_| wrong())?;
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let range = (first.parse().ok()?, last.parse().ok()?);
        (range.0 >= 1 && range.0 <= range.1 && range.1 <= size).then_some(range)
    };
    let ranges: Option<Vec<_>> = ranges.split(',').map(range).collect();
    Ok((ranges.ok_or_else(wrong)?, size))
}

fn endpoint(ctx: &Ctx) -> Result<LogAddress, String> {
    let word = ctx.word(1);
    match word {
        "stdout" => return Ok(LogAddress::Stdout),
        "stderr" => return Ok(LogAddress::Stderr),
        _ => {}
    }
    if let Some(ring) = word.strip_prefix("ring@") {
        return Err(format!("rings are not kept: cannot log to ring '{ring}'; name a socket or stdout"));
    }
    let allowed = Allowed { port: true, fd: true, resolve: true, ..Allowed::default() };
    let word_of_type = word.strip_prefix("dgram+").or_else(|| word.strip_prefix("uxdg@").map(|_| word)).unwrap_or(word);
    let path = word_of_type.strip_prefix("uxdg@").filter(|path| path.starts_with('/'));
    match address::parse(path.unwrap_or(word_of_type), allowed, ctx.env, ctx.files)? {
        Address::Ip { host, port: Ports::Fixed(port, _) } => Ok(LogAddress::Udp(SocketAddr::new(host, port))),
        Address::Ip { host, .. } => Ok(LogAddress::Udp(SocketAddr::new(host, SYSLOG_PORT))),
        Address::Unix(path) => Ok(LogAddress::Unix(path.into())),
        Address::Fd(fd) => Ok(LogAddress::Fd(fd)),
        Address::Abstract(name) => Err(format!("abstract sockets take no log lines: '{name}'")),
        Address::Name { name, .. } => Err(format!("invalid address: '{name}' in '{word}'")),
    }
}
