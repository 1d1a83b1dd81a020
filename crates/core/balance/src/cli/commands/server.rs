//! `set server`, weights, `enable` and `disable` of servers and their checks.

use super::server_address as address;
use crate::cli::answer::Answer;
use crate::cli::call::{Call, leading_number};
use crate::cli::{ServerChange, ServerFacts, WhichAddress};
use crate::health::{ForcedHealth, Wish};
use crate::server::parse_weight;

type SetHandler = fn(&Call<'_>, &ServerFacts) -> Answer;

/// What `set server b/s` can set.
const SETTERS: &[(&str, SetHandler)] = &[
    ("addr", address::addr),
    ("agent", agent),
    ("agent-addr", |call, server| address::check_addr(call, server, WhichAddress::Agent)),
    ("agent-port", |call, server| address::check_port(call, server, WhichAddress::Agent)),
    ("agent-send", agent_send),
    ("check-addr", |call, server| address::check_addr(call, server, WhichAddress::Check)),
    ("check-port", |call, server| address::check_port(call, server, WhichAddress::Check)),
    ("fqdn", fqdn),
    ("health", health),
    ("ssl", ssl),
    ("state", state),
    ("weight", |call, server| weight_change(call, server, call.word(2))),
];

pub fn set(call: &mut Call<'_>) -> Answer {
    with_server(call, |call, server| match SETTERS.iter().find(|(name, _)| *name == call.word(1)) {
        Some((_, setter)) => setter(call, server),
        None => {
            let names: Vec<&str> = SETTERS.iter().map(|(name, _)| *name).collect();
            Answer::error(format!("usage: set server <backend>/<server> {}\n", names.join(" | ")))
        }
    })
}

fn with_server(call: &Call<'_>, run: impl Fn(&Call<'_>, &ServerFacts) -> Answer) -> Answer {
    match call.server() {
        Ok(server) => run(call, &server),
        Err(answer) => answer,
    }
}

/// Has it carried out, and says why not.
pub(super) fn change(call: &Call<'_>, server: &ServerFacts, change: ServerChange) -> Answer {
    call.subject.change_server(server.id, change).into()
}

fn state(call: &Call<'_>, server: &ServerFacts) -> Answer {
    let wish = match call.word(2) {
        "ready" => Wish::Ready,
        "drain" => Wish::Drain,
        "maint" => Wish::Maint,
        _ => return Answer::error("'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n"),
    };
    change(call, server, ServerChange::State(wish))
}

fn health(call: &Call<'_>, server: &ServerFacts) -> Answer {
    if server.tracks {
        return Answer::error("cannot change health on a tracking server.\n");
    }
    let health = match call.word(2) {
        "up" => ForcedHealth::Up,
        "stopping" => ForcedHealth::Stopping,
        "down" => ForcedHealth::Down,
        _ => return Answer::error("'set server <srv> health' expects 'up', 'stopping', or 'down'.\n"),
    };
    change(call, server, ServerChange::Health(health))
}

fn agent(call: &Call<'_>, server: &ServerFacts) -> Answer {
    if !server.agent.enabled {
        return Answer::error("agent checks are not enabled on this server.\n");
    }
    match call.word(2) {
        "up" => change(call, server, ServerChange::Agent(true)),
        "down" => change(call, server, ServerChange::Agent(false)),
        _ => Answer::error("'set server <srv> agent' expects 'up' or 'down'.\n"),
    }
}

fn agent_send(call: &Call<'_>, server: &ServerFacts) -> Answer {
    if !server.agent.enabled {
        return Answer::error("agent checks are not enabled on this server.\n");
    }
    change(call, server, ServerChange::AgentSend(call.word(2).to_owned()))
}

fn fqdn(call: &Call<'_>, server: &ServerFacts) -> Answer {
    if call.word(2).is_empty() {
        return Answer::error("set server <b>/<s> fqdn requires a FQDN.\n");
    }
    if !server.resolvers {
        return Answer::error("set server <b>/<s> fqdn failed because no resolution is configured.\n");
    }
    change(call, server, ServerChange::Fqdn(call.word(2).to_owned()))
}

fn ssl(call: &Call<'_>, server: &ServerFacts) -> Answer {
    if !server.ssl_configured {
        let why = "'set server <srv> ssl' cannot be set.  default-server should define ssl settings\n";
        return Answer::error(why);
    }
    let on = match call.word(2) {
        "on" => true,
        "off" => false,
        _ => return Answer::error("'set server <srv> ssl' expects 'on' or 'off'.\n"),
    };
    match call.subject.change_server(server.id, ServerChange::Ssl(on)) {
        Ok(()) => Answer::notice("server ssl setting updated.\n"),
        refused => refused.into(),
    }
}

/// `set weight b/s <weight>[%]`.
pub fn set_weight(call: &mut Call<'_>) -> Answer {
    with_server(call, |call, server| weight_change(call, server, call.word(1)))
}

fn weight_change(call: &Call<'_>, server: &ServerFacts, word: &str) -> Answer {
    match parse_weight(word, &server.weight) {
        Ok(weight) => change(call, server, ServerChange::Weight(weight)),
        // Texts that end a sentence end their line, too.
        Err(text) if text.ends_with('.') => Answer::error(text + "\n"),
        Err(text) => Answer::error(text),
    }
}

pub fn get_weight(call: &mut Call<'_>) -> Answer {
    with_server(call, |_, server| Answer::info(format!("{} (initial {})\n", server.weight.user, server.weight.initial)))
}

pub fn set_maxconn(call: &mut Call<'_>) -> Answer {
    with_server(call, |call, server| {
        let word = call.word(1);
        let digits = word.trim_start_matches(['-', '+']);
        if word.is_empty() {
            return Answer::error("Require <maxconn>.\n");
        }
        if !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return Answer::error("maxconn string empty or preceded by garbage");
        }
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Answer::error("Trailing garbage in maxconn string");
        }
        // Below zero there is no limit, as with zero.
        let maxconn = u32::try_from(leading_number(word).max(0)).unwrap_or(u32::MAX);
        change(call, server, ServerChange::Maxconn(maxconn))
    })
}

pub fn enable(call: &mut Call<'_>) -> Answer {
    with_server(call, |call, server| change(call, server, ServerChange::State(Wish::Ready)))
}

pub fn disable(call: &mut Call<'_>) -> Answer {
    with_server(call, |call, server| change(call, server, ServerChange::State(Wish::Maint)))
}

pub fn enable_health(call: &mut Call<'_>) -> Answer {
    with_server(call, |call, server| match server.check.configured {
        true => change(call, server, ServerChange::Checks(WhichAddress::Check, true)),
        false => Answer::error("Health check was not configured on this server, cannot enable.\n"),
    })
}

pub fn disable_health(call: &mut Call<'_>) -> Answer {
    with_server(call, |call, server| change(call, server, ServerChange::Checks(WhichAddress::Check, false)))
}

pub fn enable_agent(call: &mut Call<'_>) -> Answer {
    with_server(call, |call, server| match server.agent.configured {
        true => change(call, server, ServerChange::Checks(WhichAddress::Agent, true)),
        false => Answer::error("Agent was not configured on this server, cannot enable.\n"),
    })
}

pub fn disable_agent(call: &mut Call<'_>) -> Answer {
    with_server(call, |call, server| change(call, server, ServerChange::Checks(WhichAddress::Agent, false)))
}

pub fn shutdown_sessions(call: &mut Call<'_>) -> Answer {
    with_server(call, |call, server| change(call, server, ServerChange::ShutdownSessions))
}
