//! The cluster's keys and certificates, kept as files named as kubeadm names them.
//!
//! Upstream: `cmd/kubeadm/app/phases/certs`. ECDSA P-256 throughout.
//!
//! Invariants
//! - An authority is never replaced: what it signed would stop working everywhere at once.
//! - A key is on disk before its certificate, so a crash in between is mended by signing again.
//! - Private keys have mode 0600 and every file appears whole or not at all.

pub mod applicant;
mod authority;
mod etcd;
mod files;
mod inspect;
mod leaf;
mod request;
mod tls;

pub use applicant::Application;
pub use etcd::{EtcdLeaf, EtcdPki};
pub use inspect::{Listed, der, expiries, listed, renewal_due};
pub use leaf::{LIFETIME, Leaf, Names};
pub use request::RequestSigner;

use authority::Authority;
use files::Files;
use inspect::Facts;
use leaf::Wanted;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stdx::Timestamp;
use tls::Serving;

/// What went wrong with a key or certificate.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    #[error("cannot read or write {path}")]
    File { path: PathBuf, source: std::io::Error },
    /// The private half is gone: nothing can be signed with it any more.
    #[error(
        "{certificate} is there but its key {key} is not; restore the key from a backup, or remove both to begin a new cluster"
    )]
    KeyLost { certificate: PathBuf, key: PathBuf },
    #[error("{path} cannot be used: {why}; restore it from a backup")]
    Damaged { path: PathBuf, why: String },
    #[error(
        "the authority {path} has expired; every certificate of the cluster has to be made anew: move the folder away and start again"
    )]
    AuthorityExpired { path: PathBuf },
    #[error("cannot make a certificate: {0}")]
    Issue(#[from] rcgen::Error),
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

/// A certificate and its private key, as PEM texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

/// All of them, loaded.
pub struct Pki {
    files: Files,
    names: Names,
    cluster: Arc<Authority>,
    front_proxy: Authority,
    /// The service account signing key, PKCS#8 PEM.
    service_account_key: String,
    leaves: BTreeMap<Leaf, Pair>,
    serving: Arc<Serving>,
}

impl Pki {
    /// Loads what `dir` holds, makes what it lacks, and signs anew what is due or no longer fits `names`.
    ///
    /// # Errors
    /// If files cannot be read or written, or an authority is damaged, expired, or without its key.
    pub fn load_or_create(dir: &Path, names: Names, now: Timestamp) -> Result<Self, PkiError> {
        let files = Files::open(dir)?;
        let cluster = Arc::new(Authority::load_or_create(&files, "ca", "kubernetes", now)?);
        let front_proxy = Authority::load_or_create(&files, "front-proxy-ca", "front-proxy-ca", now)?;
        let service_account_key = service_account_key(&files)?;
        let (leaves, serving) = (BTreeMap::new(), Arc::default());
        let mut pki = Self { files, names, cluster, front_proxy, service_account_key, leaves, serving };
        for leaf in Leaf::ALL {
            let pair = pki.load_or_issue(leaf, now)?;
            pki.leaves.insert(leaf, pair);
        }
        Ok(pki)
    }

    /// Signs anew whatever is due at `now`; returns what was. Call it when [`Self::renewal_due_at`] has come; kubeconfigs
    /// made of the old pairs have to be written again.
    ///
    /// # Errors
    /// As [`Self::load_or_create`].
    pub fn renew(&mut self, now: Timestamp) -> Result<Vec<Leaf>, PkiError> {
        let mut renewed = Vec::new();
        for leaf in Leaf::ALL {
            let pair = self.load_or_issue(leaf, now)?;
            if self.leaves.get(&leaf) != Some(&pair) {
                if leaf == Leaf::ApiServer {
                    self.serving.set(&pair)?;
                }
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
    pub fn pair(&self, leaf: Leaf) -> &Pair {
        &self.leaves[&leaf]
    }

    /// The cluster's authority, PEM: for kubeconfigs and the `kube-root-ca.crt` ConfigMaps.
    pub fn ca(&self) -> &str {
        &self.cluster.certificate
    }

    /// The authority of aggregating front proxies, PEM.
    pub fn front_proxy_ca(&self) -> &str {
        &self.front_proxy.certificate
    }

    /// The key that signs service account tokens, PKCS#8 PEM, P-256.
    pub fn service_account_key(&self) -> &str {
        &self.service_account_key
    }

    /// A client certificate of the cluster's authority for anybody (another node, a user). Kept nowhere.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn issue_client(&self, user: &str, group: Option<&str>, now: Timestamp) -> Result<Pair, PkiError> {
        leaf::client(user, group).sign(&self.cluster, now)
    }

    /// Signs requests of others by the cluster's authority, also after this has gone elsewhere.
    pub fn request_signer(&self) -> RequestSigner {
        RequestSigner(Arc::clone(&self.cluster))
    }

    /// [`RequestSigner::sign`].
    ///
    /// # Errors
    /// If the request cannot be read, its signature is not good, or it asks for extensions that are not understood.
    pub fn sign_request(
        &self,
        csr_pem: &str,
        client: bool,
        server: bool,
        lifetime: std::time::Duration,
        now: Timestamp,
    ) -> Result<String, PkiError> {
        self.request_signer().sign(csr_pem, client, server, lifetime, now)
    }

    fn load_or_issue(&self, leaf: Leaf, now: Timestamp) -> Result<Pair, PkiError> {
        let authority = if leaf == Leaf::FrontProxyClient { &self.front_proxy } else { &*self.cluster };
        load_or_issue(&self.files, leaf.file_name(), &leaf.wanted(&self.names), authority, now)
    }
}

/// What the folder holds, or signed anew if that is missing, due or not what is wanted.
fn load_or_issue(
    files: &Files,
    name: &str,
    wanted: &Wanted,
    authority: &Authority,
    now: Timestamp,
) -> Result<Pair, PkiError> {
    if let Some(pair) = files.pair(name)?
        && inspect::still_good(&pair, wanted, authority, now)
    {
        return Ok(pair);
    }
    let pair = wanted.sign(authority, now)?;
    files.write_pair(name, &pair)?;
    Ok(pair)
}

/// `sa.key` and `sa.pub`.
fn service_account_key(files: &Files) -> Result<String, PkiError> {
    let key = match files.read("sa.key")? {
        Some(pem) => rcgen::KeyPair::from_pem(&pem).map_err(|error| files.damaged("sa.key", &error))?,
        None => {
            let key = rcgen::KeyPair::generate()?;
            files.write("sa.key", &key.serialize_pem(), files::SECRET)?;
            key
        }
    };
    if files.read("sa.pub")?.is_none_or(|public| public != key.public_key_pem()) {
        files.write("sa.pub", &key.public_key_pem(), files::PUBLIC)?;
    }
    Ok(key.serialize_pem())
}

#[cfg(test)]
mod tests;
