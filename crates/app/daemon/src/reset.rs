//! Taking everything away again: pods, mounts, namespaces, interfaces, rules, cgroups, files. Nothing else.
//!
//! A member of a cluster leaves it first, as far as the others answer: an empty machine that they count as theirs is
//! worse than one that never was.

use crate::{Config, leave, migrate, parts, service, stores};
use cluster::Membership;
use cluster::etcd::{self, MemberConfig, MemberError};
use network::Network;
use runtime::Runtime;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For leaving the cluster: etcd lets nobody go until those who stay have been connected for 5 s.
const LEAVING: Duration = Duration::from_secs(15);

/// Why something was left behind.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    #[error("a server still runs on {0}: stop it first (systemctl stop barque)")]
    Running(PathBuf),
    #[error("the server cannot be stopped")]
    Service(#[from] service::ServiceError),
    #[error("this machine's etcd cannot be stopped")]
    Etcd(#[from] MemberError),
    #[error("the containers were not all removed")]
    Runtime(#[from] runtime::Error),
    #[error("the pods' volumes were not all unmounted: {0}")]
    Volumes(String),
    #[error("the pod network was not all removed")]
    Network(#[from] network::NetworkError),
    #[error("cannot remove {path}")]
    File { path: PathBuf, source: std::io::Error },
}

/// Removes what a server with this configuration made. A member of a cluster is stopped and leaves first; `say` is told
/// what could not be done for that, which is no error.
///
/// # Errors
/// Names the first thing that could not be removed; call it again after mending that.
pub async fn reset(config: &Config, say: impl Fn(&str)) -> Result<(), ResetError> {
    let membership = Membership::load(&config.config_dir).unwrap_or_else(|error| {
        say(&format!("{}; the cluster is not told that this machine leaves it", stdx::chain(&error)));
        None
    });
    let config = &match &membership {
        Some(membership) => config.clone().of_member(membership),
        None => config.clone(),
    };
    let joined = Membership::file(&config.config_dir).exists();
    if joined {
        service::stop(config)?;
        service::remove()?;
    }
    not_running(config).await?;
    if !joined && let Err(error) = migrate::forget(config).await {
        say(&format!("what a migration left that did not end: {}", stdx::chain(&error)));
    }
    let mut etcds = Vec::new();
    if let Some(membership) = &membership {
        depart(config, membership, &say).await;
        if let Some(member) = stores::etcd_of(config, membership) {
            etcd::stop(&member).await?;
            etcds = etcd::traces(&member);
        }
    }
    Runtime::purge(&parts::runtime_config(config)).await?;
    // Files of a volume that stays mounted would be deleted as ours.
    node::purge(&parts::node_config(config)).map_err(ResetError::Volumes)?;
    Network::purge_all(&parts::network_config(config)).await?;
    // The configuration file is the user's own and stays.
    let keys = [config.pki_dir(), config.kubeconfig(), config.config_dir.join("store.key")];
    // Last: as long as it is there, the next attempt knows that this is a member.
    let last = [Membership::file(&config.config_dir)];
    for path in etcds.iter().chain(&[config.data_dir.clone(), config.run_dir.clone()]).chain(&keys).chain(&last) {
        remove(path)?;
    }
    // Fails while the user's own files are in it, and then it stays.
    _ = std::fs::remove_dir(&config.config_dir);
    Ok(())
}

/// A server that is nobody's member is not stopped by accident.
async fn not_running(config: &Config) -> Result<(), ResetError> {
    match crate::admin::ask(config, &crate::admin::Question::Images).await {
        // What cannot be read is the answer of a server of another version.
        Err(error) if error.kind() != std::io::ErrorKind::InvalidData => Ok(()),
        _ => Err(ResetError::Running(config.data_dir.clone())),
    }
}

/// Leaves the cluster, in [`LEAVING`] at most.
async fn depart(config: &Config, membership: &Membership, say: &impl Fn(&str)) {
    let leaving = async {
        if let Some(member) = stores::etcd_of(config, membership) {
            tell_etcd(&member, say).await;
        }
        if let Err(why) = leave::delete_node(config, membership).await {
            say(&why);
        }
    };
    if tokio::time::timeout(LEAVING, leaving).await.is_err() {
        let name = &config.node_name;
        say(&format!(
            "the cluster did not answer in {LEAVING:?}. Where it goes on without this machine, remove it there: kubectl \
             delete node {name}, and etcdctl member remove, if it was a master",
        ));
    }
}

async fn tell_etcd(member: &MemberConfig, say: &impl Fn(&str)) {
    // Started without data it would begin a cluster of its own.
    if !member.data_dir.join("member").is_dir() {
        return;
    }
    match leave::leave_etcd(member, false).await {
        // The cluster ends with its last master.
        Ok(()) | Err(MemberError::Last) => {}
        Err(error) => say(&format!("etcd's other members still count this one as theirs: {}", stdx::chain(&error))),
    }
}

fn remove(path: &Path) -> Result<(), ResetError> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        // A file system of its own, mounted here by the user, is emptied and stays.
        Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy && is_empty(path) => Ok(()),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(ResetError::File { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}
