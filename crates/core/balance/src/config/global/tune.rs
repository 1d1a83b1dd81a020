//! `tune.*` lines of `global` (manual, section 3.2).

use super::Read;
use crate::config::keyword::{ANY, Keyword, done, ignored};
use crate::config::line::Ctx;
use crate::config::model::Global;
use crate::config::values;

const NO_BUFFERS: &str = "buffers belong to connections with data, which their limits bound";
const NO_LUA: &str = "Lua scripts are not run";
const NO_QUIC: &str = "QUIC is not spoken";
const KERNEL: &str = "the kernel sizes its buffers";
const RUNTIME: &str = "the runtime schedules the work";
const NO_VARS_LIMIT: &str = "variables are bounded by the size of a request";
const RECORDS: &str = "the TLS library chooses sizes of records";

pub(super) const KEYWORDS: &[Keyword<Read>] = &[
    done("tune.bufsize", ANY, |ctx, global| bytes(ctx, &mut global.tune.bufsize)),
    done("tune.maxrewrite", ANY, |ctx, global| bytes(ctx, &mut global.tune.maxrewrite)),
    done("tune.http.maxhdr", ANY, maxhdr),
    ignored("tune.http.cookielen", ANY, "captured cookies are as long as 'capture cookie' says"),
    ignored("tune.http.logurilen", ANY, "URIs are logged whole, as far as the line goes"),
    done("tune.h2.header-table-size", ANY, |ctx, global| setting(ctx, &mut global.tune.h2_header_table_size, 65535)),
    done("tune.h2.initial-window-size", ANY, |ctx, global| {
        setting(ctx, &mut global.tune.h2_initial_window_size, i64::from(i32::MAX));
    }),
    done("tune.h2.max-concurrent-streams", ANY, |ctx, global| {
        setting(ctx, &mut global.tune.h2_max_concurrent_streams, i64::from(i32::MAX));
    }),
    done("tune.h2.max-frame-size", ANY, |ctx, global| setting(ctx, &mut global.tune.h2_max_frame_size, 16_777_215)),
    ignored("tune.idle-pool.shared", ANY, "each worker has connections of its own"),
    ignored("tune.maxaccept", ANY, RUNTIME),
    ignored("tune.pipesize", ANY, "pipes are as large as the system lets them be"),
    ignored("tune.rcvbuf.client", ANY, KERNEL),
    ignored("tune.rcvbuf.server", ANY, KERNEL),
    ignored("tune.sndbuf.client", ANY, KERNEL),
    ignored("tune.sndbuf.server", ANY, KERNEL),
    ignored("tune.ssl.cachesize", ANY, "sessions are in tickets"),
    ignored("tune.ssl.lifetime", ANY, "tickets are good for as long as their keys"),
    done("tune.comp.maxlevel", ANY, comp_maxlevel),
    ignored("tune.buffers.limit", ANY, NO_BUFFERS),
    ignored("tune.buffers.reserve", ANY, NO_BUFFERS),
    ignored("tune.fail-alloc", ANY, "a test of HAProxy itself"),
    ignored("tune.fd.edge-triggered", ANY, "always so"),
    ignored("tune.idletimer", ANY, "data is passed on when it is there"),
    ignored("tune.listener.multi-queue", ANY, "the kernel spreads connections over the workers"),
    ignored("tune.lua.forced-yield", ANY, NO_LUA),
    ignored("tune.lua.maxmem", ANY, NO_LUA),
    ignored("tune.lua.session-timeout", ANY, NO_LUA),
    ignored("tune.lua.service-timeout", ANY, NO_LUA),
    ignored("tune.lua.task-timeout", ANY, NO_LUA),
    ignored("tune.maxpollevents", ANY, RUNTIME),
    ignored("tune.pattern.cache-size", ANY, "patterns are indexed"),
    ignored("tune.peers.max-updates-at-once", ANY, "peers are not spoken to"),
    ignored("tune.pool-high-fd-ratio", ANY, "idle connections are bounded for each server"),
    ignored("tune.pool-low-fd-ratio", ANY, "idle connections are bounded for each server"),
    ignored("tune.quic.frontend.conn-tx-buffers.limit", ANY, NO_QUIC),
    ignored("tune.quic.frontend.max-idle-timeout", ANY, NO_QUIC),
    ignored("tune.quic.frontend.max-streams-bidi", ANY, NO_QUIC),
    ignored("tune.quic.retry-threshold", ANY, NO_QUIC),
    ignored("tune.recv_enough", ANY, RUNTIME),
    ignored("tune.runqueue-depth", ANY, RUNTIME),
    ignored("tune.sched.low-latency", ANY, RUNTIME),
    ignored("tune.ssl.capture-buffer-size", ANY, "ClientHellos are not captured"),
    ignored("tune.ssl.capture-cipherlist-size", ANY, "ClientHellos are not captured"),
    ignored("tune.ssl.default-dh-param", ANY, "key exchange is by elliptic curves"),
    ignored("tune.ssl.force-private-cache", ANY, "there is one process"),
    ignored("tune.ssl.hard-maxrecord", ANY, RECORDS),
    ignored("tune.ssl.keylog", ANY, "keys are not written down"),
    ignored("tune.ssl.maxrecord", ANY, RECORDS),
    ignored("tune.ssl.ssl-ctx-cache-size", ANY, "certificates are not made while running"),
    ignored("tune.vars.check-max-size", ANY, NO_VARS_LIMIT),
    ignored("tune.vars.global-max-size", ANY, NO_VARS_LIMIT),
    ignored("tune.vars.proc-max-size", ANY, NO_VARS_LIMIT),
    ignored("tune.vars.reqres-max-size", ANY, NO_VARS_LIMIT),
    ignored("tune.vars.sess-max-size", ANY, NO_VARS_LIMIT),
    ignored("tune.vars.txn-max-size", ANY, NO_VARS_LIMIT),
    ignored("tune.zlib.memlevel", ANY, "the compressor chooses its memory"),
    ignored("tune.zlib.windowsize", ANY, "the compressor chooses its memory"),
    ignored("maxzlibmem", ANY, "the compressor's memory is bounded by the connections"),
];

