//! `barque address`: this machine has another address now.
//!
//! The address stands in `cluster.yaml`; everything else follows from it when the server starts: the certificates are
//! signed for it, etcd runs there and tells its other members, the Node and the ways to its pods name it, and by the list
//! of API servers the others' doors learn of it.

use crate::init::{self, InitError, plan};
use crate::{Config, door, identity, leave, service, stores};
use apimachinery::ApiResult;
use client::remote::Remote;
use cluster::{Membership, MembershipError, PkiError};
use std::net::{IpAddr, SocketAddr};

const CLUSTER_INFO: &str = "/api/v1/namespaces/kube-public/configmaps/cluster-info";

#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    #[error(
        "this machine is no member of a cluster of several: nothing names its address but its own certificates, which \
         follow when the server is started again"
    )]
    NoMember,
    #[error("{0} is on no interface of this machine (it has {1}); bring it up first, or name another")]
    NotHere(IpAddr, String),
    #[error("this machine has several addresses ({0}): say which one the others reach it by")]
    Which(String),
    #[error(transparent)]
    Membership(#[from] MembershipError),
    #[error("the server cannot be stopped or started")]
    Service(#[from] service::ServiceError),
    #[error("the administrator's certificate cannot be used")]
    Pki(#[from] PkiError),
    #[error(transparent)]
    Start(#[from] InitError),
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    pub from: IpAddr,
    pub to: IpAddr,
}

/// Makes `to` this member's address, or the only one that it has. Its server is started again; pods run on. `before`:
/// arguments before the command, for the server. `say` is told each phase.
///
/// # Errors
/// [`AddressError`]; nothing has been changed by one that came before the server was stopped.
pub async fn change(
    config: &Config,
    to: Option<IpAddr>,
    before: &[String],
    say: impl Fn(&str),
) -> Result<Changed, AddressError> {
    let membership = Membership::load(&config.config_dir)?.ok_or(AddressError::NoMember)?;
    let to = choose(to, &own_addresses(&config.instance))?;
    let moved = moved(&membership, to, others(config, &membership));
    say("[stop] Stopping the server; pods run on");
    service::stop(config)?;
    say(&format!(
        "[address] {} becomes {to} in {}",
        membership.address,
        Membership::file(&config.config_dir).display()
    ));
    moved.save(&config.config_dir)?;
    door::forget(config);
    let config = config.clone().of_member(&moved);
    say("[kubelet-start] Starting the server");
    service::start(&config, before)?;
    if let Some(api) = api(&config)? {
        init::wait_ready(&api, &config).await?;
        say("[upload-config] What names the old address in the cluster follows");
        publish(&api, &membership, &moved).await.map_err(init::api_error("the new address"))?;
    }
    Ok(Changed { from: membership.address, to })
}

/// What machines that join read: the cluster's endpoint, if it was this address, and who signs them in.
async fn publish(api: &Remote, old: &Membership, new: &Membership) -> ApiResult<()> {
    if new.endpoint != old.endpoint {
        init::publish::configuration(api, new).await?;
    }
    let info = api.request("GET", CLUSTER_INFO, None).await;
    let named = plan::host_port(old.address, old.port);
    if info.is_ok_and(|info| info["data"]["kubeconfig"].as_str().is_some_and(|text| text.contains(&named))) {
        // The leading master makes it anew, with its own address.
        api.request("DELETE", CLUSTER_INFO, None).await?;
    }
    Ok(())
}

/// The API by this machine's own server; none of a worker.
fn api(config: &Config) -> Result<Option<Remote>, AddressError> {
    let administrator = identity::administrator(config, &identity::server_url(config))?;
    let api = administrator.map(|(api, _)| api.map_err(init::api_error("the client"))).transpose()?;
    Ok(api)
}

/// The other members of etcd, as far as this machine knows them: the first master did not when it was made.
fn others(config: &Config, membership: &Membership) -> Vec<String> {
    match stores::etcd_of(config, membership) {
        Some(_) => leave::others_known(config, membership),
        None => Vec::new(),
    }
}

/// The same machine elsewhere.
fn moved(membership: &Membership, to: IpAddr, others: Vec<String>) -> Membership {
    let old = SocketAddr::new(membership.address, membership.port);
    let new = SocketAddr::new(to, membership.port);
    let api_servers = membership.api_servers.iter().map(|server| if *server == old { new } else { *server }).collect();
    // One that nobody named was the first master's address.
    let endpoint = match membership.endpoint == old.to_string() {
        true => plan::host_port(to, membership.port),
        false => membership.endpoint.clone(),
    };
    Membership { address: to, api_servers, endpoint, ..membership.clone() }.beside(others)
}

fn choose(wanted: Option<IpAddr>, own: &[IpAddr]) -> Result<IpAddr, AddressError> {
    let shown = || own.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match (wanted, own) {
        (Some(wanted), own) if own.contains(&wanted) => Ok(wanted),
        (Some(wanted), _) => Err(AddressError::NotHere(wanted, shown())),
        (None, [only]) => Ok(*only),
        (None, _) => Err(AddressError::Which(shown())),
    }
}

/// What other machines could reach this one by: all addresses of its interfaces but loopback, links' own, and those of
/// pods. `instance`: how the names of our own interfaces begin.
fn own_addresses(instance: &str) -> Vec<IpAddr> {
    let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
    let addresses =
        interfaces.filter(|interface| !is_for_pods(&interface.interface_name, instance)).filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        });
    let mut addresses: Vec<IpAddr> = addresses.filter(|address| is_reachable(*address)).collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

/// Bridges and tunnels, by the names that container networks give them.
fn is_for_pods(interface: &str, instance: &str) -> bool {
    [instance, "cni", "flannel", "docker", "veth", "br-"].iter().any(|prefix| interface.starts_with(prefix))
}

fn is_reachable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    }
}

