//! A server's share, limits, state, persistence and pools.

use crate::config::bind::proto;
use crate::config::keyword::{ANY, Keyword, done, ignored};
use crate::config::model::{InitAddr, Server};
use crate::config::params::{Params, Read};
use crate::config::values::{self, TIME_MAX_TEXT, Wrong};

/// Sets a switch.
macro_rules! set {
    ($($field:ident).+, $value:expr) => {
        |_, server| {
            server.$($field).+ = $value;
            Ok(())
        }
    };
}

pub(super) const KEYWORDS: &[Keyword<Read<Server>>] = &[
    done("backup", ANY, set!(backup, true)),
    done("no-backup", ANY, set!(backup, false)),
    done("cookie", ANY, |params, server| keep(params, &mut server.cookie, "<value>")),
    done("disabled", ANY, set!(disabled, true)),
    done("enabled", ANY, set!(disabled, false)),
    done("id", ANY, id),
    done("init-addr", ANY, init_addr),
    done("maxconn", ANY, |params, server| limit(params, &mut server.maxconn)),
    done("maxqueue", ANY, |params, server| limit(params, &mut server.maxqueue)),
    done("minconn", ANY, |params, server| limit(params, &mut server.minconn)),
    done("max-reuse", ANY, |params, server| signed(params, &mut server.max_reuse)),
    done("non-stick", ANY, set!(non_stick, true)),
    done("stick", ANY, set!(non_stick, false)),
    done("pool-low-conn", ANY, pool_low_conn),
    done("pool-max-conn", ANY, pool_max_conn),
    done("pool-purge-delay", ANY, pool_purge_delay),
    done("proto", ANY, |params, server| {
        server.proto = Some(proto(params)?);
        Ok(())
    }),
    done("redir", ANY, |params, server| keep(params, &mut server.redir, "<prefix>")),
    done("slowstart", ANY, slowstart),
    done("track", ANY, track),
    done("weight", ANY, weight),
    ignored("ws", ANY, "WebSockets go over HTTP/1"),
];

fn keep(params: &mut Params, value: &mut Option<String>, what: &str) -> Result<(), String> {
    let name = params.name();
    match params.value() {
        "" => Err(format!("'{name}' expects {what} as argument.")),
        word => {
            *value = Some(word.to_owned());
            Ok(())
        }
    }
}

fn id(params: &mut Params, server: &mut Server) -> Result<(), String> {
    if params.peek().is_empty() {
        return Err("'id' : expects an integer argument".into());
    }
    match values::leading_number(params.value()) {
        id @ 1.. => (server.id, server.id_given) = (id as u32, true),
        _ => return Err("'id' : custom id has to be > 0".into()),
    }
    Ok(())
}

fn limit(params: &mut Params, value: &mut u32) -> Result<(), String> {
    *value = params.lax_number().max(0) as u32;
    Ok(())
}

fn signed(params: &mut Params, value: &mut i32) -> Result<(), String> {
    let name = params.name();
    if params.peek().is_empty() {
        return Err(format!("'{name}' expects <value> as argument."));
    }
    *value = params.lax_number();
    Ok(())
}

fn pool_low_conn(params: &mut Params, server: &mut Server) -> Result<(), String> {
    let mut count = 0;
    signed(params, &mut count)?;
    server.pool_low_conn = count.max(0) as u32;
    Ok(())
}

fn pool_max_conn(params: &mut Params, server: &mut Server) -> Result<(), String> {
    signed(params, &mut server.pool_max_conn)?;
    if server.pool_max_conn < -1 { Err("'pool-max-conn' must be >= -1".into()) } else { Ok(()) }
}

fn pool_purge_delay(params: &mut Params, server: &mut Server) -> Result<(), String> {
    if params.peek().is_empty() {
        return Err("'pool-purge-delay' expects <value> as argument.".into());
    }
    let word = params.peek();
    server.pool_purge_delay = Some(params.time().map_err(|wrong| match wrong {
        Wrong::Overflow => format!("timer overflow in argument '{word}' to <pool-purge-delay> ({TIME_MAX_TEXT})."),
        wrong => format!("unexpected character '{wrong}' in argument to <pool-purge-delay>."),
    })?);
    Ok(())
}

fn slowstart(params: &mut Params, server: &mut Server) -> Result<(), String> {
    let word = params.peek();
    let time = params.time().map_err(|wrong| match wrong {
        Wrong::Overflow => {
            format!("timer overflow in argument <{word}> to <slowstart> of server {} ({TIME_MAX_TEXT}).", server.name)
        }
        wrong => format!("unexpected character '{wrong}' in 'slowstart' argument of server {}.", server.name),
    })?;
    server.slowstart = (!time.is_zero()).then_some(time);
    Ok(())
}

/// `[proxy/]server`.
fn track(params: &mut Params, server: &mut Server) -> Result<(), String> {
    let word = params.value();
    if word.is_empty() {
        return Err("'track' expects [<proxy>/]<server> as argument.".into());
    }
    server.track = Some(match word.split_once('/') {
        Some((proxy, server)) => (Some(proxy.to_owned()), server.to_owned()),
        None => (None, word.to_owned()),
    });
    Ok(())
}

fn weight(params: &mut Params, server: &mut Server) -> Result<(), String> {
    match params.lax_number() {
        weight @ 0..=256 => server.weight = weight as u32,
        weight => return Err(format!("weight of server {} is not within 0 and 256 ({weight}).", server.name)),
    }
    Ok(())
}

fn init_addr(params: &mut Params, server: &mut Server) -> Result<(), String> {
    server.init_addr.clear();
    for method in params.value().split(',') {
        server.init_addr.push(match method {
            "last" => InitAddr::Last,
            "libc" => InitAddr::Libc,
            "none" => InitAddr::None,
            ip => InitAddr::Ip(ip.parse().map_err(|_| {
                format!("'init-addr' : unknown init-addr method '{ip}', supported methods are 'libc', 'last', 'none'.")
            })?),
        });
    }
    Ok(())
}
