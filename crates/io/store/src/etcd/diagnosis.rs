//! Why a cluster does not serve: how many of its members answer, and what to do, in place of the error of one call.

use super::admin::{self, Member};
use super::client::Client;
use super::{EtcdOptions, EtcdTls};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// For each question: an error that is told late is no help.
const PATIENCE: Duration = Duration::from_millis(700);
/// How long an answer is good for: many calls fail at once.
const AGE: Duration = Duration::from_secs(2);

/// Asks the members, when a call has failed.
pub struct Diagnosis {
    tls: RwLock<Option<EtcdTls>>,
    last: Mutex<Option<(Instant, Option<String>)>>,
}

impl Diagnosis {
    pub fn new(tls: Option<EtcdTls>) -> Self {
        Self { tls: RwLock::new(tls), last: Mutex::new(None) }
    }

    pub fn set_tls(&self, tls: &EtcdTls) {
        *self.tls.write().unwrap_or_else(PoisonError::into_inner) = Some(tls.clone());
    }

    /// The error's text, or better what is wrong with the cluster.
    pub async fn of(&self, client: &Client, error: String) -> String {
        // Held while the members are asked, so that they are asked once for many.
        let mut last = self.last.lock().await;
        let found = match last.take().filter(|(at, _)| at.elapsed() < AGE) {
            Some(known) => known,
            None => (Instant::now(), self.ask(client).await),
        };
        let text = found.1.clone();
        *last = Some(found);
        text.unwrap_or(error)
    }

    /// None: there is a leader, or nobody says who the members are.
    async fn ask(&self, client: &Client) -> Option<String> {
        let mut members = admin::anybodys_members(client, PATIENCE).await?;
        members.retain(|member| !member.is_learner);
        let mut statuses: FuturesUnordered<_> = members.iter().map(|member| self.status(client, member)).collect();
        let mut answering = 0;
        while let Some(status) = statuses.next().await {
            // One that knows a leader is enough: the others may take long not to answer.
            if status == Some(true) {
                return None;
            }
            answering += usize::from(status.is_some());
        }
        Some(text(answering, members.len()))
    }

    /// Whether a member knows a leader; None if it does not answer.
    async fn status(&self, client: &Client, member: &Member) -> Option<bool> {
        let tls = self.tls.read().unwrap_or_else(PoisonError::into_inner).clone();
        let options = EtcdOptions { endpoints: member.client_urls.clone(), tls, ..client.options.clone() };
        let client = Client::new(options).ok()?;
        let answers = tokio::time::timeout(PATIENCE, admin::statuses(&client, PATIENCE)).await.ok()?;
        answers.into_iter().find_map(|(_, status)| Some(status.ok()?.has_leader))
    }
}

fn text(answering: usize, members: usize) -> String {
    let answer = if answering == 1 { "answers" } else { "answer" };
    let needed = members / 2 + 1;
    if answering >= needed {
        return format!(
            "etcd has no leader: {answering} of {members} members {answer}, and are electing one; try again in a moment"
        );
    }
    format!(
        "etcd has no leader: {answering} of {members} members {answer}, and {needed} must; start another master, or, if the \
         others are lost for good, run `barque recover` on this one"
    )
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn says_how_many_and_what_to_do() {
        let lost = text(1, 3);
        assert!(lost.starts_with("etcd has no leader: 1 of 3 members answers, and 2 must; start another"), "{lost}");
        assert!(text(2, 3).contains("2 of 3 members answer, and are electing one"));
    }
}
