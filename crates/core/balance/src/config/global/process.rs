//! `global`: limits, threads, rights, names, and how the process runs.

use super::{Read, count, switch, text};
use crate::config::keyword::{ANY, Keyword, done, ignored, refused};
use crate::config::line::Ctx;
use crate::config::model::Global;
use crate::config::values::{self, TIME_MAX_TEXT, Wrong};
use std::path::PathBuf;
use std::time::Duration;

const NO_LUA: &str = "Lua scripts are not run";
const NO_DEVICES: &str = "device detection is not built in";
const NO_MEMORY: &str = "memory is handled by the allocator";
const ONE_POLLER: &str = "connections are always polled by epoll";

pub(super) const KEYWORDS: &[Keyword<Read>] = &[
    done("maxconn", ANY, |ctx, global| count(ctx, &mut global.maxconn)),
    done("maxconnrate", ANY, |ctx, global| count(ctx, &mut global.maxconnrate)),
    done("maxsessrate", ANY, |ctx, global| count(ctx, &mut global.maxsessrate)),
    done("maxsslrate", ANY, |ctx, global| count(ctx, &mut global.maxsslrate)),
    done("maxsslconn", ANY, |ctx, global| count(ctx, &mut global.maxsslconn)),
    done("maxcomprate", ANY, |ctx, global| count(ctx, &mut global.maxcomprate)),
    done("maxpipes", ANY, |ctx, global| count(ctx, &mut global.maxpipes)),
    ignored("maxcompcpuusage", ANY, "compression yields to other work in the same worker"),
    done("nbthread", ANY, nbthread),
    done("nbproc", ANY, nbproc),
    done("ulimit-n", ANY, |ctx, global| limit(ctx, &mut global.ulimit_n)),
    done("fd-hard-limit", ANY, |ctx, global| limit(ctx, &mut global.fd_hard_limit)),
    done("daemon", ANY, |ctx, global| switch(ctx, &mut global.daemon)),
    ignored("master-worker", ANY, "one process reloads itself"),
    done("chroot", ANY, |ctx, global| path(ctx, &mut global.chroot, "expects a directory as an argument.")),
    done("pidfile", ANY, |ctx, global| path(ctx, &mut global.pidfile, "expects a file name as an argument.")),
    done("user", ANY, user),
    done("group", ANY, group),
    done("uid", ANY, |ctx, global| id(ctx, &mut global.uid, "user")),
    done("gid", ANY, |ctx, global| id(ctx, &mut global.gid, "group")),
    done("node", ANY, node),
    done("description", ANY, description),
    done("hard-stop-after", ANY, |ctx, global| delay(ctx, &mut global.hard_stop_after)),
    ignored("grace", ANY, "a soft stop begins at once"),
    done("spread-checks", ANY, spread_checks),
    done("max-spread-checks", ANY, |ctx, global| delay(ctx, &mut global.max_spread_checks)),
    done("server-state-file", ANY, |ctx, global| {
        path(ctx, &mut global.server_state_file, "expect one argument: a file path.");
    }),
    done("server-state-base", ANY, |ctx, global| {
        path(ctx, &mut global.server_state_base, "expects one argument: a directory path.");
    }),
    done("localpeer", ANY, |ctx, global| text(ctx, &mut global.localpeer, "expects a name as an argument.")),
    ignored("cluster-secret", ANY, "QUIC is not spoken"),
    ignored("external-check", ANY, "no program is started to check a server"),
    ignored("insecure-fork-wanted", ANY, "no program is started"),
    done("nosplice", ANY, |ctx, global| switch(ctx, &mut global.nosplice)),
    done("noreuseport", ANY, |ctx, global| switch(ctx, &mut global.noreuseport)),
    done("quiet", ANY, |ctx, global| switch(ctx, &mut global.quiet)),
    done("zero-warning", ANY, |ctx, global| switch(ctx, &mut global.zero_warning)),
    ignored("strict-limits", ANY, "a limit that is not granted is said at start"),
    ignored("pp2-never-send-local", ANY, "checks are sent as LOCAL"),
    done("unix-bind", ANY, unix_bind),
    done("h1-case-adjust", ANY, h1_case_adjust),
    refused("h1-case-adjust-file", ANY, "header names are read from no file", "write one 'h1-case-adjust' for each"),
    ignored("busy-polling", ANY, "an idle worker sleeps"),
    ignored("cpu-map", ANY, "the kernel places the workers"),
    ignored("numa-cpu-mapping", ANY, "the kernel places the workers"),
    ignored("thread-group", ANY, "all workers are one group"),
    ignored("thread-groups", ANY, "all workers are one group"),
    ignored("close-spread-time", ANY, "connections are closed over the whole of a soft stop"),
    ignored("default-path", ANY, "paths are taken from the working directory"),
    done("expose-experimental-directives", ANY, |ctx, global| switch(ctx, &mut global.experimental)),
    ignored("h1-accept-payload-with-any-method", ANY, "a body is accepted with any method"),
    ignored("h2-workaround-bogus-websocket-clients", ANY, "WebSocket over HTTP/2 is not announced"),
    ignored("httpclient.resolvers.id", ANY, "only Lua makes such requests"),
    ignored("httpclient.resolvers.prefer", ANY, "only Lua makes such requests"),
    ignored("httpclient.ssl.ca-file", ANY, "only Lua makes such requests"),
    ignored("httpclient.ssl.verify", ANY, "only Lua makes such requests"),
    ignored("insecure-setuid-wanted", ANY, "programs run by checks have the process's rights"),
    ignored("mworker-max-reloads", ANY, "a reload starts no process"),
    ignored("set-dumpable", ANY, "the system's limit of core files is left as it is"),
    ignored("no-memory-trimming", ANY, NO_MEMORY),
    ignored("noepoll", ANY, ONE_POLLER),
    ignored("noevports", ANY, ONE_POLLER),
    ignored("nokqueue", ANY, ONE_POLLER),
    ignored("nopoll", ANY, ONE_POLLER),
    ignored("nogetaddrinfo", ANY, "names are asked for as the system does"),
    ignored("profiling.memory", ANY, "profiles are taken from outside"),
    ignored("profiling.tasks", ANY, "profiles are taken from outside"),
    ignored("51degrees-data-file", ANY, NO_DEVICES),
    ignored("51degrees-property-name-list", ANY, NO_DEVICES),
    ignored("51degrees-property-separator", ANY, NO_DEVICES),
    ignored("51degrees-cache-size", ANY, NO_DEVICES),
    ignored("deviceatlas-json-file", ANY, NO_DEVICES),
    ignored("deviceatlas-log-level", ANY, NO_DEVICES),
    ignored("deviceatlas-properties-cookie", ANY, NO_DEVICES),
    ignored("deviceatlas-separator", ANY, NO_DEVICES),
    ignored("wurfl-cache-size", ANY, NO_DEVICES),
    ignored("wurfl-data-file", ANY, NO_DEVICES),
    ignored("wurfl-information-list", ANY, NO_DEVICES),
    ignored("wurfl-information-list-separator", ANY, NO_DEVICES),
    ignored("wurfl-patch-file", ANY, NO_DEVICES),
    refused("lua-load", ANY, NO_LUA, "express it in rules, or leave the line out"),
    refused("lua-load-per-thread", ANY, NO_LUA, "express it in rules, or leave the line out"),
    ignored("lua-prepend-path", ANY, NO_LUA),
];

