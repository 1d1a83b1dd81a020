//! Fetches from internal states (manual section 7.3.2).

use crate::pattern::hex_bytes;
use crate::sample::args::{Arg, Kind, NONE, spec};
use crate::sample::context::{BackendNumber, FrontendNumber, ProcessNumber, ServerNumber, TableNumber};
use crate::sample::keyword::{Call, Fetch, One, one};
use crate::sample::{Env, Fetched, Source, StreamNumber, Type, Value, Var};
use std::fmt::Write;

pub const FETCHES: &[Fetch] = &[
    one("always_false", NONE, Type::Bool, Source::Constant, |_| found(Value::Bool(false))),
    one("always_true", NONE, Type::Bool, Source::Constant, |_| found(Value::Bool(true))),
    one("bin", spec(1, &[Kind::Str]), Type::Bin, Source::Constant, |call| call.bytes(0).map(Value::Bin).into())
        .checked(check_bin),
    one("bool", spec(1, &[Kind::Str]), Type::Bool, Source::Constant, |call| found(Value::Bool(call.int(0) == Some(1))))
        .checked(check_bool),
    one("int", spec(1, &[Kind::Int]), Type::Int, Source::Constant, |call| call.int(0).map(Value::Int).into()),
    one("ipv4", spec(1, &[Kind::Ipv4]), Type::Ipv4, Source::Constant, address),
    one("ipv6", spec(1, &[Kind::Ipv6]), Type::Ipv6, Source::Constant, address),
    one("meth", spec(1, &[Kind::Str]), Type::Method, Source::Constant, |call| call.bytes(0).map(Value::Method).into()),
    one("str", spec(1, &[Kind::Str]), Type::Str, Source::Constant, |call| call.text(0).map(Value::text).into()),
    one("date", spec(0, &[Kind::Int, Kind::Str]), Type::Int, Source::Constant, date).checked(check_date),
    one("date_us", NONE, Type::Int, Source::Constant, |call| {
        found(Value::Int(call.context.now().micros.rem_euclid(1_000_000)))
    }),
    one("env", spec(1, &[Kind::Str]), Type::Str, Source::Constant, |call| {
        call.text(0).and_then(|name| call.context.environment(name)).map(Value::text).into()
    }),
    one("hostname", NONE, Type::Str, Source::Constant, |call| call.context.hostname().map(Value::text).into()),
    one("nbproc", NONE, Type::Int, Source::Constant, |_| found(Value::Int(1))),
    one("proc", NONE, Type::Int, Source::Constant, |_| found(Value::Int(1))),
    one("nbthread", NONE, Type::Int, Source::Constant, |call| process(call, ProcessNumber::Nbthread)),
    one("thread", NONE, Type::Int, Source::Constant, |call| process(call, ProcessNumber::Thread)),
    one("stopping", NONE, Type::Bool, Source::Internal, |call| {
        found(Value::Bool(call.context.process_number(ProcessNumber::Stopping).is_some_and(|value| value != 0)))
    }),
    one("rand", spec(0, &[Kind::Int]), Type::Int, Source::Constant, random),
    one("uuid", spec(0, &[Kind::Int]), Type::Str, Source::Constant, uuid).checked(check_uuid),
    one("var", spec(1, &[Kind::Str, Kind::Str]), Type::Any, Source::Constant, variable).checked(check_var),
    one("unique-id", NONE, Type::Str, Source::Constant, |call| call.context.unique_id().map(Value::Str).into()),
    one("prio_class", NONE, Type::Int, Source::Internal, |call| stream(call, StreamNumber::PriorityClass)),
    one("prio_offset", NONE, Type::Int, Source::Internal, |call| stream(call, StreamNumber::PriorityOffset)),
    backend("avg_queue", |call| of_backend(call, BackendNumber::AvgQueue)),
    backend("be_conn", |call| of_backend(call, BackendNumber::Conn)),
    backend("be_conn_free", |call| of_backend(call, BackendNumber::ConnFree)),
    backend("be_sess_rate", |call| of_backend(call, BackendNumber::SessRate)),
    backend("connslots", |call| of_backend(call, BackendNumber::Connslots)),
    backend("nbsrv", |call| of_backend(call, BackendNumber::Nbsrv)),
    backend("queue", |call| of_backend(call, BackendNumber::Queue)),
    frontend("fe_conn", |call| of_frontend(call, FrontendNumber::Conn)),
    frontend("fe_req_rate", |call| of_frontend(call, FrontendNumber::ReqRate)),
    frontend("fe_sess_rate", |call| of_frontend(call, FrontendNumber::SessRate)),
    server("srv_conn", Type::Int, |call| of_server(call, ServerNumber::Conn).into()),
    server("srv_conn_free", Type::Int, |call| of_server(call, ServerNumber::ConnFree).into()),
    server("srv_is_up", Type::Bool, |call| {
        of_server(call, ServerNumber::IsUp).and_then(|value| value.cast(Type::Bool)).into()
    }),
    server("srv_iweight", Type::Int, |call| of_server(call, ServerNumber::Iweight).into()),
    server("srv_queue", Type::Int, |call| of_server(call, ServerNumber::Queue).into()),
    server("srv_sess_rate", Type::Int, |call| of_server(call, ServerNumber::SessRate).into()),
    server("srv_uweight", Type::Int, |call| of_server(call, ServerNumber::Uweight).into()),
    server("srv_weight", Type::Int, |call| of_server(call, ServerNumber::Weight).into()),
    table("table_avl", |call| call.context.table_number(TableNumber::Avail, call.name(0)).map(Value::Int).into()),
    table("table_cnt", |call| call.context.table_number(TableNumber::Count, call.name(0)).map(Value::Int).into()),
];

