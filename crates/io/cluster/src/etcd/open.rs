//! The member of a machine that starts: the first one, one that joins, or most often one that was there before.
//!
//! One that was there before is started at once, whoever else is: after a power cut each waits for the others, and were
//! it to ask them first nobody would begin. Only when others say that it is no member any more does it join anew.

use super::state::Disk;
use super::supervisor::Supervisor;
use super::{Binary, Initial, MemberConfig, MemberError, join};
use std::time::Duration;
use store::EtcdAdmin;
use tokio::time::{Instant, sleep};

/// Between questions whether the others still know us, while our member does not find a leader.
const ASK: Duration = Duration::from_secs(1);

/// Starts the member; `others` are client URLs of those that were there when the machine joined, none for the first. Its
/// address may be another than before: the others are told.
///
/// # Errors
/// If it does not become ready in `limit`, or etcd cannot be run here.
pub async fn open(
    binary: &Binary,
    config: &MemberConfig,
    others: &[String],
    limit: Duration,
) -> Result<Supervisor, MemberError> {
    let begun = Instant::now();
    let admin = if others.is_empty() { None } else { Some(config.admin(others)?) };
    let known = Disk(config).started_as()?;
    if let Some(supervisor) = go_on(binary, config, admin.as_ref(), known, limit).await? {
        return Ok(supervisor);
    }
    let left = limit.saturating_sub(begun.elapsed());
    match admin {
        Some(admin) => join(&admin, binary, config, left).await,
        None => {
            let supervisor = Supervisor::start(binary.clone(), config.clone()).await?;
            supervisor.ready(left).await?;
            Ok(supervisor)
        }
    }
}

/// As the member `known`. None: there is none, or it was removed.
async fn go_on(
    binary: &Binary,
    config: &MemberConfig,
    others: Option<&EtcdAdmin>,
    known: Option<u64>,
    limit: Duration,
) -> Result<Option<Supervisor>, MemberError> {
    let Some(id) = known else { return Ok(None) };
    let config = MemberConfig { initial: Initial::Alone, ..config.clone() };
    let supervisor = Supervisor::start(binary.clone(), config).await?;
    let status = tokio::select! {
        ready = supervisor.ready(limit) => ready?,
        () = removed(others, id) => {
            tracing::warn!(id = format!("{id:x}"), "etcd's other members do not know this one any more: it joins anew");
            supervisor.stop().await?;
            return Ok(None);
        }
    };
    follow_address(&supervisor, status.member_id).await?;
    Ok(Some(supervisor))
}

/// Waits until somebody lists the members without us.
async fn removed(others: Option<&EtcdAdmin>, id: u64) {
    let Some(others) = others else { return std::future::pending().await };
    loop {
        sleep(ASK).await;
        if let Ok(members) = others.members().await
            && members.iter().all(|member| member.id != id)
        {
            return;
        }
    }
}

/// Tells the members where this one is now.
async fn follow_address(supervisor: &Supervisor, id: u64) -> Result<(), MemberError> {
    let url = supervisor.config().peer_url();
    let members = supervisor.admin().members().await?;
    let is_elsewhere = members.iter().any(|member| member.id == id && !member.peer_urls.contains(&url));
    if is_elsewhere {
        tracing::info!(url, "tells etcd's members this machine's new address");
        supervisor.admin().update(id, &url).await?;
    }
    Ok(())
}
