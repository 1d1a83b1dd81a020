//! etcd's keys: an authority of its own, so that nobody the cluster's authority signs for may open the database.
//!
//! Only machines that run a member have them. All members share `etcd/ca.crt` and `etcd/ca.key`: a machine that joins is
//! given both before this is called. etcd reads its files anew for every connection, so renewing needs no restart.
//!
//! Upstream: `cmd/kubeadm/app/phases/certs/certlist.go`, the tree of `etcd-ca`.

use super::authority::Authority;
use super::files::Files;
use super::leaf::{self, Wanted};
use super::{Names, Pair, PkiError, load_or_issue};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use stdx::Timestamp;

/// What etcd's authority signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EtcdLeaf {
    /// What a member shows to clients.
    Server,
    /// What members show each other, both sides of a connection.
    Peer,
    /// Whoever looks how a member is, and changes the members.
    HealthcheckClient,
    /// The API server's store.
    ApiServerClient,
}

impl EtcdLeaf {
    pub const ALL: [Self; 4] = [Self::Server, Self::Peer, Self::HealthcheckClient, Self::ApiServerClient];

    /// In the folder of all keys, without `.crt` and `.key`.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Server => "etcd/server",
            Self::Peer => "etcd/peer",
            Self::HealthcheckClient => "etcd/healthcheck-client",
            Self::ApiServerClient => "apiserver-etcd-client",
        }
    }

    fn wanted(self, names: &Names) -> Wanted {
        let wanted = match self {
            Self::Server | Self::Peer => {
                let local = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
                let addresses = local.iter().chain(&names.addresses).map(IpAddr::to_string);
                let own = [names.node.clone(), names.hostname.clone(), "localhost".to_owned()];
                let names_of_member = leaf::unique(own.into_iter().chain(addresses).collect());
                Wanted { names: names_of_member, server: true, ..leaf::client(&names.node, None) }
            }
            Self::HealthcheckClient => leaf::client("kube-etcd-healthcheck-client", None),
            Self::ApiServerClient => leaf::client("kube-apiserver-etcd-client", None),
        };
        Wanted { lifetime: names.lifetime, ..wanted }
    }
}

/// All of them, loaded.
pub struct EtcdPki {
    files: Files,
    names: Names,
    authority: Authority,
    leaves: BTreeMap<EtcdLeaf, Pair>,
}

impl EtcdPki {
    /// Loads what `dir` (the folder that also holds the cluster's keys) has, makes what it lacks, and signs anew what is
    /// due or no longer fits `names`. Of the names, those of the machine are used.
    ///
    /// # Errors
    /// If files cannot be read or written, or the authority is damaged, expired, or without its key.
    pub fn load_or_create(dir: &Path, names: Names, now: Timestamp) -> Result<Self, PkiError> {
        let files = Files::open(dir)?;
        Files::open(&dir.join("etcd"))?;
        let authority = Authority::load_or_create(&files, "etcd/ca", "etcd-ca", now)?;
        let mut pki = Self { files, names, authority, leaves: BTreeMap::new() };
        pki.renew(now)?;
        Ok(pki)
    }

    /// Signs anew whatever is due at `now`; returns what was. Call it when [`Self::renewal_due_at`] has come; the store
    /// has to be given the new [`Self::client_tls`].
    ///
    /// # Errors
    /// As [`Self::load_or_create`].
    pub fn renew(&mut self, now: Timestamp) -> Result<Vec<EtcdLeaf>, PkiError> {
        let mut renewed = Vec::new();
        for leaf in EtcdLeaf::ALL {
            let pair = load_or_issue(&self.files, leaf.file_name(), &leaf.wanted(&self.names), &self.authority, now)?;
            if self.leaves.get(&leaf) != Some(&pair) {
                renewed.push(leaf);
                self.leaves.insert(leaf, pair);
            }
        }
        Ok(renewed)
    }

    /// When the next certificate should be signed anew.
    pub fn renewal_due_at(&self) -> Timestamp {
        self.leaves.values().map(Pair::renewal_due_at).min().unwrap_or_default()
    }

    /// Certificate and key of a leaf.
    pub fn pair(&self, leaf: EtcdLeaf) -> &Pair {
        &self.leaves[&leaf]
    }

    /// etcd's authority, PEM.
    pub fn ca(&self) -> &str {
        &self.authority.certificate
    }

    /// What the API server's store connects with.
    pub fn client_tls(&self) -> store::EtcdTls {
        let Pair { certificate, key } = self.pair(EtcdLeaf::ApiServerClient).clone();
        store::EtcdTls { ca: self.ca().into(), client: Some((certificate.into(), key.into())) }
    }
}
