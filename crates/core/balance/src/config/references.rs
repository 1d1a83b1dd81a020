//! What samples name must exist: frontends, backends, servers, tables, userlists.

use super::model::{Config, Proxy};
use super::problem::Problem;
use crate::sample::args::Kind;
use crate::sample::{Note, Reference};

/// What is wrong with the names that samples used.
pub(super) fn check(config: &Config, notes: Vec<Note>) -> Vec<Problem> {
    notes.iter().filter_map(|note| wrong(config, note)).collect()
}

fn wrong(config: &Config, note: &Note) -> Option<Problem> {
    let (reference, standing) = (&note.reference, &note.standing);
    let proxy = standing.proxy.as_str();
    let of = keyword(reference, standing.within, proxy);
    let (kind, name) = (reference.kind.name(), reference.name.as_str());
    let missing = |kind: &str, name: &str| Some(format!("unable to find {kind} '{name}' referenced in {of}."));
    let text = match reference.kind {
        Kind::Frontend | Kind::Backend => {
            let able = |proxy: &Proxy| match reference.kind {
                Kind::Frontend => proxy.capability.frontend(),
                _ => proxy.capability.backend(),
            };
            let wanted = if name.is_empty() { proxy } else { name };
            let named = || config.proxies.iter().filter(|proxy| proxy.name == wanted);
            match named().next() {
                _ if named().any(|proxy| able(proxy)) => None,
                Some(_) => Some(format!("proxy '{wanted}', referenced in {of}, has not {kind} capability.")),
                None => missing(kind, name),
            }
        }
        Kind::Server if name.is_empty() => Some(format!("missing server name in {of}.")),
        Kind::Server => {
            let (owner, server) = name.split_once('/').unwrap_or((proxy, name));
            let owners = || config.proxies.iter().filter(|proxy| proxy.name == owner);
            match owners().flat_map(|proxy| &proxy.servers).any(|known| known.name == server) {
                true => None,
                false if owners().next().is_none() => missing("proxy", owner),
                false => Some(format!("unable to find server '{server}' in proxy '{owner}', referenced in {of}.")),
            }
        }
        // A table of a `peers` section is named with it.
        Kind::Table if name.contains('/') => None,
        Kind::Table => {
            let wanted = if name.is_empty() { proxy } else { name };
            let known = config.proxies.iter().any(|proxy| proxy.name == wanted && proxy.stick_table.is_some());
            if known { None } else { missing(kind, wanted) }
        }
        Kind::Userlist if name.is_empty() => Some(format!("missing userlist name in {of}.")),
        Kind::Userlist => match config.userlists.iter().any(|list| list.name == name) {
            true => None,
            false => missing("userlist", name),
        },
        _ => None,
    }?;
    let line = &standing.line;
    Some(Problem::alert(format!("config : parsing [{line}]: {text}")).at(line))
}

/// `arg 1 of ACL keyword 'nbsrv' in proxy 'f'`.
fn keyword(reference: &Reference, within: &str, proxy: &str) -> String {
    let (position, keyword) = (reference.position, &reference.keyword);
    let what = if reference.in_acl { "ACL keyword" } else { "sample fetch keyword" };
    let within = if reference.in_acl { "" } else { within };
    let of = match &reference.converter_of {
        None => format!("{what} '{keyword}'"),
        Some(fetch) => format!("conversion keyword '{keyword}' for {what} '{fetch}'"),
    };
    format!("arg {position} of {of}{within} in proxy '{proxy}'")
}
