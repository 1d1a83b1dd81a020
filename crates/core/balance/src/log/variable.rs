//! The variables of log formats (manual section 8.2.6).

use super::record::Record;
use super::render::{Encode, Line, Output};
use crate::http::RequestHead;
use crate::http::head::path_and_query_of;
use crate::sample::{Connection, Endpoint, Now, Side};

pub(super) struct Variable {
    pub name: &'static str,
    /// Only where HTTP is spoken.
    pub http_only: bool,
    /// May show nothing at all, not even what stands for nothing.
    pub may_vanish: bool,
    pub show: fn(&Line<'_>, &mut Output<'_>),
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "%{}", self.name)
    }
}

pub(super) fn find(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.name == name)
}

type Show = fn(&Line<'_>, &mut Output<'_>);

const fn any(name: &'static str, show: Show) -> Variable {
    Variable { name, http_only: false, may_vanish: false, show }
}

const fn http(name: &'static str, show: Show) -> Variable {
    Variable { name, http_only: true, may_vanish: false, show }
}

const fn captures(name: &'static str, show: Show) -> Variable {
    Variable { name, http_only: false, may_vanish: true, show }
}

/// What is shown of a request that was none.
const BAD_REQUEST: &[u8] = b"<BADREQ>";

static VARIABLES: [Variable; 63] = [
    any("B", |line, out| early(line, out, |record| record.bytes_out as i64)),
    any("U", |line, out| out.number(line.record().bytes_in as i64)),
    http("CC", |line, out| out.text(line.record().request_cookie.as_deref(), Encode::Nothing)),
    http("CS", |line, out| out.text(line.record().response_cookie.as_deref(), Encode::Nothing)),
    any("H", |line, out| out.text(line.context.hostname().map(str::as_bytes), Encode::Nothing)),
    http("HM", |line, out| request(line, out, |head| head.as_came().0)),
    http("HP", |line, out| request(line, out, |head| before_query(head.as_came().1))),
    http("HPO", |line, out| request(line, out, path_only)),
    http("HQ", |line, out| request(line, out, |head| &head.as_came().1[before_query(head.as_came().1).len()..])),
    http("HU", |line, out| request(line, out, |head| head.as_came().1)),
    http("HV", |line, out| request(line, out, |head| head.version.as_str().as_bytes())),
    any("ID", |line, out| out.text(line.context.unique_id().as_deref(), Encode::Nothing)),
    any("ST", |line, out| {
        // A request that was not answered has no status; what is no request has 0.
        let none = if line.context.request().is_some() { -1 } else { 0 };
        out.number(line.context.status().map_or(none, i64::from));
    }),
    any("T", |line, out| out.date(line.record().accepted, 0, false)),
    any("Tl", |line, out| local_zone(line.record().accepted, out)),
    any("t", |line, out| local_millis(line.record().accepted, out)),
    http("tr", |line, out| local_millis(line.record().requested, out)),
    http("trg", |line, out| out.date(line.record().requested, 0, false)),
    http("trl", |line, out| local_zone(line.record().requested, out)),
    any("Ts", |line, out| out.hex_number(line.record().accepted.seconds(), 2)),
    any("ms", |line, out| {
        let millis = line.record().accepted.micros.rem_euclid(1_000_000) / 1000;
        out.milliseconds(millis);
    }),
    http("Ta", |line, out| early(line, out, |record| record.active_ms)),
    any("Tc", |line, out| out.number(line.record().connect_ms)),
    any("Td", |line, out| out.number(line.record().data_ms)),
    any("Th", |line, out| out.number(line.record().handshake_ms)),
    http("Ti", |line, out| out.number(line.record().idle_ms)),
    http("Tq", |line, out| out.number(line.record().queried_ms())),
    http("TR", |line, out| out.number(line.record().request_ms)),
    http("Tr", |line, out| out.number(line.record().response_ms)),
    any("Tt", |line, out| early(line, out, |record| record.total_ms)),
    any("Tu", |line, out| early(line, out, |record| record.total_ms - record.idle_ms.max(0))),
    any("Tw", |line, out| out.number(line.record().queue_ms)),
    any("ac", |line, out| out.number(line.record().active_connections.into())),
    any("fc", |line, out| out.number(line.record().frontend_connections.into())),
    any("bc", |line, out| out.number(line.record().backend_connections.into())),
    any("sc", |line, out| out.number(line.record().server_connections.into())),
    any("rc", |line, out| {
        if line.record().redispatched {
            out.raw(b"+");
        }
        out.number(line.record().retries.into());
    }),
    any("sq", |line, out| out.number(line.record().server_queue.into())),
    any("bq", |line, out| out.number(line.record().backend_queue.into())),
    any("b", |line, out| {
        let owner = line.context.backend().or_else(|| line.context.frontend());
        out.text(owner.map(|owner| owner.name.as_bytes()), Encode::Nothing);
    }),
    any("f", |line, out| out.text(line.context.frontend().map(|owner| owner.name.as_bytes()), Encode::Nothing)),
    any("ft", |line, out| {
        let name = line.context.frontend().map_or("", |owner| owner.name);
        out.quote();
        out.part(name.as_bytes(), Encode::Nothing);
        if line.record().tls || line.context.tls(Side::Client).is_some() {
            out.raw(b"~");
        }
        out.quote();
    }),
    any("s", |line, out| {
        let name = line.context.server().map_or("<NOSRV>", |server| server.name);
        out.text(Some(name.as_bytes()), Encode::Nothing);
    }),
    any("ci", |line, out| out.address(end(line, Side::Client, |c| c.source))),
    any("cp", |line, out| {
        out.port(end(line, Side::Client, |c| c.source), line.context.listener().map(|named| named.id));
    }),
    any("fi", |line, out| out.address(end(line, Side::Client, |c| c.destination))),
    any("fp", |line, out| {
        out.port(end(line, Side::Client, |c| c.destination), line.context.listener().map(|named| named.id));
    }),
    any("bi", |line, out| out.address(end(line, Side::Server, |c| c.source))),
    any("bp", |line, out| out.port(end(line, Side::Server, |c| c.source), None)),
    any("si", |line, out| out.address(end(line, Side::Server, |c| c.destination))),
    any("sp", |line, out| out.port(end(line, Side::Server, |c| c.destination), None)),
    captures("hr", |line, out| joined(line, out, Side::Client)),
    captures("hs", |line, out| joined(line, out, Side::Server)),
    captures("hrl", |line, out| listed(line, out, Side::Client)),
    captures("hsl", |line, out| listed(line, out, Side::Server)),
    any("lc", |line, out| out.hex_number(line.record().log_count as i64, 4)),
    any("rt", |line, out| out.hex_number(line.record().request_count as i64, 4)),
    any("pid", |line, out| out.hex_number(line.record().pid.into(), 4)),
    http("r", |line, out| {
        let Some(head) = line.context.request() else { return out.quoted(BAD_REQUEST, Encode::Url) };
        out.quote();
        let (method, uri) = head.as_came();
        for part in [method, b" ", uri, b" ", head.version.as_str().as_bytes()] {
            out.part(part, Encode::Url);
        }
        out.quote();
    }),
    any("sslc", |line, out| {
        out.text(line.context.tls(Side::Client).map(|tls| tls.cipher.as_bytes()), Encode::Nothing);
    }),
    any("sslv", |line, out| {
        out.text(line.context.tls(Side::Client).map(|tls| tls.version.as_bytes()), Encode::Nothing);
    }),
    any("ts", |line, out| {
        let end = line.record().termination;
        out.raw(&[end.cause.letter() as u8, end.phase.letter() as u8]);
    }),
    http("tsc", |line, out| {
        let end = line.record().termination;
        let letters = [end.cause.letter(), end.phase.letter(), end.cookie.letter(), end.set_cookie.letter()];
        out.raw(&letters.map(|letter| letter as u8));
    }),
];