/// Workers at most: HAProxy's limit, which scripts know.
const MAX_THREADS: i64 = 64;

fn nbthread(ctx: &mut Ctx, global: &mut Global) {
    let word = ctx.word(1);
    if !ctx.at_most(1, 1) {
        return;
    }
    match word.parse::<i64>() {
        Ok(threads) if (1..=MAX_THREADS).contains(&threads) => global.nbthread = Some(threads as u32),
        Ok(threads) => {
            ctx.alert(format!("'nbthread' value must be between 1 and {MAX_THREADS} (was {threads})"));
        }
        Err(_) => ctx.alert(format!("'nbthread' passed a missing or unparsable integer value in '{word}'")),
    }
}

/// One process is what everybody has since 2.5; files that say so are older.
fn nbproc(ctx: &mut Ctx, _: &mut Global) {
    if ctx.word(1) == "1" {
        return ctx.report.ignore("nbproc", "one process with several workers is all there is");
    }
    ctx.alert(
        "nbproc is not supported any more since HAProxy 2.5. Threads will automatically be used on multi-processor \
         machines if available.",
    );
}

fn limit(ctx: &mut Ctx, value: &mut Option<u64>) {
    if !ctx.at_most(1, 1) {
        return;
    }
    if ctx.word(1).is_empty() {
        return ctx.alert(format!("'{}' expects an integer argument.", ctx.word(0)));
    }
    *value = Some(ctx.lax_number(1).max(0) as u64);
}

fn path(ctx: &mut Ctx, value: &mut Option<PathBuf>, expects: &str) {
    if !ctx.at_most(1, 1) {
        return;
    }
    if value.is_some() {
        let name = ctx.word(0);
        return ctx.alert(format!("'{name}' already specified. Continuing."));
    }
    match ctx.word(1) {
        "" => ctx.alert(format!("'{}' {expects}", ctx.word(0))),
        word => *value = Some(word.into()),
    }
}

