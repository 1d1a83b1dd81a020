//! The line that begins a section of traffic: names, twins, and the defaults it starts from.

use super::{Draft, kind, section_word};
use crate::config::line::Ctx;
use crate::config::model::{Capability, Proxy, Server};
use crate::config::problem::Level;

/// What became of such a line.
pub(in crate::config) enum Opened {
    Draft(Box<Draft>),
    /// The lines that follow belong to nothing.
    Nothing,
    /// Reading on makes no sense.
    Abort,
}

/// Reads the line with what was read before it: all sections, and all `defaults`, the last one the current.
pub(in crate::config) fn open(
    ctx: &mut Ctx,
    capability: Capability,
    proxies: &[Draft],
    defaults: &mut [Draft],
) -> Opened {
    let (word, name) = (ctx.word(0), ctx.word(1));
    let is_defaults = capability == Capability::Defaults;
    if !is_defaults && name.is_empty() {
        ctx.alert(format!("'{word}' expects an <id> argument"));
        return Opened::Abort;
    }
    // 'defaults from x' names nothing.
    let (name, from_at) =
        if is_defaults && (name.is_empty() || name == "from" && ctx.word(3).is_empty()) { ("", 1) } else { (name, 2) };
    let bad = name.chars().find(|character| !character.is_ascii_alphanumeric() && !"-_.:".contains(*character));
    if let Some(bad) = bad {
        ctx.alert(format!("character '{bad}' is not permitted in '{}' name '{name}'.", section_word(capability)));
    }
    if !is_defaults {
        say_twin(ctx, capability, name, proxies);
    }
    let (start, by_name) = match ctx.word(from_at) {
        "" if is_defaults => (None, false),
        "" => (defaults.len().checked_sub(1), false),
        "from" => match named(ctx, capability, name, ctx.word(from_at + 1), defaults) {
            Some(found) => (Some(found), true),
            None => return Opened::Abort,
        },
        _ if is_defaults => {
            ctx.at_most(1, 1);
            return Opened::Nothing;
        }
        _ => {
            ctx.alert("please use the 'bind' keyword for listening addresses.");
            return Opened::Nothing;
        }
    };
    if let Some(start) = start {
        let start = &mut defaults[start];
        if !is_defaults && start.named {
            ambiguous(ctx, start, by_name);
        }
        if let Some(reason) = cannot_inherit(capability, start) {
            ctx.report.alert_tight(reason);
            return Opened::Abort;
        }
    }
    Opened::Draft(Box::new(inherit(ctx, capability, name, start.map(|start| &defaults[start]))))
}

/// Says that a section serves those that name it and those that do not. HAProxy calls it an alert, and starts.
fn ambiguous(ctx: &mut Ctx, start: &mut Draft, by_name: bool) {
    start.used_by_name |= by_name;
    start.used_by_place |= !by_name;
    if start.used_by_name && start.used_by_place {
        let (name, place) = (&start.proxy.name, &start.proxy.place);
        ctx.warn(format!(
            "defaults section '{name}' (declared at {place}) is explicitly referenced by another proxy and implicitly \
             used here. To avoid any ambiguity don't mix both usage. Add a last defaults section not explicitly used or \
             always use explicit references."
        ));
    }
}

/// Rules are shared only with sections that could have them, and not with both sides at once.
fn cannot_inherit(capability: Capability, start: &Draft) -> Option<String> {
    let proxy = &start.proxy;
    let early = proxy.tcp_request.iter().any(|line| line.words[1] != "content");
    let rules = [
        &proxy.tcp_request,
        &proxy.tcp_response,
        &proxy.http_request,
        &proxy.http_response,
        &proxy.http_after_response,
    ];
    let place = &proxy.place;
    match capability {
        Capability::Listen if rules.iter().any(|list| !list.is_empty()) => {
            Some("a listen section cannot inherit from a defaults section defining TCP/HTTP rules.".to_owned())
        }
        Capability::Backend if early => Some(format!(
            "a backend section cannot inherit from a defaults section defining 'tcp-request connection' or 'tcp-request \
             session' rules (defaults section at {place})."
        )),
        Capability::Frontend if !proxy.tcp_response.is_empty() => Some(format!(
            "a frontend section cannot inherit from a defaults section defining 'tcp-response content' rules (defaults \
             section at {place})."
        )),
        _ => None,
    }
}

fn say_twin(ctx: &mut Ctx, capability: Capability, name: &str, proxies: &[Draft]) {
    let twin = proxies.iter().map(|draft| &draft.proxy).find(|other| {
        let fronts = other.capability.frontend() && capability.frontend();
        other.name == name && (fronts || other.capability.backend() && capability.backend())
    });
    if let Some(twin) = twin {
        let text = format!(
            "Parsing [{}]: {} '{name}' has the same name as {} '{}' declared at {}.",
            ctx.report.place,
            kind(capability),
            kind(twin.capability),
            twin.name,
            twin.place
        );
        ctx.report.push(Level::Alert, text);
    }
}

/// The `defaults` section of a name, which must be the only one.
fn named(ctx: &mut Ctx, capability: Capability, name: &str, from: &str, defaults: &[Draft]) -> Option<usize> {
    let kind = kind(capability);
    let known = |at: &usize| defaults[*at].named && defaults[*at].proxy.name == from;
    let mut found = (0..defaults.len()).filter(known);
    let Some(first) = found.next() else {
        ctx.alert(format!("defaults section '{from}' not found for {kind} '{name}'."));
        return None;
    };
    if let Some(second) = found.next() {
        let [first, second] = [first, second].map(|at| &defaults[at].proxy.place);
        ctx.alert(format!(
            "ambiguous defaults section name '{from}' referenced by {kind} '{name}' exists at least at {first} and \
             {second}."
        ));
    }
    Some(first)
}

/// A section that says what its defaults say.
fn inherit(ctx: &Ctx, capability: Capability, name: &str, start: Option<&Draft>) -> Draft {
    let place = ctx.report.place.clone();
    let mut draft = match start {
        Some(start) => Draft {
            proxy: Proxy { name: name.to_owned(), capability, place, ..start.proxy.clone() },
            turns: Default::default(),
            id: None,
            ..start.clone()
        },
        None => {
            Draft { proxy: Proxy::new(name, capability, place), default_server: Server::default(), ..Draft::default() }
        }
    };
    draft.named = capability == Capability::Defaults && !name.is_empty();
    draft
}
