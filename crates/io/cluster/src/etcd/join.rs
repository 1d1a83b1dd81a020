//! Joining a cluster that runs: added as a learner, started, promoted once it has caught up.
//!
//! Nothing is written down between the steps but the number that the cluster gave us. Each round asks the cluster who is
//! in it and does what is next; a crash, or an answer that was lost, is a round more.
//!
//! A member of our name or address that is not us (one that never started, or this machine before it was installed
//! anew) is removed first. etcd would refuse our place to a second one.
//!
//! Source: etcd's "Runtime reconfiguration" and "Learner" design.

use super::process::Process;
use super::state::Disk;
use super::supervisor::{self, Supervisor};
use super::{Binary, Initial, MemberConfig, MemberError};
use std::time::Duration;
use store::{AdminError, EtcdAdmin, Member};
use tokio::time::{Instant, sleep};

/// Between rounds. A learner catches up, or another machine's learner is promoted, without telling us.
const ROUND: Duration = Duration::from_millis(250);

/// What the list of members says about us.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// This is us, and our data are of use.
    Here(Member),
    /// These have to go before we are added.
    Taken(Vec<u64>),
    Free,
}

/// Makes this machine a voting member of the cluster that `admin` reaches, or lets it go on being one. Does nothing to
/// the others but removing our own earlier selves. `config.initial` is not looked at. Takes seconds, in a cluster with
/// much data minutes: the whole database comes over.
///
/// # Errors
/// If it did not succeed in `limit` (trying again goes on from there), or etcd cannot be run here.
pub async fn join(
    admin: &EtcdAdmin,
    binary: &Binary,
    config: &MemberConfig,
    limit: Duration,
) -> Result<Supervisor, MemberError> {
    let deadline = Instant::now() + limit;
    let (id, members) = loop {
        let error = match enter(admin, config).await {
            Ok(entered) => break entered,
            Err(MemberError::Admin(error)) if may_pass(&error) => error,
            Err(other) => return Err(other),
        };
        again(error, deadline, limit).await?;
    };
    let initial = Initial::Existing(initial_cluster(config, id, &members));
    let supervisor = Supervisor::start(binary.clone(), MemberConfig { initial, ..config.clone() }).await?;
    supervisor.ready(deadline.saturating_duration_since(Instant::now())).await?;
    while let Err(error) = vote(admin, id).await {
        if !may_pass(&error) {
            return Err(error.into());
        }
        again(error, deadline, limit).await?;
    }
    supervisor.ready(deadline.saturating_duration_since(Instant::now())).await?;
    Ok(supervisor)
}

/// One round towards being in the list, with a number that we know.
async fn enter(admin: &EtcdAdmin, config: &MemberConfig) -> Result<(u64, Vec<Member>), MemberError> {
    let disk = Disk(config);
    let _lock = supervisor::lock(&disk).await?;
    let running = Process::find(config);
    let has_data = running.is_some() || disk.has_data();
    let members = admin.members().await?;
    match place(&members, config, disk.id()?, has_data) {
        Place::Here(member) => {
            if !member.peer_urls.contains(&config.peer_url()) {
                admin.update(member.id, &config.peer_url()).await?;
            }
            disk.remember_added(member.id)?;
            return Ok((member.id, members));
        }
        Place::Taken(stale) => {
            for id in stale {
                tracing::info!(id = format!("{id:x}"), "removes what this machine was in etcd before");
                admin.remove(id).await?;
            }
        }
        Place::Free => {}
    }
    if let Some(process) = running {
        process.stop(&config.data_dir).await?;
    }
    if has_data {
        tracing::warn!(to = %disk.beside("old").display(), "etcd's data are of no member: they are put aside");
        disk.put_aside()?;
    }
    let (added, members) = admin.add_learner(&config.peer_url()).await?;
    disk.make()?;
    disk.remember_added(added.id)?;
    Ok((added.id, members))
}

/// `id` is the number we were given, if we know it; `has_data`: etcd has been started with it.
fn place(members: &[Member], config: &MemberConfig, id: Option<u64>, has_data: bool) -> Place {
    let claims = |member: &&Member| member.name == config.name || member.peer_urls.contains(&config.peer_url());
    let us = |member: &&Member| match id {
        Some(id) => member.id == id,
        // Not ours by number (a cluster that was not formed by us): then by name and address.
        None => member.name == config.name && member.peer_urls.contains(&config.peer_url()),
    };
    if has_data && let Some(member) = members.iter().find(us) {
        return Place::Here(member.clone());
    }
    let stale: Vec<u64> = members.iter().filter(claims).map(|member| member.id).collect();
    if stale.is_empty() { Place::Free } else { Place::Taken(stale) }
}