fn argument(ctx: &mut Ctx) -> bool {
    if ctx.word(1).is_empty() {
        ctx.alert(format!("'{}' expects an integer argument.", ctx.word(0)));
        return false;
    }
    ctx.at_most(1, 1)
}

/// Bytes. HAProxy reads no unit here, and 32 bytes where `32k` is written are too few to run with: units are read.
fn bytes(ctx: &mut Ctx, value: &mut usize) {
    if !argument(ctx) {
        return;
    }
    match values::size(ctx.word(1)) {
        Ok(number @ 1..) => *value = number as usize,
        _ => ctx.alert(format!("'{}' expects a positive integer argument.", ctx.word(0))),
    }
}

fn maxhdr(ctx: &mut Ctx, global: &mut Global) {
    if !argument(ctx) {
        return;
    }
    match ctx.word(1).parse() {
        Ok(count @ 1..=32767) => global.tune.http_maxhdr = count,
        _ => ctx.alert("'tune.http.maxhdr' expects a numeric value between 1 and 32767"),
    }
}

fn setting(ctx: &mut Ctx, value: &mut Option<u32>, most: i64) {
    if !argument(ctx) {
        return;
    }
    match i64::from(ctx.lax_number(1)) {
        number if (0..=most).contains(&number) => *value = Some(number as u32),
        number if number < 0 => ctx.alert(format!("'{}' expects a positive numeric value.", ctx.word(0))),
        _ => ctx.alert(format!("'{}' expects a numeric value of {most} at most.", ctx.word(0))),
    }
}

fn comp_maxlevel(ctx: &mut Ctx, global: &mut Global) {
    match ctx.word(1).parse() {
        Ok(level @ 1..=9) => global.tune.comp_maxlevel = Some(level),
        _ => ctx.alert("'tune.comp.maxlevel' expects a numeric value between 1 and 9"),
    }
}
