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
pub(in crate::config) fn open(ctx: &mut Ctx, capability: Capability, proxies: &[Draft], defaults: &[Draft]) -> Opened {
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
    let start = match ctx.word(from_at) {
        "" if is_defaults => None,
        "" => defaults.last(),
        "from" => match named(ctx, capability, name, ctx.word(from_at + 1), defaults) {
            Some(found) => Some(found),
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
    Opened::Draft(Box::new(inherit(ctx, capability, name, start)))
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
fn named<'d>(
    ctx: &mut Ctx,
    capability: Capability,
    name: &str,
    from: &str,
    defaults: &'d [Draft],
) -> Option<&'d Draft> {
    let kind = kind(capability);
    let mut found = defaults.iter().filter(|draft| draft.named && draft.proxy.name == from);
    let Some(first) = found.next() else {
        ctx.alert(format!("defaults section '{from}' not found for {kind} '{name}'."));
        return None;
    };
    if let Some(second) = found.next() {
        ctx.alert(format!(
            "ambiguous defaults section name '{from}' referenced by {kind} '{name}' exists at least at {} and {}.",
            first.proxy.place, second.proxy.place
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
