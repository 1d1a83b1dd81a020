//! The traffic with the Lease: getting it, keeping it, giving it back.

use super::record::{Now, Record, Seen, decide};
use super::{Election, Timing};
use crate::{WriteOptions, resources::LEASES};
use apimachinery::{ApiError, ApiResult, Object, Reason, Value};
use serde_json::json;
use tokio::time::Instant;

const NAMESPACE: &str = "kube-system";

pub(super) struct Candidate {
    election: Election,
    /// None: there is no lease, or we have not looked.
    known: Option<Known>,
    /// Whether the lease may name us: we wrote it, or tried to and do not know what came of it.
    may_hold: bool,
}

/// The lease as we saw it last.
struct Known {
    lease: Value,
    revision: u64,
    seen: Seen,
}

impl Candidate {
    pub fn new(election: Election) -> Self {
        Self { election, known: None, may_hold: false }
    }

    pub fn name(&self) -> &str {
        &self.election.name
    }

    pub fn identity(&self) -> &str {
        &self.election.identity
    }

    pub fn timing(&self) -> Timing {
        self.election.timing
    }

    /// Waits until we are elected; returns when that was asked for.
    pub async fn win(&mut self) -> Instant {
        loop {
            let asked = Instant::now();
            if let Ok(true) = self.attempt().await {
                return asked;
            }
            tokio::time::sleep(self.timing().retry).await;
        }
    }

    /// One renewal after the next try's time; returns when it was asked for. None if we are the leader no more.
    pub async fn keep(&mut self, renewed: Instant) -> Option<Instant> {
        let Timing { retry, renew_deadline, .. } = self.timing();
        let renewing = async {
            loop {
                tokio::time::sleep(retry).await;
                let asked = Instant::now();
                match self.attempt().await {
                    Ok(true) => return Some(asked),
                    Ok(false) => return None,
                    // Until the deadline.
                    Err(_) => {}
                }
            }
        };
        tokio::time::timeout_at(renewed + renew_deadline, renewing).await.ok().flatten()
    }

    /// Whoever waits can have it at once. What goes wrong is left: it runs out by itself.
    pub async fn give_back(&mut self) {
        if !self.may_hold {
            return;
        }
        let timeout = self.timing().attempt();
        let given = tokio::time::timeout(timeout, self.write_nobody()).await;
        if let Ok(Err(error)) = &given {
            tracing::debug!(lease = self.name(), %error, "could not give the lease back");
        }
        self.may_hold = !matches!(given, Ok(Ok(())));
    }

    async fn write_nobody(&mut self) -> ApiResult<()> {
        self.read().await?;
        match &self.known {
            Some(known) if known.seen.record.holder == self.election.identity => {
                let record = known.seen.record.given_back(self.now().micros);
                self.write(&record).await
            }
            _ => Ok(()),
        }
    }

    /// One try to get or renew it, within its time. False: somebody else has it.
    async fn attempt(&mut self) -> ApiResult<bool> {
        let timeout = self.timing().attempt();
        let done = tokio::time::timeout(timeout, self.round()).await;
        let done = done.unwrap_or_else(|_| {
            // What we know may be old by now.
            Err(ApiError::new(Reason::Timeout, format!("no answer in {timeout:?}")))
        });
        if let Err(error) = &done {
            tracing::debug!(lease = self.name(), identity = self.identity(), %error, "could not get or renew the lease");
        }
        done
    }

    async fn round(&mut self) -> ApiResult<bool> {
        let mine = self.known.as_ref().is_some_and(|known| known.seen.record.holder == self.election.identity);
        if mine && let Some(record) = self.decided() {
            match self.write(&record).await {
                Ok(()) => return Ok(true),
                // It is not what we think it is.
                Err(error) if error.is_conflict() || error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        self.read().await?;
        match self.decided() {
            Some(record) => self.write(&record).await.map(|()| true),
            None => Ok(false),
        }
    }

    fn decided(&self) -> Option<Record> {
        decide(self.now(), self.known.as_ref().map(|known| &known.seen))
    }

    fn now(&self) -> Now<'_> {
        let Election { identity, timing, clock, .. } = &self.election;
        let seconds = i64::try_from(timing.lease.as_secs()).unwrap_or(i64::MAX);
        let micros = i64::try_from(clock.now().0.as_micros()).unwrap_or(i64::MAX);
        Now { me: identity, seconds, instant: Instant::now(), micros }
    }

    async fn read(&mut self) -> ApiResult<()> {
        match self.election.api.get(&LEASES, NAMESPACE, &self.election.name).await {
            Ok(lease) => self.learn(&lease),
            Err(error) if error.is_not_found() => self.known = None,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn write(&mut self, record: &Record) -> ApiResult<()> {
        self.may_hold = true;
        let (api, name) = (&self.election.api, self.election.name.as_str());
        let options = WriteOptions::default();
        let written = if let Some(known) = &self.known {
            let mut lease = known.lease.clone();
            record.write(&mut lease);
            api.update(&LEASES, NAMESPACE, name, lease, options).await?
        } else {
            let metadata = json!({"name": name, "namespace": NAMESPACE});
            let mut lease = json!({"kind": "Lease", "apiVersion": LEASES.api_version(), "metadata": metadata});
            record.write(&mut lease);
            api.create(&LEASES, NAMESPACE, lease, options).await?
        };
        self.learn(&written);
        Ok(())
    }

    /// A write counts from the moment at which we first saw it, which is never before it was done.
    fn learn(&mut self, object: &Object) {
        let (lease, revision) = (object.to_value(), object.head.revision);
        let record = Record::read(&lease);
        let before = self.known.take();
        if before.as_ref().is_none_or(|known| known.seen.record.holder != record.holder) {
            tracing::info!(lease = self.name(), holder = record.holder, "the lease has another holder");
        }
        self.may_hold = record.holder == self.election.identity;
        let since = before.filter(|known| known.revision == revision).map(|known| known.seen.since);
        let seen = Seen { record, since: since.unwrap_or_else(Instant::now) };
        self.known = Some(Known { lease, revision, seen });
    }
}
