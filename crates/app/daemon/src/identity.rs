//! Who this machine is: its certificates, the administrator's kubeconfig, the key of the store.

use crate::Config;
use crate::server::StartError;
use crate::stores::EtcdKeys;
use apimachinery::ApiResult;
use client::remote::{Credentials, Remote, RemoteOptions};
use cluster::{Kubeconfig, Leaf, Membership, Names, Pair, Pki, PkiError};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use stdx::{Clock, SystemClock, Timestamp, chain, write_atomically};
use tokio_util::sync::CancellationToken;

/// The longest time without a look at the clock, which may be set while we sleep: nobody tells us of that.
const LOOK: Duration = Duration::from_secs(60);
/// Certificates that are due at almost the same time are signed at once.
const LEAST: Duration = Duration::from_secs(1);

/// Loads or makes the cluster's keys, and writes the kubeconfig where it is missing or out of date.
pub fn load(config: &Config, membership: Option<&Membership>) -> Result<Pki, StartError> {
    let names = names(config)?;
    let pki = Pki::load_or_create(&config.pki_dir(), names, SystemClock.now())?;
    write_kubeconfig(&pki, config, membership)?;
    Ok(pki)
}

/// What connections show that outlive a certificate: replaced when it is signed anew.
pub struct Shown {
    /// Of the node agent's door.
    pub kubelet: Arc<client::Certificate>,
    /// Of the API server towards agents.
    pub server: Arc<client::Certificate>,
}

impl Shown {
    pub fn new(pki: &Pki) -> Result<Self, StartError> {
        let of = |leaf| {
            let pair = pki.pair(leaf);
            client::Certificate::from_pem(&pair.certificate, &pair.key)
                .map_err(|error| StartError::Api(format!("its own certificates: {error}")))
        };
        Ok(Self { kubelet: of(Leaf::Kubelet)?, server: of(Leaf::ApiServerKubeletClient)? })
    }

    fn replace(&self, pki: &Pki) {
        for (identity, leaf) in [(&self.kubelet, Leaf::Kubelet), (&self.server, Leaf::ApiServerKubeletClient)] {
            let pair = pki.pair(leaf);
            if let Err(error) = identity.replace(&pair.certificate, &pair.key) {
                tracing::warn!(%error, ?leaf, "a renewed certificate cannot be shown; the old one still is");
            }
        }
    }
}

/// Signs certificates anew when they are due, long before they expire, and the kubeconfig with them.
pub struct Keeper {
    pub pki: Pki,
    pub shown: Shown,
    /// Of a master with an etcd of its own, which reads its files anew for every connection.
    pub etcd: Option<EtcdKeys>,
    pub config: Config,
    pub membership: Option<Membership>,
}

impl Keeper {
    /// Until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let due = self.etcd.iter().map(|(keys, _)| keys.renewal_due_at()).chain([self.pki.renewal_due_at()]).min();
            let wait = due.unwrap_or_default().since(SystemClock.now()).clamp(LEAST, LOOK);
            if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return;
            }
            if due.is_some_and(|due| due > SystemClock.now()) {
                continue;
            }
            for renewed in [self.renew(SystemClock.now()), self.renew_etcd(SystemClock.now())] {
                match renewed {
                    Ok(names) if names == "[]" => {}
                    Ok(names) => tracing::info!(certificates = names, "signed certificates anew"),
                    Err(error) => {
                        tracing::warn!(error = %chain(&error), "cannot sign certificates anew; will try again");
                        // A certificate that is due still has a third of its life.
                        stop.run_until_cancelled(tokio::time::sleep(LOOK)).await;
                    }
                }
            }
        }
    }

    fn renew(&mut self, now: Timestamp) -> Result<String, StartError> {
        let renewed = self.pki.renew(now)?;
        write_kubeconfig(&self.pki, &self.config, self.membership.as_ref())?;
        self.shown.replace(&self.pki);
        Ok(format!("{renewed:?}"))
    }

    fn renew_etcd(&mut self, now: Timestamp) -> Result<String, StartError> {
        let Some((keys, store)) = &mut self.etcd else { return Ok("[]".to_owned()) };
        let renewed = keys.renew(now)?;
        if !renewed.is_empty() {
            store.set_tls(&keys.client_tls())?;
        }
        Ok(format!("{renewed:?}"))
    }
}

/// Of a member it names the machine's own door, which finds a living server.
fn write_kubeconfig(pki: &Pki, config: &Config, membership: Option<&Membership>) -> Result<(), StartError> {
    let url = membership.map_or_else(|| server_url(config), |member| format!("https://{}", member.local_api));
    let text = kubeconfig(pki, &url);
    let path = config.kubeconfig();
    if std::fs::read_to_string(&path).ok().as_deref() != Some(&text) {
        write_atomically(&path, text.as_bytes(), 0o600).map_err(|source| StartError::File { path, source })?;
    }
    Ok(())
}

/// A pair as what the API is asked with.
pub fn credentials(pair: &Pair) -> Credentials {
    Credentials::Certificate { certificate: pair.certificate.clone(), key: pair.key.clone() }
}

/// The API at this URL as the administrator, by the files of a master; and the cluster's authority, PEM. None where they are
/// not there.
pub fn administrator(config: &Config, server: &str) -> Result<Option<(ApiResult<Remote>, String)>, PkiError> {
    let Some(pair) = Pair::load(&config.pki_dir(), Leaf::Admin.file_name())? else { return Ok(None) };
    let Ok(ca) = std::fs::read_to_string(config.pki_dir().join("ca.crt")) else { return Ok(None) };
    let api = Remote::new(RemoteOptions::new(server, ca.clone(), credentials(&pair)));
    Ok(Some((api, ca)))
}

/// What this machine is called and reached by.
pub fn names(config: &Config) -> Result<Names, StartError> {
    Ok(Names {
        node: config.node_name.clone(),
        hostname: config.node_name.clone(),
        addresses: vec![config.address(), IpAddr::from([127, 0, 0, 1])],
        service_address: config.kubernetes_address()?.into(),
        cluster_domain: config.cluster_domain.clone(),
        extra: config.cert_extra_sans.clone(),
        lifetime: config.certificates_live()?,
    })
}

/// Where other machines reach this one's API.
pub fn server_url(config: &Config) -> String {
    format!("https://{}", SocketAddr::new(config.address(), config.port))
}

/// The administrator's kubeconfig for a server address.
fn kubeconfig(pki: &Pki, server: &str) -> String {
    let admin = pki.pair(Leaf::Admin);
    let (certificate, key) = (&*admin.certificate, &*admin.key);
    let (cluster, user, context) = ("barque", "kubernetes-admin", "kubernetes-admin@barque");
    Kubeconfig { server, cluster, user, context, ca: pki.ca(), certificate, key }.to_string()
}