/// Says so where the address that this member is reached by is not there: etcd and the others wait for it.
pub(crate) fn look(config: &Config, membership: &Membership) {
    let own = own_addresses(&config.instance);
    if !own.contains(&membership.address) && !membership.address.is_loopback() {
        let has = own.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        tracing::warn!(
            address = %membership.address,
            %has,
            "this machine's address in the cluster is on none of its interfaces: bring it up, or, if it has changed, run \
             `barque address NEW`"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cluster::kubeadm::Kubeadm;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn everything_that_names_the_address_follows() {
        let config = Config { advertise_address: Some(ip("10.0.42.1")), ..Config::default() };
        let mut before = plan::membership(&config, &Kubeadm::default());
        before.api_servers.push("10.0.42.2:6443".parse().unwrap());
        let after = moved(&before, ip("10.0.42.9"), vec!["https://10.0.42.2:2379".to_owned()]);
        assert_eq!((after.address, after.endpoint.as_str()), (ip("10.0.42.9"), "10.0.42.9:6443"));
        assert_eq!(after.api_servers, ["10.0.42.9:6443".parse().unwrap(), "10.0.42.2:6443".parse().unwrap()]);
        let named = Membership { endpoint: "k8s.example.org:6443".to_owned(), ..before };
        assert_eq!(moved(&named, ip("10.0.42.9"), Vec::new()).endpoint, "k8s.example.org:6443");
    }

    #[test]
    fn one_that_is_there() {
        let (a, b) = (ip("10.0.42.1"), ip("10.0.42.2"));
        assert_eq!(choose(Some(b), &[a, b]).unwrap(), b);
        assert_eq!(choose(None, &[a]).unwrap(), a);
        let error = choose(Some(ip("10.0.42.3")), &[a]).unwrap_err().to_string();
        assert!(error.starts_with("10.0.42.3 is on no interface of this machine (it has 10.0.42.1)"), "{error}");
        assert!(matches!(choose(None, &[a, b]), Err(AddressError::Which(_))));
    }
}
