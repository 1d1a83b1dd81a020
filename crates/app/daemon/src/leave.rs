//! `barque leave`: out of the cluster, for good or until the server is started again; what `reset` does first, too.
//!
//! Upstream: kubeadm's `cmd/phases/reset/removeetcdmember.go`.
//!
//! Invariant: what the machine would need to come back (keys, configuration) stays; etcd's data do not, since a member
//! that was removed must not vote again.

use crate::identity::credentials;
use crate::{Config, door, service, stores};
use apimachinery::ApiError;
use client::remote::{Remote, RemoteOptions};
use cluster::etcd::{self, Binary, MemberConfig, MemberError, Supervisor};
use cluster::{Membership, MembershipError, Pair};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// For one API server to delete a Node.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum LeaveError {
    #[error("this machine is a cluster of its own, or of none: there is nothing to leave. `barque reset` empties it")]
    NoMember,
    #[error("this is the cluster's last master: without it there is no cluster. `barque reset` throws it away")]
    Last,
    #[error(transparent)]
    Membership(#[from] MembershipError),
    #[error("this machine's etcd does not leave the others (--force leaves all the same)")]
    Etcd(#[from] MemberError),
    #[error("the server cannot be stopped")]
    Service(#[from] service::ServiceError),
}

/// Takes this machine out of its cluster: its member of etcd, its Node; stops the server. Containers go on. `say` is told
/// each phase. With `force` also where the others are then too few to go on.
///
/// # Errors
/// [`LeaveError`]; nothing has been changed by one that came before the server was stopped.
pub async fn leave(config: &Config, force: bool, say: impl Fn(&str)) -> Result<(), LeaveError> {
    let membership = Membership::load(&config.config_dir)?.ok_or(LeaveError::NoMember)?;
    let config = config.clone().of_member(&membership);
    let member = stores::etcd_of(&config, &membership);
    if let Some(member) = &member {
        say("[preflight] Asking etcd whether the others can go on alone");
        let others = match etcd::may_leave(member).await {
            Ok(others) => others,
            Err(MemberError::Last) => return Err(LeaveError::Last),
            Err(error) if !force => return Err(error.into()),
            Err(_) => others_known(&config, &membership),
        };
        // Without others a start would begin an empty cluster; with them it joins again.
        if others.is_empty() {
            return Err(LeaveError::Last);
        }
        membership.clone().beside(others).save(&config.config_dir)?;
    }
    say("[stop] Stopping the server");
    service::stop(&config)?;
    if let Some(member) = &member {
        say("[etcd] Leaving etcd's other members");
        leave_etcd(member, force).await?;
    }
    say("[node] Deleting the Node");
    if let Err(why) = delete_node(&config, &membership).await {
        say(&format!("\t[WARNING Node]: {why}"));
    }
    Ok(())
}

/// Client URLs of the members on other masters, as far as this machine knows those.
pub(crate) fn others_known(config: &Config, membership: &Membership) -> Vec<String> {
    let others = other_servers(config, membership).into_iter();
    others.map(|server| etcd::client_url(server.ip())).collect()
}

/// Out of etcd's list, ended, its data deleted.
pub(crate) async fn leave_etcd(member: &MemberConfig, force: bool) -> Result<(), MemberError> {
    let supervisor = Supervisor::start(Binary::find()?, member.clone()).await?;
    etcd::leave(supervisor, force).await
}

/// By another master: our own server is stopped. What is in the way is told for people.
pub(crate) async fn delete_node(config: &Config, membership: &Membership) -> Result<(), String> {
    let servers = other_servers(config, membership);
    if servers.is_empty() {
        // The cluster ends with its last master.
        return Ok(());
    }
    let by_hand = |why: &str| format!("{why}. Delete it on a master: kubectl delete node {}", config.node_name);
    let file = if membership.is_control_plane() { "admin" } else { "kubelet-client" };
    let pair = Pair::load(&config.pki_dir(), file).ok().flatten();
    let pair = pair.ok_or_else(|| by_hand("the certificate that would delete the Node is gone"))?;
    let ca = std::fs::read_to_string(config.pki_dir().join("ca.crt")).map_err(|error| by_hand(&error.to_string()))?;
    let mut last = String::new();
    for server in servers {
        match delete_by(server, &config.node_name, &ca, &pair).await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => last = format!("{server} does not delete the Node ({error})"),
        }
    }
    Err(by_hand(&last))
}

async fn delete_by(server: SocketAddr, node: &str, ca: &str, pair: &Pair) -> Result<(), ApiError> {
    let options = RemoteOptions {
        connect_timeout: PATIENCE,
        request_timeout: PATIENCE,
        ..RemoteOptions::new(format!("https://{server}"), ca, credentials(pair))
    };
    Remote::new(options)?.request("DELETE", &format!("/api/v1/nodes/{node}"), None).await.map(drop)
}

fn other_servers(config: &Config, membership: &Membership) -> Vec<SocketAddr> {
    let own: IpAddr = membership.address;
    door::known(config, membership).into_iter().filter(|server| server.ip() != own).collect()
}