/// What a line that is written before the end can only say the least of.
fn early(line: &Line<'_>, out: &mut Output<'_>, number: fn(&Record) -> i64) {
    if line.record().asap {
        out.raw(b"+");
    }
    out.number(number(line.record()));
}

fn local_millis(time: Now, out: &mut Output<'_>) {
    out.date(time, time.offset, true);
}

fn local_zone(time: Now, out: &mut Output<'_>) {
    out.date(time, time.offset, false);
}

fn end(line: &Line<'_>, side: Side, part: fn(&Connection) -> Option<Endpoint>) -> Option<Endpoint> {
    line.context.connection(side).and_then(part)
}

fn request(line: &Line<'_>, out: &mut Output<'_>, part: fn(&RequestHead) -> &[u8]) {
    out.quoted(line.context.request().map_or(BAD_REQUEST, part), Encode::Url);
}

fn before_query(uri: &[u8]) -> &[u8] {
    &uri[..memchr::memchr(b'?', uri).unwrap_or(uri.len())]
}

fn path_only(head: &RequestHead) -> &[u8] {
    let path = before_query(path_and_query_of(head.as_came().1));
    if path.starts_with(b"/") { path } else { b"" }
}

/// `{a|b}`; nothing where nothing can be captured.
fn joined(line: &Line<'_>, out: &mut Output<'_>, side: Side) {
    let slots = slots(line, side);
    if slots == 0 {
        return;
    }
    out.quote();
    out.raw(b"{");
    for slot in 0..slots {
        if slot > 0 {
            out.raw(b"|");
        }
        out.part(line.context.capture(side, slot).unwrap_or_default(), Encode::Header);
    }
    out.raw(b"}");
    out.quote();
}

/// Each one by itself.
fn listed(line: &Line<'_>, out: &mut Output<'_>, side: Side) {
    for slot in 0..slots(line, side) {
        if slot > 0 {
            out.raw(b" ");
        }
        out.text(line.context.capture(side, slot), Encode::Header);
    }
}

/// Without a request nothing was captured.
fn slots(line: &Line<'_>, side: Side) -> usize {
    if line.context.request().is_some() { line.context.captures(side) } else { 0 }
}
