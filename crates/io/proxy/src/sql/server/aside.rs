//! A statement on a connection of its own, beside the pools: to end what runs on another.

use super::connect::{Credentials, connect};
use super::connection::Place;
use super::groups::Server;
use super::query::{self, QueryError};
use crate::sql::shared::Shared;
use std::sync::Arc;

/// Runs it once; whoever waits for it to work sees that by itself.
pub async fn run(shared: &Arc<Shared>, server: &Arc<Server>, credentials: &Credentials, sql: &str) {
    let limit = shared.tuning.load().connect_timeout_server;
    match connect(server, credentials, Place::beside(), limit).await {
        Ok(mut connection) => {
            // 1094: it has ended by itself.
            if let Err(error) = query::query(&mut connection, sql).await
                && !matches!(&error, QueryError::Server(error) if error.code == 1094)
            {
                crate::sql::log::warn(&format!("{sql} at {}: {error}", server.address()));
            }
        }
        Err(error) => crate::sql::log::warn(&format!("{sql}: {error}")),
    }
}