fn user(ctx: &mut Ctx, global: &mut Global) {
    let name = ctx.word(1);
    if global.user.is_some() || global.uid.is_some() {
        return ctx.alert("user/uid already specified. Continuing.");
    }
    if name.is_empty() || !ctx.files.has_user(name) {
        return ctx.alert(format!("cannot find user id for '{name}' (0:Success)"));
    }
    global.user = Some(name.to_owned());
}

fn group(ctx: &mut Ctx, global: &mut Global) {
    let name = ctx.word(1);
    if global.group.is_some() || global.gid.is_some() {
        return ctx.alert("gid/group was already specified. Continuing.");
    }
    if name.is_empty() || !ctx.files.has_group(name) {
        return ctx.alert(format!("cannot find group id for '{name}' (0:Success)"));
    }
    global.group = Some(name.to_owned());
}

fn id(ctx: &mut Ctx, value: &mut Option<u32>, kind: &str) {
    let (name, word) = (ctx.word(0), ctx.word(1));
    if !ctx.at_most(1, 1) {
        return;
    }
    if word.is_empty() {
        return ctx.alert(format!("'{name}' expects an integer argument."));
    }
    match word.parse() {
        Ok(number) => *value = Some(number),
        Err(_) => ctx.warn(format!(
            " {name}: string '{word}' is not a number.\n   | You might want to use the '{kind}' parameter to use a system {kind} name."
        )),
    }
}

fn node(ctx: &mut Ctx, global: &mut Global) {
    let name = ctx.word(1);
    if !ctx.at_most(1, 1) {
        return;
    }
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)) {
        return ctx.report.alert_tight(
            "'node' requires valid node name - non-empty string with digits(0-9), letters(A-Z, a-z), dot(.), hyphen(-) \
             or underscode(_).",
        );
    }
    global.node = Some(name.to_owned());
}

fn description(ctx: &mut Ctx, global: &mut Global) {
    if ctx.word(1).is_empty() {
        return ctx.alert("'description' expects a string argument.");
    }
    global.description = Some(ctx.rest(1).join(" "));
}

fn delay(ctx: &mut Ctx, value: &mut Option<Duration>) {
    let (name, word) = (ctx.word(0), ctx.word(1));
    match values::time(word) {
        _ if word.is_empty() => ctx.alert(format!("'{name}' expects <time> as argument.")),
        Ok(time) => *value = Some(time),
        Err(Wrong::Overflow) => {
            ctx.alert(format!("timer overflow in argument '{word}' to <{name}> ({TIME_MAX_TEXT})."));
        }
        Err(wrong) => ctx.alert(format!("unexpected character '{wrong}' in argument to <{name}>.")),
    }
}

fn spread_checks(ctx: &mut Ctx, global: &mut Global) {
    if ctx.word(1).is_empty() {
        return ctx.report.alert_tight("'spread-checks' expects an integer argument (0..50).");
    }
    match ctx.lax_number(1) {
        percent @ 0..=50 => global.spread_checks = percent as u32,
        _ => ctx.report.alert_tight("'spread-checks' needs a positive value in range 0..50."),
    }
}

fn unix_bind(ctx: &mut Ctx, global: &mut Global) {
    let mut words = ctx.rest(1).iter();
    while let Some(option) = words.next() {
        let value = words.next().cloned().unwrap_or_default();
        let owner = &mut global.unix_bind;
        match option.as_str() {
            "prefix" => global.unix_bind_prefix = Some(value),
            "mode" => owner.mode = u32::from_str_radix(&value, 8).ok(),
            "uid" => owner.uid = value.parse().ok(),
            "gid" => owner.gid = value.parse().ok(),
            "user" => owner.user = Some(value),
            "group" => owner.group = Some(value),
            _ => {
                return ctx.alert(
                    "'unix-bind' only supports the 'prefix', 'mode', 'uid', 'gid', 'user' and 'group' options.",
                );
            }
        }
    }
}

fn h1_case_adjust(ctx: &mut Ctx, global: &mut Global) {
    let (from, to) = (ctx.word(1), ctx.word(2));
    if from.is_empty() || to.is_empty() || ctx.words.len() > 3 {
        return ctx.alert("'h1-case-adjust' expects <from> and <to> as argument.");
    }
    if !from.eq_ignore_ascii_case(to) {
        return ctx
            .alert(format!("'h1-case-adjust' : <from> and <to> must not differ execpt the case: '{from}', '{to}'"));
    }
    global.h1_case_adjust.push((from.to_owned(), to.to_owned()));
}
