//! Readers: one of objects that writers of its machine have had acknowledged and now and then of a page of a namespace, and
//! one of pages that may be a little old.

use super::log::now;
use super::{Shared, remote};
use apimachinery::Reason;
use client::resources::CONFIG_MAPS;
use client::{Api, Remote};
use std::sync::Arc;
use std::time::Duration;
use testbed::history::{Answer, Record};

const PACE: Duration = Duration::from_millis(200);
/// What the names of clients end in that read what may be a little old.
pub const CACHED: &str = "-cached";
/// Each so many reads, one is a list.
const LISTS: usize = 5;

/// Reads what the store holds: it must answer, so these wait for an election.
pub async fn run(shared: Arc<Shared>) {
    let remote = remote::connect(&shared.plan);
    let client = format!("{}-reader", shared.plan.name);
    let mut count = 0;
    while !shared.is_stopped() {
        count += 1;
        let key = key(&shared, count);
        let call = now();
        let answer = match key.split_once('/') {
            Some((namespace, name)) => match remote.get(&CONFIG_MAPS, namespace, name).await {
                Ok(object) => Answer::Found(object.head.revision),
                Err(error) if error.reason() == Reason::NotFound => Answer::Absent,
                Err(error) => Answer::Failed(error.message().to_owned()),
            },
            None => page(&remote, &shared, count, "limit=20").await,
        };
        shared.log.note(&Record::Read { client: client.clone(), call, at: now(), key, answer });
        tokio::time::sleep(PACE).await;
    }
}

/// Reads what the server knows, as controllers do that read often: no election stops these.
pub async fn run_cached(shared: Arc<Shared>) {
    let remote = remote::connect(&shared.plan);
    let client = format!("{}{CACHED}", shared.plan.name);
    let mut count = 0;
    while !shared.is_stopped() {
        count += 1;
        let call = now();
        let answer = page(&remote, &shared, count, "resourceVersion=0").await;
        shared.log.note(&Record::Read { client: client.clone(), call, at: now(), key: String::new(), answer });
        tokio::time::sleep(PACE).await;
    }
}

async fn page(remote: &Remote, shared: &Shared, number: usize, query: &str) -> Answer {
    let path = format!("/api/v1/namespaces/{}/configmaps?{query}", shared.namespace(number));
    let page = remote.request("GET", &path, None).await;
    page.map_or_else(|error| Answer::Failed(error.message().to_owned()), |_| Answer::Many)
}

/// The newest key, an older one; empty for a list.
fn key(shared: &Shared, count: usize) -> String {
    let keys = shared.keys.lock().expect("nobody panics here");
    if count.is_multiple_of(LISTS) || keys.is_empty() {
        return String::new();
    }
    let place = if count.is_multiple_of(2) { keys.len() - 1 } else { count % keys.len() };
    keys[place].clone()
}
