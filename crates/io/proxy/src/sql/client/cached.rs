//! The query cache as a statement sees it: an answer that is there already, or one that is to be kept.

use super::execute::{Outcome, Target};
use super::prepared::Parameters;
use super::session::{Next, Session};
use super::statement::Decided;
use crate::sql::server::relay::Heard;
use crate::sql::stats;
use crate::sql::tuning::CausalReads;
use mysql::cache::{self, About, Ask, Micros};
use std::future::poll_fn;
use std::io;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;

/// An answer that is to be kept if it comes out fit for it.
#[derive(Debug, Clone, Copy)]
pub struct Keeping {
    ttl: Micros,
    empty: bool,
    warned: bool,
    /// Bytes of an answer, at most.
    pub limit: usize,
}

impl Session {
    /// What the cache has to do with a statement; `None`: nothing. The key is in `self.cache_key` then.
    pub(super) fn keeping(&mut self, decided: &Decided, sql: &[u8], parameters: Option<Parameters>) -> Option<Keeping> {
        let ttl = decided.outcome.cache_ttl.filter(|ttl| *ttl > 0)?;
        // A client that counts its packets from elsewhere would not know ours.
        if !self.pins.is_empty() || self.sequence != 1 || !cache::may_be_kept(&decided.statement) {
            return None;
        }
        let shared = self.worker.shared.clone();
        let tuning = shared.tuning.load();
        if tuning.query_cache_bytes == 0 {
            return None;
        }
        let mut key = std::mem::take(&mut self.cache_key);
        let about = About {
            user: &self.user.name,
            hostgroup: decided.hostgroup,
            collation: self.credentials.key.collation,
            capabilities: self.credentials.key.capabilities,
            state: &self.state,
            sql,
            execution: parameters.as_ref().map(Parameters::as_key),
        };
        cache::write_key(&mut key, &about);
        self.cache_key = key;
        Some(Keeping {
            ttl: ttl.saturating_mul(1000),
            empty: cache::keeps_empty(decided.outcome.cache_empty_result, tuning.query_cache_stores_empty_result),
            warned: tuning.query_cache_handle_warnings,
            limit: tuning.threshold_resultset_size,
        })
    }

    /// Answers with what is kept under `self.cache_key`; `None`: a server is to be asked.
    pub(super) async fn answer_kept(&mut self, keeping: Keeping, decided: &Decided) -> io::Result<Option<Next>> {
        let shared = self.worker.shared.clone();
        let ask = {
            let tuning = shared.tuning.load();
            let (wrote_at, written) = match tuning.causal_reads {
                CausalReads::None => (self.wrote_at, None),
                CausalReads::Session => (self.wrote_at, self.written),
                CausalReads::User => {
                    let written = *self.user.written.lock().unwrap_or_else(PoisonError::into_inner);
                    (self.wrote_at.max(self.user.wrote_at.load(Relaxed)), written)
                }
            };
            (tuning.query_cache_soft_ttl_pct, wrote_at, written)
        };
        let (soft_pct, wrote_at, written) = ask;
        let written = written.as_ref();
        let now = shared.micros();
        let ask = Ask { key: &self.cache_key, now, ttl: keeping.ttl, soft_pct, wrote_at, written };
        let Some(answer) = shared.cache.get(&ask) else { return Ok(None) };
        // What the next statement may ask about the last is not about one before this.
        if let Some(connection) = self.lingering.take() {
            self.worker.pool.put(connection);
        }
        poll_fn(|cx| {
            self.wire.put_through(cx, &answer.packets);
            Poll::Ready(())
        })
        .await;
        self.wire.flush().await?;
        self.count(decided, stats::CACHE, &Heard { rows: answer.rows, ..Heard::default() });
        Ok(Some(Next::Command))
    }

    /// Keeps the answer that `outcome` has, if it is fit for it.
    pub(super) fn keep(&mut self, keeping: Keeping, outcome: &mut Outcome) {
        let (Some(heard), Some(captured)) = (&outcome.heard, outcome.captured.take()) else { return };
        // An OK packet, an error: no rows. The byte behind the first header says which.
        let is_result = captured.packets.get(4).is_some_and(|first| !matches!(first, 0 | 0xff | 0xfb));
        let changed = heard.state || heard.schema.is_some() || !heard.variables.is_empty() || heard.gtid.is_some();
        let fit = is_result
            && heard.error.is_none()
            && !changed
            && (keeping.warned || heard.warnings == 0)
            && (keeping.empty || heard.rows > 0);
        if !fit {
            return;
        }
        let shared = &self.worker.shared;
        let answer = cache::Answer {
            packets: captured.packets.into(),
            rows: heard.rows,
            asked_at: captured.asked_at,
            position: captured.position,
        };
        let limit = shared.tuning.load().query_cache_bytes;
        shared.cache.put(&self.cache_key, answer, keeping.ttl, shared.micros(), limit);
    }

    /// What the cache has to know when a statement is over, however it went.
    pub(super) fn learn_from(&mut self, target: &Target, keeping: Option<Keeping>, outcome: &mut Outcome) {
        if target.writes {
            self.note_write();
        }
        if let Some(keeping) = keeping {
            self.keep(keeping, outcome);
        }
    }

    /// Data may be other than before: what is kept from before is too old for this session.
    pub(super) fn note_write(&mut self) {
        self.wrote_at = self.worker.shared.micros();
        self.user.wrote_at.fetch_max(self.wrote_at, Relaxed);
    }
}
