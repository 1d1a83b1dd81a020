//! Fetches at layer 4: addresses, ports, names and numbers of the proxies (manual section 7.3.3).

use crate::sample::args::NONE;
use crate::sample::context::{BackendNumber, FrontendNumber};
use crate::sample::keyword::{Call, Fetch, one};
use crate::sample::{Connection, Endpoint, Fetched, Named, Side, Source, StreamNumber, Type, Value};

pub const FETCHES: &[Fetch] = &[
    one("src", NONE, Type::Addr, Source::ClientAddress, |call| address(client(call, |c| c.source))),
    one("src_port", NONE, Type::Int, Source::ClientAddress, |call| port(client(call, |c| c.source))),
    one("src_is_local", NONE, Type::Bool, Source::ClientAddress, |call| local(call, client(call, |c| c.source))),
    one("dst", NONE, Type::Addr, Source::ClientAddress, |call| address(client(call, |c| c.destination))),
    one("dst_port", NONE, Type::Int, Source::ClientAddress, |call| port(client(call, |c| c.destination))),
    one("dst_is_local", NONE, Type::Bool, Source::ClientAddress, |call| local(call, client(call, |c| c.destination))),
    one("fc_src", NONE, Type::Addr, Source::ClientAddress, |call| address(client(call, |c| c.kernel_source))),
    one("fc_src_port", NONE, Type::Int, Source::ClientAddress, |call| port(client(call, |c| c.kernel_source))),
    one("fc_src_is_local", NONE, Type::Bool, Source::ClientAddress, |call| {
        local(call, client(call, |c| c.kernel_source))
    }),
    one("fc_dst", NONE, Type::Addr, Source::ClientAddress, |call| address(client(call, |c| c.kernel_destination))),
    one("fc_dst_port", NONE, Type::Int, Source::ClientAddress, |call| port(client(call, |c| c.kernel_destination))),
    one("fc_dst_is_local", NONE, Type::Bool, Source::ClientAddress, |call| {
        local(call, client(call, |c| c.kernel_destination))
    }),
    one("fc_http_major", NONE, Type::Int, Source::ClientAddress, |call| major(call, Side::Client)),
    one("fc_rcvd_proxy", NONE, Type::Bool, Source::ClientAddress, |call| {
        connection(call, Side::Client, |c| Some(Value::Bool(c.proxied))).into()
    }),
    one("fc_pp_authority", NONE, Type::Str, Source::ClientAddress, |call| {
        connection(call, Side::Client, |c| c.authority.as_deref().map(Value::str)).into()
    }),
    one("fc_pp_unique_id", NONE, Type::Str, Source::ClientAddress, |call| {
        connection(call, Side::Client, |c| c.unique_id.as_deref().map(Value::str)).into()
    }),
    one("fc_err", NONE, Type::Int, Source::ClientAddress, |call| error_number(call, Side::Client)),
    one("fc_err_str", NONE, Type::Str, Source::ClientAddress, |call| error_text(call, Side::Client)),
    one("bc_src", NONE, Type::Addr, Source::ServerAddress, |call| address(server(call, |c| c.source))),
    one("bc_src_port", NONE, Type::Int, Source::ServerAddress, |call| port(server(call, |c| c.source))),
    one("bc_dst", NONE, Type::Addr, Source::ServerAddress, |call| address(server(call, |c| c.destination))),
    one("bc_dst_port", NONE, Type::Int, Source::ServerAddress, |call| port(server(call, |c| c.destination))),
    one("bc_http_major", NONE, Type::Int, Source::ServerAddress, |call| major(call, Side::Server)),
    one("bc_err", NONE, Type::Int, Source::ServerAddress, |call| error_number(call, Side::Server)),
    one("bc_err_str", NONE, Type::Str, Source::ServerAddress, |call| error_text(call, Side::Server)),
    one("be_id", NONE, Type::Int, Source::Backend, |call| id(call.context.backend())),
    one("be_name", NONE, Type::Str, Source::Backend, |call| name(call.context.backend())),
    one("be_server_timeout", NONE, Type::Int, Source::Backend, |call| backend(call, BackendNumber::ServerTimeout)),
    one("be_tunnel_timeout", NONE, Type::Int, Source::Backend, |call| backend(call, BackendNumber::TunnelTimeout)),
    one("cur_server_timeout", NONE, Type::Int, Source::Backend, |call| {
        current(call, StreamNumber::ServerTimeout, BackendNumber::ServerTimeout)
    }),
    one("cur_tunnel_timeout", NONE, Type::Int, Source::Backend, |call| {
        current(call, StreamNumber::TunnelTimeout, BackendNumber::TunnelTimeout)
    }),
    one("fe_id", NONE, Type::Int, Source::Frontend, |call| id(call.context.frontend())),
    one("fe_name", NONE, Type::Str, Source::Frontend, |call| name(call.context.frontend())),
    one("fe_defbe", NONE, Type::Str, Source::Frontend, |call| call.context.default_backend().map(Value::text).into()),
    one("fe_client_timeout", NONE, Type::Int, Source::Frontend, |call| {
        call.context.frontend_number(FrontendNumber::ClientTimeout, None).map(Value::Int).into()
    }),
    one("srv_id", NONE, Type::Int, Source::Server, |call| id(call.context.server())),
    one("srv_name", NONE, Type::Str, Source::Server, |call| name(call.context.server())),
    one("so_id", NONE, Type::Int, Source::Listener, |call| id(call.context.listener())),
    one("so_name", NONE, Type::Str, Source::Listener, |call| name(call.context.listener())),
    one("dst_conn", NONE, Type::Int, Source::Listener, |call| {
        call.context.listener_connections().map(Value::Int).into()
    }),
];

