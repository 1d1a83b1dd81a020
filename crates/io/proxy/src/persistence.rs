//! Which server a stream is bound to before balancing: `use-server`, stick tables; and what is remembered of the choice.

use crate::backend::Backend;
use crate::flow::Flow;
use crate::server::Server;
use balance::pick::Algorithm;
use std::sync::Arc;

/// The server that rules or a table want, and whether it is wanted even if it is down.
pub fn server(flow: &Flow<'_>, backend: &Arc<Backend>) -> (Option<Arc<Server>>, bool) {
    let program = flow.programs.inner();
    let forced = program.persist.iter().any(|rule| rule.force && rule.holds(flow));
    let force = forced || backend.config.load().options.persist;
    for rule in program.use_server.iter().filter(|rule| rule.holds(flow)) {
        let named = backend.server(&rule.server(flow)).filter(|server| force || server.is_usable_when_bound());
        if named.is_some() {
            return (named, force);
        }
    }
    if program.persist.iter().any(|rule| !rule.force && rule.holds(flow)) {
        return (None, false);
    }
    let stuck = flow.stuck_server(backend).filter(|server| force || server.is_usable_when_bound());
    (stuck, force)
}

/// Remembers the server chosen under the keys that the request gives.
pub fn store(flow: &Flow<'_>, backend: &Arc<Backend>, server: &Arc<Server>) {
    flow.store_stuck(backend, server, false);
}

/// The bytes that a hashing algorithm takes of this stream.
pub fn hash_key(flow: &Flow<'_>, backend: &Backend) -> Option<Vec<u8>> {
    match &**backend.algorithm.load() {
        Algorithm::Hash(_) => {
            let value = flow.programs.inner().hash.as_ref()?.get(flow)?;
            Some(value.into_bytes().into_owned())
        }
        algorithm => {
            let body = flow.request_body.as_ref().map_or(&[][..], |peeked| &peeked.bytes);
            let key = algorithm.key(flow.request.as_ref()?, body)?;
            Some(key.to_vec())
        }
    }
}
