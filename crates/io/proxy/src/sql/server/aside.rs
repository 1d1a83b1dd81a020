//! A statement on a connection of its own, beside the pools: to end what runs on another.

use super::connect::{Credentials, connect};
use super::connection::Place;
use super::groups::Server;
use super::query;
use crate::sql::shared::Shared;
use std::rc::Rc;
use std::sync::Arc;

/// Runs it once; whoever waits for it to work sees that by itself.
pub async fn run(shared: &Arc<Shared>, server: &Arc<Server>, credentials: &Credentials, sql: &str) {
    // Not counted among the server's connections: it must be possible when all of them hang.
    let Some(place) = Place::take(&Rc::default(), 1, server) else { return };
    let limit = shared.tuning.load().connect_timeout_server;
    match connect(server, credentials, place, limit).await {
        Ok(mut connection) => {
            if let Err(error) = query::query(&mut connection, sql).await {
                crate::sql::log::warn(&format!("{sql} at {}: {error}", server.address()));
            }
        }
        Err(error) => crate::sql::log::warn(&format!("{sql}: {error}")),
    }
}
