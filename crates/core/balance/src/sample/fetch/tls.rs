//! Fetches at layer 5: TLS on both sides and certificates (manual section 7.3.4).

use crate::sample::args::{Kind, NONE, Spec, spec};
use crate::sample::keyword::{Call, Fetch, One, one};
use crate::sample::{Certificate, Fetched, Side, Source, Tls, Type, Value};
use sha1::{Digest, Sha1};

const DN: Spec = spec(0, &[Kind::Str, Kind::Int, Kind::Str]);

pub const FETCHES: &[Fetch] = &[
    client("ssl_fc", Type::Bool, |call| Fetched::Found(Value::Bool(call.context.tls(Side::Client).is_some()))),
    client("ssl_fc_has_sni", Type::Bool, |call| {
        Fetched::Found(Value::Bool(call.context.tls(Side::Client).is_some_and(|tls| tls.sni.is_some())))
    }),
    client("ssl_fc_has_crt", Type::Bool, |call| flag(call, Side::Client, |tls| tls.peer.is_some())),
    client("ssl_fc_has_early", Type::Bool, |call| flag(call, Side::Client, |_| false)),
    client("ssl_fc_is_resumed", Type::Bool, |call| {
        Fetched::Found(Value::Bool(call.context.tls(Side::Client).is_some_and(|tls| tls.resumed)))
    }),
    client("ssl_fc_protocol", Type::Str, |call| text(call, Side::Client, |tls| Some(tls.version))),
    client("ssl_fc_cipher", Type::Str, |call| text(call, Side::Client, |tls| Some(tls.cipher))),
    client("ssl_fc_sni", Type::Str, |call| text(call, Side::Client, |tls| tls.sni.as_deref())),
    client("ssl_fc_alpn", Type::Str, |call| text(call, Side::Client, |tls| tls.alpn.as_deref())),
    client("ssl_fc_alg_keysize", Type::Int, |call| number(call, Side::Client, |tls| i64::from(tls.key_bits))),
    client("ssl_fc_use_keysize", Type::Int, |call| number(call, Side::Client, |tls| i64::from(tls.key_bits))),
    client("ssl_fc_session_id", Type::Bin, |call| session(call, Side::Client)),
    client("ssl_fc_err", Type::Int, |call| number(call, Side::Client, |_| 0)),
    client("ssl_fc_err_str", Type::Str, |call| text(call, Side::Client, |_| None)),
    server("ssl_bc", Type::Bool, |call| Fetched::Found(Value::Bool(call.context.tls(Side::Server).is_some()))),
    server("ssl_bc_is_resumed", Type::Bool, |call| flag(call, Side::Server, |tls| tls.resumed)),
    server("ssl_bc_protocol", Type::Str, |call| text(call, Side::Server, |tls| Some(tls.version))),
    server("ssl_bc_cipher", Type::Str, |call| text(call, Side::Server, |tls| Some(tls.cipher))),
    server("ssl_bc_alpn", Type::Str, |call| text(call, Side::Server, |tls| tls.alpn.as_deref())),
    server("ssl_bc_alg_keysize", Type::Int, |call| number(call, Side::Server, |tls| i64::from(tls.key_bits))),
    server("ssl_bc_use_keysize", Type::Int, |call| number(call, Side::Server, |tls| i64::from(tls.key_bits))),
    server("ssl_bc_session_id", Type::Bin, |call| session(call, Side::Server)),
    server("ssl_bc_err", Type::Int, |call| number(call, Side::Server, |_| 0)),
    server("ssl_bc_err_str", Type::Str, |call| text(call, Side::Server, |_| None)),
    client("ssl_c_used", Type::Bool, |call| flag(call, Side::Client, |tls| tls.peer.is_some())),
    client("ssl_c_verify", Type::Int, |call| number(call, Side::Client, |tls| tls.verify)),
    client("ssl_c_err", Type::Int, |call| number(call, Side::Client, |tls| tls.verify)),
    client("ssl_c_ca_err", Type::Int, |call| number(call, Side::Client, |_| 0)),
    client("ssl_c_ca_err_depth", Type::Int, |call| number(call, Side::Client, |_| 0)),
    // The certificate a client showed.
    client("ssl_c_der", Type::Bin, |call| of(shown(call), |c| Value::bin(&c.der[..]))),
    client("ssl_c_serial", Type::Bin, |call| of(shown(call), |c| Value::bin(&c.serial[..]))),
    client("ssl_c_sha1", Type::Bin, |call| of(shown(call), fingerprint)),
    client("ssl_c_version", Type::Int, |call| of(shown(call), |c| Value::Int(c.version))),
    client("ssl_c_notbefore", Type::Str, |call| of(shown(call), |c| Value::text(&c.not_before[..]))),
    client("ssl_c_notafter", Type::Str, |call| of(shown(call), |c| Value::text(&c.not_after[..]))),
    client("ssl_c_sig_alg", Type::Str, |call| of(shown(call), |c| Value::text(&c.signature[..]))),
    client("ssl_c_key_alg", Type::Str, |call| of(shown(call), |c| Value::text(&c.key[..]))),
    dn("ssl_c_s_dn", |call| name(call, shown(call), |c| &c.subject)),
    dn("ssl_c_i_dn", |call| name(call, shown(call), |c| &c.issuer)),
    // Our own, shown to the client.
    client("ssl_f_der", Type::Bin, |call| of(own(call), |c| Value::bin(&c.der[..]))),
    client("ssl_f_serial", Type::Bin, |call| of(own(call), |c| Value::bin(&c.serial[..]))),
    client("ssl_f_sha1", Type::Bin, |call| of(own(call), fingerprint)),
    client("ssl_f_version", Type::Int, |call| of(own(call), |c| Value::Int(c.version))),
    client("ssl_f_notbefore", Type::Str, |call| of(own(call), |c| Value::text(&c.not_before[..]))),
    client("ssl_f_notafter", Type::Str, |call| of(own(call), |c| Value::text(&c.not_after[..]))),
    client("ssl_f_sig_alg", Type::Str, |call| of(own(call), |c| Value::text(&c.signature[..]))),
    client("ssl_f_key_alg", Type::Str, |call| of(own(call), |c| Value::text(&c.key[..]))),
    dn("ssl_f_s_dn", |call| name(call, own(call), |c| &c.subject)),
    dn("ssl_f_i_dn", |call| name(call, own(call), |c| &c.issuer)),
    // The server's.
    client("ssl_s_der", Type::Bin, |call| of(servers(call), |c| Value::bin(&c.der[..]))),
    client("ssl_s_serial", Type::Bin, |call| of(servers(call), |c| Value::bin(&c.serial[..]))),
    client("ssl_s_sha1", Type::Bin, |call| of(servers(call), fingerprint)),
    client("ssl_s_version", Type::Int, |call| of(servers(call), |c| Value::Int(c.version))),
    client("ssl_s_notbefore", Type::Str, |call| of(servers(call), |c| Value::text(&c.not_before[..]))),
    client("ssl_s_notafter", Type::Str, |call| of(servers(call), |c| Value::text(&c.not_after[..]))),
    client("ssl_s_sig_alg", Type::Str, |call| of(servers(call), |c| Value::text(&c.signature[..]))),
    client("ssl_s_key_alg", Type::Str, |call| of(servers(call), |c| Value::text(&c.key[..]))),
    dn("ssl_s_s_dn", |call| name(call, servers(call), |c| &c.subject)),
    dn("ssl_s_i_dn", |call| name(call, servers(call), |c| &c.issuer)),
];