fn connection<'a>(call: Call<'a>, side: Side, part: fn(&'a Connection) -> Option<Value<'a>>) -> Option<Value<'a>> {
    call.context.connection(side).and_then(part)
}

fn client(call: Call<'_>, part: fn(&Connection) -> Option<Endpoint>) -> Option<Endpoint> {
    call.context.connection(Side::Client).and_then(part)
}

fn server(call: Call<'_>, part: fn(&Connection) -> Option<Endpoint>) -> Option<Endpoint> {
    call.context.connection(Side::Server).and_then(part)
}

fn address<'a>(endpoint: Option<Endpoint>) -> Fetched<'a> {
    endpoint.and_then(Endpoint::ip).map(Value::Ip).into()
}

fn port<'a>(endpoint: Option<Endpoint>) -> Fetched<'a> {
    endpoint.and_then(Endpoint::port).map(|port| Value::Int(i64::from(port))).into()
}

/// Unix sockets are local.
fn local<'a>(call: Call<'a>, endpoint: Option<Endpoint>) -> Fetched<'a> {
    endpoint.map(|endpoint| Value::Bool(endpoint.ip().is_none_or(|address| call.context.is_local(address)))).into()
}

fn major(call: Call<'_>, side: Side) -> Fetched<'_> {
    connection(call, side, |c| Some(Value::Int(if c.http_major > 1 { 2 } else { 1 }))).into()
}

fn error_number(call: Call<'_>, side: Side) -> Fetched<'_> {
    connection(call, side, |c| Some(Value::Int(c.error.map_or(0, |(number, _)| number)))).into()
}

fn error_text(call: Call<'_>, side: Side) -> Fetched<'_> {
    connection(call, side, |c| Some(Value::text(c.error.map_or("Success", |(_, text)| text)))).into()
}

fn backend(call: Call<'_>, what: BackendNumber) -> Fetched<'_> {
    call.context.backend_number(what, None).map(Value::Int).into()
}

/// What rules set for the stream, else what the backend has.
fn current(call: Call<'_>, set: StreamNumber, configured: BackendNumber) -> Fetched<'_> {
    match call.context.stream_number(set) {
        Some(number) => Fetched::Found(Value::Int(number)),
        None => backend(call, configured),
    }
}

fn id(named: Option<Named<'_>>) -> Fetched<'_> {
    named.map(|named| Value::Int(i64::from(named.id))).into()
}

fn name(named: Option<Named<'_>>) -> Fetched<'_> {
    named.map(|named| Value::text(named.name)).into()
}
