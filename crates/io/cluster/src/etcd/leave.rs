//! Leaving the cluster for good: out of the list, then ended, then the data deleted.

use super::process::Process;
use super::state::Disk;
use super::supervisor::{self, Supervisor};
use super::{MemberConfig, MemberError, recover};
use std::path::PathBuf;
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

/// Whether this member, which runs, may leave its cluster: asks only. Client URLs of those who stay.
///
/// # Errors
/// If it is the last member, too few would be left, or nobody answers.
pub async fn may_leave(config: &MemberConfig) -> Result<Vec<String>, MemberError> {
    let admin = config.admin([config.local_url()])?;
    let members = admin.members().await?;
    let own = own_id(config, &admin).await?;
    let Some((others, _)) = others(config, &members, own).await? else { return Ok(urls(&members)) };
    Ok(others.into_iter().flat_map(|member| member.client_urls.clone()).collect())
}

/// Ends etcd, whoever supervised it before, for a machine that is emptied.
///
/// # Errors
/// If somebody supervises it, or it does not end.
pub async fn stop(config: &MemberConfig) -> Result<(), MemberError> {
    let disk = Disk(config);
    // Without its folder it has no lock either.
    let _lock = match config.data_dir.parent() {
        Some(folder) if folder.is_dir() => Some(supervisor::lock(&disk).await?),
        _ => None,
    };
    match Process::find(config) {
        Some(process) => process.stop(&config.data_dir).await,
        None => Ok(()),
    }
}

/// Ends etcd and deletes its data, where nobody has come to rely on them: a member that was being made.
///
/// # Errors
/// If somebody supervises it, it does not end, or a file cannot be removed.
pub async fn discard(config: &MemberConfig) -> Result<(), MemberError> {
    stop(config).await?;
    let disk = Disk(config);
    recover::remove(&disk.beside(recover::RESTORING))?;
    disk.delete()
}

/// All that a member has on the disk, and what was put aside of it.
pub fn traces(config: &MemberConfig) -> Vec<PathBuf> {
    let mut older = config.log.clone().into_os_string();
    older.push(".1");
    let beside = ["member", "lock", "old", recover::RESTORING].map(|what| Disk(config).beside(what));
    [vec![config.data_dir.clone(), config.log.clone(), older.into()], beside.to_vec()].concat()
}

/// Out of the list, by the others.
async fn out(supervisor: &Supervisor, config: &MemberConfig) -> Result<(), MemberError> {
    let members = supervisor.admin().members().await?;
    let own = own_id(config, supervisor.admin()).await?;
    let Some((_, admin)) = others(config, &members, own).await? else { return Ok(()) };
    let deadline = Instant::now() + PATIENCE;
    loop {
        match admin.remove(own).await {
            Err(error) if error.is_passing() && Instant::now() < deadline => sleep(ROUND).await,
            other => return Ok(other?),
        }
    }
}

async fn own_id(config: &MemberConfig, admin: &EtcdAdmin) -> Result<u64, MemberError> {
    match Disk(config).id()? {
        Some(id) => Ok(id),
        None => Ok(admin.statuses().await.remove(0).1.map_err(AdminError::Unreachable)?.member_id),
    }
}

/// Those who stay, and the way to them; None where we are no member any more.
async fn others<'a>(
    config: &MemberConfig,
    members: &'a [Member],
    own: u64,
) -> Result<Option<(Vec<&'a Member>, EtcdAdmin)>, MemberError> {
    let Some(us) = members.iter().find(|member| member.id == own) else { return Ok(None) };
    let others: Vec<&Member> = members.iter().filter(|member| member.id != own).collect();
    if others.is_empty() {
        return Err(MemberError::Last);
    }
    let admin = config.admin(others.iter().flat_map(|member| member.client_urls.clone()))?;
    if !us.is_learner {
        enough(&admin, &others).await?;
    }
    Ok(Some((others, admin)))
}

fn urls(members: &[Member]) -> Vec<String> {
    members.iter().flat_map(|member| member.client_urls.clone()).collect()
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
