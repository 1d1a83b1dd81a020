//! Leaving the cluster for good: out of the list, then ended, then the data deleted.

use super::state::Disk;
use super::supervisor::Supervisor;
use super::{MemberConfig, MemberError};
use std::time::Duration;
use store::{AdminError, EtcdAdmin, Member};
use tokio::time::{Instant, sleep};

/// etcd lets nobody go until those who stay have been connected for 5 s (upstream: `HealthInterval`).
const PATIENCE: Duration = Duration::from_secs(10);
const ROUND: Duration = Duration::from_millis(250);

/// Takes this member out of its cluster and deletes its data. With `force` it does so even where the others are then
/// too few to go on, or do not answer (they keep the dead member in their list), or are none.
///
/// # Errors
/// Without `force`: if it is the last member, too few would be left, or the others refuse; nothing has been changed then.
pub async fn leave(supervisor: Supervisor, force: bool) -> Result<(), MemberError> {
    let config = supervisor.config().clone();
    let left = out(&supervisor, &config).await;
    match left {
        Err(error) if force => tracing::warn!(%error, "etcd's other members were not told that this one leaves"),
        other => other?,
    }
    supervisor.stop().await?;
    Disk(&config).delete()
}

/// Out of the list, by the others.
async fn out(supervisor: &Supervisor, config: &MemberConfig) -> Result<(), MemberError> {
    let members = supervisor.admin().members().await?;
    let own = match Disk(config).id()? {
        Some(id) => id,
        None => supervisor.status().await.map_err(AdminError::Unreachable)?.member_id,
    };
    let Some(us) = members.iter().find(|member| member.id == own) else { return Ok(()) };
    let others: Vec<&Member> = members.iter().filter(|member| member.id != own).collect();
    if others.is_empty() {
        return Err(MemberError::Last);
    }
    let admin = config.admin(others.iter().flat_map(|member| member.client_urls.clone()))?;
    if !us.is_learner {
        enough(&admin, &others).await?;
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        match admin.remove(own).await {
            Err(error) if error.is_passing() && Instant::now() < deadline => sleep(ROUND).await,
            other => return Ok(other?),
        }
    }
}

/// Whether the others can go on alone.
async fn enough(admin: &EtcdAdmin, others: &[&Member]) -> Result<(), MemberError> {
    let voters: Vec<u64> = others.iter().filter(|member| !member.is_learner).map(|member| member.id).collect();
    let mut alive: Vec<u64> =
        admin.statuses().await.into_iter().filter_map(|(_, status)| Some(status.ok()?.member_id)).collect();
    // A member may have several addresses.
    alive.sort_unstable();
    alive.dedup();
    let left = voters.iter().filter(|id| alive.contains(id)).count();
    let needed = voters.len() / 2 + 1;
    if left < needed {
        return Err(MemberError::Quorum { left, voters: voters.len(), needed });
    }
    Ok(())
}