/// All members with their names. etcd compares addresses; one that has not started has no name yet, and needs one here.
fn initial_cluster(config: &MemberConfig, id: u64, members: &[Member]) -> Vec<(String, String)> {
    let named = members.iter().flat_map(|member| {
        let name = match member.name.as_str() {
            _ if member.id == id => config.name.clone(),
            "" => format!("{:x}", member.id),
            name => name.to_owned(),
        };
        member.peer_urls.iter().map(move |url| (name.clone(), url.clone()))
    });
    named.collect()
}

/// Gives us our vote, if we have none.
async fn vote(admin: &EtcdAdmin, id: u64) -> Result<(), AdminError> {
    let members = admin.members().await?;
    match members.iter().find(|member| member.id == id) {
        Some(member) if !member.is_learner => Ok(()),
        Some(_) => admin.promote(id).await,
        None => Err(AdminError::Refused(format!("the member {id:x} was removed while it joined. Join again"))),
    }
}

/// The next round asks before it acts, so what is not known does no harm.
fn may_pass(error: &AdminError) -> bool {
    error.is_passing() || matches!(error, AdminError::Unknown(_)) || is_too_soon(error)
}

/// etcd makes a member's number of its address and the second: added, removed and added again within one it is refused,
/// as if it were the one that was removed. A second later it is not.
fn is_too_soon(error: &AdminError) -> bool {
    matches!(error, AdminError::Refused(text) if text == "etcdserver: member not found")
}

async fn again(error: AdminError, deadline: Instant, limit: Duration) -> Result<(), MemberError> {
    if Instant::now() >= deadline {
        return Err(MemberError::Join { limit, source: error });
    }
    tracing::debug!(%error, "joins etcd: once more");
    sleep(ROUND).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn places() {
        let ours = member(1, "n1", "https://192.0.2.1:2380");
        let unstarted = member(1, "", "https://192.0.2.1:2380");
        let moved = member(1, "n1", "https://192.0.2.9:2380");
        let other = member(2, "n2", "https://192.0.2.2:2380");
        let check = |members: &[&Member], id, has_data, expected: Place| {
            let members: Vec<Member> = [&other].into_iter().chain(members.iter().copied()).cloned().collect();
            assert_eq!(place(&members, &config(), id, has_data), expected, "{members:?} {id:?} {has_data}");
        };
        check(&[], None, false, Place::Free);
        check(&[&ours], Some(1), true, Place::Here(ours.clone()));
        check(&[&moved], Some(1), true, Place::Here(moved.clone()));
        check(&[&unstarted], Some(1), true, Place::Here(unstarted.clone()));
        // Formed by somebody else.
        check(&[&ours], None, true, Place::Here(ours.clone()));
        // Added, then a crash before it was started.
        check(&[&unstarted], Some(1), false, Place::Taken(vec![1]));
        check(&[&unstarted], None, false, Place::Taken(vec![1]));
        // Installed anew; with another address.
        check(&[&ours], None, false, Place::Taken(vec![1]));
        check(&[&moved], None, false, Place::Taken(vec![1]));
        // Removed by the others while we were away; and added anew by somebody.
        check(&[], Some(7), true, Place::Free);
        check(&[&unstarted], Some(7), true, Place::Taken(vec![1]));
    }

    #[test]
    fn members_without_a_name_are_named() {
        let members = [
            member(1, "", "https://192.0.2.1:2380"),
            member(2, "n2", "https://192.0.2.2:2380"),
            member(0xabc, "", "https://192.0.2.3:2380"),
        ];
        let named = initial_cluster(&config(), 1, &members);
        let names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["n1", "n2", "abc"]);
    }

    fn config() -> MemberConfig {
        let path = Path::new("/nowhere");
        MemberConfig::new("n1", "192.0.2.1".parse().unwrap(), path, path, path)
    }

    fn member(id: u64, name: &str, url: &str) -> Member {
        let peer_urls = vec![url.to_owned()];
        Member { id, name: name.to_owned(), peer_urls, client_urls: Vec::new(), is_learner: false }
    }
}
