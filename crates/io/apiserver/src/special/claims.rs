//! Numbers and the like that one object holds alone: a key for each, in the transaction that writes the object.
//!
//! Invariant: a key is there exactly as long as a stored object shows what it stands for.

use super::services;
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, Value, object};
use serde_json::json;
use std::collections::HashMap;
use store::{Compare, Op, Outcome};

/// Where the keys of one kind of number are. No API group can have this name.
pub fn place(of: &str) -> String {
    format!("/registry/reserved/{of}/")
}

/// Something to be had by one object.
#[derive(Debug)]
pub struct Claim {
    pub key: String,
    /// What the client is told if another has it. None: we chose it, and choose another.
    pub refusal: Option<ApiError>,
}

/// What one write takes and gives back.
#[derive(Debug, Default)]
pub struct Claims {
    /// `namespace/name`, for people who look into the store.
    holder: String,
    pub take: Vec<Claim>,
    pub free: Vec<String>,
}

impl Claim {
    pub fn chosen(key: String) -> Self {
        Self { key, refusal: None }
    }
}

impl Claims {
    pub fn of(namespace: &str, name: &str) -> Self {
        Self { holder: format!("{namespace}/{name}"), ..Self::default() }
    }

    pub fn takes(&self, key: &str) -> bool {
        self.take.iter().any(|claim| claim.key == key)
    }

    /// Nobody has them yet.
    pub fn compares(&self) -> impl Iterator<Item = Compare> {
        self.take.iter().map(|claim| Compare::missing(claim.key.as_str()))
    }

    pub fn ops(&self) -> impl Iterator<Item = Op> {
        let taken = self.take.iter().map(|claim| Op::put(claim.key.as_str(), document(&claim.key, &self.holder)));
        taken.chain(self.free.iter().map(|key| Op::delete(key.as_str())))
    }
}

/// In the shape of an object, since the watch cache holds it.
fn document(key: &str, holder: &str) -> Vec<u8> {
    let name = key.rsplit('/').next().unwrap_or_default();
    object::encode(&json!({
        "kind": "Reservation", "apiVersion": "v1", "metadata": {"name": name}, "holder": holder,
    }))
}

/// Brings the keys into line with the stored Services: those of a store that an older version wrote are missing. Run it
/// when the cache is loaded and before it follows, so that all it sees is of one revision.
///
/// # Errors
/// If the store cannot be written.
pub async fn repair(server: &Server) -> ApiResult<()> {
    let Some(habit) = server.special.claiming() else { return Ok(()) };
    let shelf = server.cache.shelf_at("/registry/core/services/");
    let mut wanted: HashMap<String, (String, u64)> = HashMap::new();
    for (key, revision) in shelf.keys() {
        let value = shelf.get(&key).map_or(Value::Null, |service| service.to_value());
        for claimed in habit.claimed(&value) {
            if let Some((other, _)) = wanted.insert(claimed.clone(), (key.to_string(), revision)) {
                tracing::warn!(%claimed, one = %other, other = %key, "two Services have the same number; make one anew");
            }
        }
    }
    for of in services::KINDS {
        let shelf = server.cache.shelf_at(&place(of));
        for (key, revision) in shelf.keys() {
            if wanted.remove(&*key).is_none() {
                let ops = vec![Op::delete(key.clone())];
                transact(server, vec![Compare::unchanged(key, revision)], ops).await?;
            }
        }
    }
    for (key, (service, revision)) in wanted {
        let holder = service.trim_start_matches("/registry/core/services/");
        let ops = vec![Op::put(key.as_str(), document(&key, holder))];
        let compares = vec![Compare::unchanged(service.as_str(), revision), Compare::missing(key.as_str())];
        transact(server, compares, ops).await?;
    }
    Ok(())
}

/// Where a compare fails, another server was quicker: it knows what it does.
async fn transact(server: &Server, compares: Vec<Compare>, ops: Vec<Op>) -> ApiResult<()> {
    match server.store.txn(compares, ops).await {
        Ok(Outcome::Done { .. } | Outcome::Refused { .. }) => Ok(()),
        Err(error) => Err(ApiError::internal(error)),
    }
}
