//! A writer: makes ConfigMaps, changes them, deletes half of them; one thing at a time.

use super::log::now;
use super::{Shared, remote};
use apimachinery::{ApiError, ApiResult, Reason};
use client::resources::CONFIG_MAPS;
use client::{Api, DeleteOptions, Remote, WriteOptions};
use serde_json::{Value, json};
use std::sync::Arc;
use testbed::history::{Op, Outcome, Record, Revision};
use tokio::time::{Instant, sleep_until};

/// Keys the reader chooses from.
const KNOWN: usize = 50;

struct Writer {
    shared: Arc<Shared>,
    remote: Remote,
    name: String,
    written: usize,
    next: Instant,
}

pub async fn run(shared: Arc<Shared>, number: usize) {
    let remote = remote::connect(&shared.plan);
    let name = format!("{}-writer{number}", shared.plan.name);
    let mut writer = Writer { remote, name, written: 0, next: Instant::now(), shared };
    let mut object = 0;
    while !writer.shared.is_stopped() {
        writer.live(number, object).await;
        object += 1;
    }
}

impl Writer {
    /// The life of one object. What became of a write that is not acknowledged is left open, and the object with it.
    async fn live(&mut self, number: usize, object: usize) {
        // Writers of a machine write side by side, and each machine everywhere in turn.
        let namespace = self.shared.namespace(number + object * self.shared.plan.writers).to_owned();
        let name = format!("{}-{object}", self.name);
        let key = format!("{namespace}/{name}");
        let Some(mut revision) = self.put(Op::Create, &key, 0).await else { return };
        self.remember(&key);
        for _ in 0..object % 3 {
            match self.put(Op::Update, &key, revision).await {
                Some(newer) => revision = newer,
                None => return,
            }
        }
        if object.is_multiple_of(2) {
            self.shared.keys.lock().expect("nobody panics here").retain(|known| *known != key);
            self.delete(&namespace, &name).await;
        }
    }

    /// The revision of an acknowledged write.
    async fn put(&mut self, op: Op, key: &str, revision: Revision) -> Option<Revision> {
        let write = self.call(op, key).await?;
        let (namespace, name) = key.split_once('/').expect("a key has both");
        let mut metadata = json!({"namespace": namespace, "name": name});
        if revision > 0 {
            metadata["resourceVersion"] = revision.to_string().into();
        }
        let body: Value =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"write": write}});
        let options = WriteOptions::default();
        let answer = match op {
            Op::Create => self.remote.create(&CONFIG_MAPS, namespace, body, options).await,
            _ => self.remote.update(&CONFIG_MAPS, namespace, name, body, options).await,
        };
        self.returned(write, answer.map(|object| object.head.revision))
    }

    async fn delete(&mut self, namespace: &str, name: &str) {
        let Some(write) = self.call(Op::Delete, &format!("{namespace}/{name}")).await else { return };
        let answer = self.remote.delete(&CONFIG_MAPS, namespace, name, &DeleteOptions::default()).await;
        self.returned(write, answer.map(|()| 0));
    }

    /// Waits for the next beat and notes that a write goes out; its id. None if the test is over.
    async fn call(&mut self, op: Op, key: &str) -> Option<String> {
        // After a write that took long none is made up for.
        self.next = (self.next + self.shared.plan.pace).max(Instant::now());
        sleep_until(self.next).await;
        if self.shared.is_stopped() {
            return None;
        }
        self.written += 1;
        let write = format!("{}.{}", self.name, self.written);
        let client = self.name.clone();
        self.shared.log.note(&Record::Call { client, at: now(), op, key: key.to_owned(), write: write.clone() });
        Some(write)
    }

    fn returned(&self, write: String, answer: ApiResult<Revision>) -> Option<Revision> {
        let done = answer.as_ref().ok().copied();
        let outcome = match answer {
            Ok(revision) => Outcome::Done(revision),
            Err(error) if is_refusal(&error) => Outcome::Refused(error.message().to_owned()),
            Err(error) => Outcome::Unknown(error.message().to_owned()),
        };
        self.shared.log.note(&Record::Return { write, at: now(), outcome });
        done
    }

    fn remember(&self, key: &str) {
        let mut keys = self.shared.keys.lock().expect("nobody panics here");
        keys.push_back(key.to_owned());
        if keys.len() > KNOWN {
            keys.pop_front();
        }
    }
}

/// The server says that it did not do it, and why not.
fn is_refusal(error: &ApiError) -> bool {
    use Reason::{AlreadyExists, BadRequest, Conflict, Forbidden, Invalid, NotFound, TooManyRequests, Unauthorized};
    let refusals = [AlreadyExists, BadRequest, Conflict, Forbidden, Invalid, NotFound, TooManyRequests, Unauthorized];
    refusals.contains(&error.reason())
}
