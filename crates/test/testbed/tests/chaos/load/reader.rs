//! A reader: objects that writers of its machine have had acknowledged, and now and then a page of a namespace.

use super::log::now;
use super::{Shared, remote};
use apimachinery::Reason;
use client::Api;
use client::resources::CONFIG_MAPS;
use std::sync::Arc;
use std::time::Duration;
use testbed::history::{Answer, Record};

const PACE: Duration = Duration::from_millis(200);
/// Each so many reads, one is a list.
const LISTS: usize = 5;

pub async fn run(shared: Arc<Shared>) {
    let remote = remote::connect(&shared.plan);
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
            None => {
                let path = format!("/api/v1/namespaces/{}/configmaps?limit=20", shared.namespace(count));
                let page = remote.request("GET", &path, None).await;
                page.map_or_else(|error| Answer::Failed(error.message().to_owned()), |_| Answer::Many)
            }
        };
        let client = format!("{}-reader", shared.plan.name);
        shared.log.note(&Record::Read { client, call, at: now(), key, answer });
        tokio::time::sleep(PACE).await;
    }
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