const fn backend(name: &'static str, run: One) -> Fetch {
    one(name, spec(1, &[Kind::Backend]), Type::Int, Source::Internal, run)
}

const fn frontend(name: &'static str, run: One) -> Fetch {
    one(name, spec(1, &[Kind::Frontend]), Type::Int, Source::Internal, run)
}

const fn server(name: &'static str, output: Type, run: One) -> Fetch {
    one(name, spec(1, &[Kind::Server]), output, Source::Internal, run)
}

const fn table(name: &'static str, run: One) -> Fetch {
    one(name, spec(1, &[Kind::Table]), Type::Int, Source::Internal, run)
}

fn found(value: Value<'_>) -> Fetched<'_> {
    Fetched::Found(value)
}

fn address(call: Call<'_>) -> Fetched<'_> {
    match call.args.first() {
        Some(Arg::Ip(address)) => Fetched::Found(Value::Ip(*address)),
        _ => Fetched::Missing,
    }
}

fn process(call: Call<'_>, what: ProcessNumber) -> Fetched<'_> {
    call.context.process_number(what).map(Value::Int).into()
}

fn stream(call: Call<'_>, what: StreamNumber) -> Fetched<'_> {
    found(Value::Int(call.context.stream_number(what).unwrap_or(0)))
}

fn of_backend(call: Call<'_>, what: BackendNumber) -> Fetched<'_> {
    call.context.backend_number(what, call.name(0)).map(Value::Int).into()
}

fn of_frontend(call: Call<'_>, what: FrontendNumber) -> Fetched<'_> {
    call.context.frontend_number(what, call.name(0)).map(Value::Int).into()
}

fn of_server(call: Call<'_>, what: ServerNumber) -> Option<Value<'_>> {
    let name = call.name(0)?;
    let (backend, server) = name.split_once('/').map_or((None, name), |(backend, server)| (Some(backend), server));
    call.context.server_number(what, backend, server).map(Value::Int)
}

/// Seconds, milliseconds or microseconds since 1970, `<offset>` of them later.
fn date(call: Call<'_>) -> Fetched<'_> {
    let micros = call.context.now().micros;
    let now = match call.text(1) {
        Some("us") => micros,
        Some("ms") => micros.div_euclid(1_000),
        _ => micros.div_euclid(1_000_000),
    };
    found(Value::Int(now.saturating_add(call.int(0).unwrap_or(0))))
}

pub(crate) fn check_unit(args: &[Arg], place: usize) -> Result<(), String> {
    match args.get(place) {
        Some(Arg::Text(unit)) if !matches!(&**unit, "s" | "ms" | "us") => {
            Err(format!("expects 's', 'ms' or 'us', got '{unit}'"))
        }
        _ => Ok(()),
    }
}

fn check_date(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    check_unit(args, 1)
}

fn check_bin(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    if let Some(Arg::Text(text)) = args.first() {
        args[0] = Arg::Bytes(hex_bytes(text)?.into());
    }
    Ok(())
}

fn check_bool(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    let value = match args.first() {
        Some(Arg::Text(text)) if matches!(&**text, "true" | "1") => 1,
        Some(Arg::Text(text)) if matches!(&**text, "false" | "0") => 0,
        _ => return Err("Expects 'true', 'false', '0' or '1'".into()),
    };
    args[0] = Arg::Int(value);
    Ok(())
}

fn check_uuid(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    match args.first() {
        Some(Arg::Int(version)) if *version != 4 => Err(format!("Unsupported UUID version: '{version}'")),
        _ => Ok(()),
    }
}

fn check_var(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    if let Some(Arg::Text(text)) = args.first() {
        args[0] = Arg::Var(Var::parse(text)?);
    }
    Ok(())
}

fn random(call: Call<'_>) -> Fetched<'_> {
    let number = match call.int(0) {
        None => i64::from(call.context.random(u32::MAX)),
        Some(range) => i64::from(call.context.random(u32::try_from(range).unwrap_or(u32::MAX))),
    };
    found(Value::Int(number))
}

/// RFC 4122, version 4.
fn uuid(call: Call<'_>) -> Fetched<'_> {
    let mut bytes = [0_u8; 16];
    for part in bytes.chunks_mut(4) {
        part.copy_from_slice(&call.context.random(u32::MAX).to_be_bytes());
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    found(Value::text(text))
}

fn variable(call: Call<'_>) -> Fetched<'_> {
    let value = call.var(0).and_then(|var| call.context.var(var));
    value.or_else(|| call.text(1).map(Value::text)).into()
}

/// The unit an argument names, as parts of a second.
pub(crate) fn per_second(unit: Option<&str>) -> i64 {
    match unit {
        Some("us") => 1_000_000,
        Some("ms") => 1_000,
        _ => 1,
    }
}
