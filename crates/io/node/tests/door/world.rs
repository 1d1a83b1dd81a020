//! An authority, an agent that serves a made-up node, and doors to it.

use crate::fake::Fake;
use client::Identity;
use client::door::{Credentials, ExecOptions, RemoteDoor, Target};
use node::serve;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Far more than anything here takes: a test that waits in vain ends.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Authority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Certificate and key, PEM.
pub type Pair = (String, String);

pub struct World {
    pub authority: Authority,
    pub fake: Arc<Fake>,
    pub address: SocketAddr,
    /// What the agent serves with.
    pub served: Arc<Identity>,
    /// Ends the agent.
    pub stop: CancellationToken,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::from_ca_cert_pem(&pem, key).unwrap();
        Self { pem, issuer }
    }

    pub fn sign(&self, user: &str, group: &str, names: &[&str]) -> Pair {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, user);
        params.distinguished_name.push(DnType::OrganizationName, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// The API server's.
    pub fn administrator(&self) -> Pair {
        self.sign("kube-apiserver-kubelet-client", "kubeadm:cluster-admins", &[])
    }

    pub fn agent(&self, names: &[&str]) -> Pair {
        self.sign("system:node:w1", "system:nodes", names)
    }

    pub fn credentials(&self, (certificate, key): Pair) -> Credentials {
        Credentials::new(&self.pem, Identity::from_pem(&certificate, &key).unwrap()).unwrap()
    }
}

impl World {
    pub async fn new() -> Self {
        let authority = Authority::new();
        let (certificate, key) = authority.agent(&["w1", "127.0.0.1"]);
        let served = Identity::from_pem(&certificate, &key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (fake, stop) = (Arc::new(Fake::default()), CancellationToken::new());
        let tls = serve::tls(&authority.pem, Arc::clone(&served)).unwrap();
        tokio::spawn(serve::serve(listener, tls, Arc::clone(&fake) as Arc<_>, stop.clone()));
        Self { authority, fake, address, served, stop }
    }

    /// The API server's door to node `w1`.
    pub fn door(&self) -> RemoteDoor {
        self.door_as(self.authority.administrator())
    }

    pub fn door_as(&self, pair: Pair) -> RemoteDoor {
        RemoteDoor::new("w1", self.address, &self.authority.credentials(pair))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub fn target() -> Target {
    let text = |text: &str| text.to_owned();
    Target { namespace: text("default"), pod: text("web"), uid: text("u1"), container: text("app") }
}

/// A command of [`Fake`], with all streams.
pub fn run(command: &str) -> ExecOptions {
    ExecOptions { command: vec![command.to_owned()], stdin: true, stdout: true, stderr: true, tty: false }
}

/// What comes of `work`, which must end.
pub async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it ends soon")
}
