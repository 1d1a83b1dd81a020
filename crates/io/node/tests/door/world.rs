//! An authority, an agent that serves a made-up node, and doors to it.

use crate::authority::{Authority, Pair};
use crate::fake::Fake;
use client::Certificate;
use client::door::{ExecOptions, RemoteDoor, Target};
use node::serve;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Far more than anything here takes: a test that waits in vain ends.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct World {
    pub authority: Authority,
    pub fake: Arc<Fake>,
    pub address: SocketAddr,
    /// What the agent serves with.
    pub served: Arc<Certificate>,
    /// Ends the agent.
    pub stop: CancellationToken,
}

impl World {
    pub async fn new() -> Self {
        let authority = Authority::new();
        let (certificate, key) = authority.agent(&["w1", "127.0.0.1"]);
        let served = Certificate::from_pem(&certificate, &key).unwrap();
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