const fn client(name: &'static str, output: Type, run: One) -> Fetch {
    one(name, NONE, output, Source::ClientConnection, run)
}

const fn server(name: &'static str, output: Type, run: One) -> Fetch {
    one(name, NONE, output, Source::ServerConnection, run)
}

const fn dn(name: &'static str, run: One) -> Fetch {
    one(name, DN, Type::Str, Source::ClientConnection, run)
}

fn flag<'a>(call: Call<'a>, side: Side, part: fn(&Tls) -> bool) -> Fetched<'a> {
    call.context.tls(side).map(|tls| Value::Bool(part(tls))).into()
}

fn number<'a>(call: Call<'a>, side: Side, part: fn(&Tls) -> i64) -> Fetched<'a> {
    call.context.tls(side).map(|tls| Value::Int(part(tls))).into()
}

fn text<'a>(call: Call<'a>, side: Side, part: for<'t> fn(&'t Tls) -> Option<&'t str>) -> Fetched<'a> {
    call.context.tls(side).and_then(part).map(Value::text).into()
}

fn session(call: Call<'_>, side: Side) -> Fetched<'_> {
    call.context.tls(side).map(|tls| Value::bin(&tls.session_id[..])).into()
}

fn shown(call: Call<'_>) -> Option<&Certificate> {
    call.context.tls(Side::Client)?.peer.as_ref()
}

fn own(call: Call<'_>) -> Option<&Certificate> {
    call.context.tls(Side::Client)?.own.as_deref()
}

fn servers(call: Call<'_>) -> Option<&Certificate> {
    call.context.tls(Side::Server)?.peer.as_ref()
}

fn of<'a>(certificate: Option<&'a Certificate>, part: for<'c> fn(&'c Certificate) -> Value<'c>) -> Fetched<'a> {
    certificate.map(part).into()
}

fn fingerprint(certificate: &Certificate) -> Value<'_> {
    Value::bin(Sha1::digest(&certificate.der).to_vec())
}

/// The whole name, `/C=FR/CN=x` or in the order of RFC 2253, or one entry of it.
fn name<'a>(
    call: Call<'a>,
    certificate: Option<&'a Certificate>,
    part: for<'c> fn(&'c Certificate) -> &'c Vec<(String, String)>,
) -> Fetched<'a> {
    let Some(names) = certificate.map(part) else { return Fetched::Missing };
    if let Some(entry) = call.name(0) {
        let mut values = names.iter().filter(|(name, _)| name == entry).map(|(_, value)| value.as_str());
        return match call.int(1).unwrap_or(1) {
            0 | 1 => values.next(),
            place @ 2.. => values.nth((place - 1) as usize),
            place => values.rev().nth((place.unsigned_abs() - 1) as usize),
        }
        .map(Value::text)
        .into();
    }
    let text = match call.name(2) {
        Some("rfc2253") => {
            let pairs: Vec<_> = names.iter().rev().map(|(name, value)| format!("{name}={value}")).collect();
            pairs.join(",")
        }
        _ => names.iter().map(|(name, value)| format!("/{name}={value}")).collect(),
    };
    Fetched::Found(Value::text(text))
}
