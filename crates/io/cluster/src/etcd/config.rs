//! A member's configuration, and the command line it makes. Versions differ in flags, so the version is an argument.

use super::binary::Version;
use crate::pki::EtcdLeaf;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Upstream: `--listen-client-urls`.
const CLIENT_PORT: u16 = 2379;
/// Upstream: `--quota-backend-bytes` of kubeadm's clusters, etcd's own default.
const QUOTA: u64 = 2 << 30;
/// Entries kept in memory for followers who lag. Upstream: kubeadm, and etcd's own default since 3.6.
const SNAPSHOT_COUNT: u32 = 10_000;
/// Heartbeats in an election timeout. Upstream: the ratio of etcd's defaults.
const ELECTION: u32 = 10;

/// A member on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberConfig {
    /// The node's name; unique in the cluster.
    pub name: String,
    /// Absolute. Made if it is not there, mode 0700. Beside it lie `<data dir>.lock` and `<data dir>.member`.
    pub data_dir: PathBuf,
    /// Keys of [`crate::EtcdPki`]: the folder that was given to it.
    pub pki_dir: PathBuf,
    /// Where its log goes, 16 MiB at most with the older part (`<log>.1`).
    pub log: PathBuf,
    /// This machine's address for other members and API servers. Clients on the machine use 127.0.0.1.
    pub address: IpAddr,
    /// Default 2379.
    pub client_port: u16,
    /// Default 2380.
    pub peer_port: u16,
    /// Metrics and health in plain HTTP on 127.0.0.1. Default 2381; None: not served.
    pub metrics_port: Option<u16>,
    /// Whom it starts with.
    pub initial: Initial,
    /// Bytes at which the database refuses to grow. Default 2 GiB.
    pub quota_bytes: u64,
    /// How often a leader shows that it lives; after ten times that without, another one is elected. Default 100 ms.
    pub heartbeat: Duration,
}

/// Looked at by a member without data only: once it has some, it knows the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Initial {
    /// A cluster of this member alone.
    Alone,
    /// All these (name, peer URL), itself included, begin a cluster together.
    Together(Vec<(String, String)>),
    /// These run already, and this one has been added to them.
    Existing(Vec<(String, String)>),
}

impl MemberConfig {
    /// With the defaults, alone.
    pub fn new(name: &str, address: IpAddr, data_dir: &Path, pki_dir: &Path, log: &Path) -> Self {
        Self {
            name: name.to_owned(),
            data_dir: data_dir.to_owned(),
            pki_dir: pki_dir.to_owned(),
            log: log.to_owned(),
            address,
            client_port: CLIENT_PORT,
            peer_port: 2380,
            metrics_port: Some(2381),
            initial: Initial::Alone,
            quota_bytes: QUOTA,
            heartbeat: Duration::from_millis(100),
        }
    }

    /// Where other machines reach it: `https://192.0.2.7:2379`.
    pub fn client_url(&self) -> String {
        url(self.address, self.client_port)
    }

    /// Where this machine reaches it.
    pub fn local_url(&self) -> String {
        url(IpAddr::V4(Ipv4Addr::LOCALHOST), self.client_port)
    }

    /// Where other members reach it.
    pub fn peer_url(&self) -> String {
        url(self.address, self.peer_port)
    }

    /// All arguments, in a fixed order.
    pub fn arguments(&self, version: Version) -> Vec<String> {
        let mut arguments = self.lasting(version);
        let (members, state) = match &self.initial {
            Initial::Alone => (vec![(self.name.clone(), self.peer_url())], "new"),
            Initial::Together(members) => (members.clone(), "new"),
            Initial::Existing(members) => (members.clone(), "existing"),
        };
        let members: Vec<String> = members.iter().map(|(name, url)| format!("{name}={url}")).collect();
        arguments.push(format!("--initial-cluster={}", members.join(",")));
        arguments.push(format!("--initial-cluster-state={state}"));
        arguments
    }

    /// Those that mean something to a member with data: where they differ from those of a running one, it has to be
    /// started again.
    pub(super) fn lasting(&self, version: Version) -> Vec<String> {
        let (client, local, peer) = (self.client_url(), self.local_url(), self.peer_url());
        let clients = if client == local { local } else { format!("{client},{local}") };
        let heartbeat = self.heartbeat.as_millis();
        let mut arguments = vec![
            format!("--name={}", self.name),
            format!("--data-dir={}", self.data_dir.display()),
            format!("--listen-client-urls={clients}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--quota-backend-bytes={}", self.quota_bytes),
            format!("--heartbeat-interval={heartbeat}"),
            format!("--election-timeout={}", heartbeat * u128::from(ELECTION)),
            // Ours too when systemd is our parent; etcd would look for a journal.
            "--log-outputs=stderr".to_owned(),
            "--log-level=warn".to_owned(),
        ];
        if let Some(port) = self.metrics_port {
            arguments.push(format!("--listen-metrics-urls=http://127.0.0.1:{port}"));
        }
        arguments.extend(self.tls(""));
        arguments.extend(self.tls("peer-"));
        arguments.extend(of_version(version));
        arguments
    }

    fn tls(&self, side: &str) -> [String; 4] {
        let leaf = if side.is_empty() { EtcdLeaf::Server } else { EtcdLeaf::Peer };
        let file = |name: &str| self.pki_dir.join(name).display().to_string();
        let own = |end: &str| file(&format!("{}.{end}", leaf.file_name()));
        [
            format!("--{side}cert-file={}", own("crt")),
            format!("--{side}key-file={}", own("key")),
            format!("--{side}trusted-ca-file={}", file("etcd/ca.crt")),
            format!("--{side}client-cert-auth=true"),
        ]
    }
}

/// What is called otherwise, or is the default, in other versions.
fn of_version(version: Version) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut add = |argument: &str| arguments.push(argument.to_owned());
    if version < (Version { major: 3, minor: 5 }) {
        add("--logger=zap");
        // A member that was cut off and comes back does not depose the leader.
        add("--pre-vote=true");
    }
    if version < (Version { major: 3, minor: 6 }) {
        add(&format!("--snapshot-count={SNAPSHOT_COUNT}"));
        add("--experimental-initial-corrupt-check=true");
        add("--experimental-watch-progress-notify-interval=5s");
    } else {
        add("--feature-gates=InitialCorruptCheck=true");
        add("--watch-progress-notify-interval=5s");
    }
    arguments
}

/// Where the member of the machine with this address is asked, with the defaults.
pub fn client_url(address: IpAddr) -> String {
    url(address, CLIENT_PORT)
}

fn url(address: IpAddr, port: u16) -> String {
    format!("https://{}", SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[test]
    fn of_debians_version() {
        check(
            4,
            "192.0.2.7",
            expect![[r#"
            --name=n1
            --data-dir=/var/lib/barque/etcd
            --listen-client-urls=https://192.0.2.7:2379,https://127.0.0.1:2379
            --advertise-client-urls=https://192.0.2.7:2379
            --listen-peer-urls=https://192.0.2.7:2380
            --initial-advertise-peer-urls=https://192.0.2.7:2380
            --quota-backend-bytes=2147483648
            --heartbeat-interval=100
            --election-timeout=1000
            --log-outputs=stderr
            --log-level=warn
            --listen-metrics-urls=http://127.0.0.1:2381
            --cert-file=/etc/barque/pki/etcd/server.crt
            --key-file=/etc/barque/pki/etcd/server.key
            --trusted-ca-file=/etc/barque/pki/etcd/ca.crt
            --client-cert-auth=true
            --peer-cert-file=/etc/barque/pki/etcd/peer.crt
            --peer-key-file=/etc/barque/pki/etcd/peer.key
            --peer-trusted-ca-file=/etc/barque/pki/etcd/ca.crt
            --peer-client-cert-auth=true
            --logger=zap
            --pre-vote=true
            --snapshot-count=10000
            --experimental-initial-corrupt-check=true
            --experimental-watch-progress-notify-interval=5s
            --initial-cluster=n1=https://192.0.2.7:2380
            --initial-cluster-state=new"#]],
        );
    }

    #[test]
    fn later_versions_differ() {
        differs(
            5,
            expect![[r#"
                ---logger=zap
                ---pre-vote=true"#]],
        );
        let since_then = expect![[r#"
            ---logger=zap
            ---pre-vote=true
            ---snapshot-count=10000
            ---experimental-initial-corrupt-check=true
            ---experimental-watch-progress-notify-interval=5s
            +--feature-gates=InitialCorruptCheck=true
            +--watch-progress-notify-interval=5s"#]];
        differs(6, since_then);
        let [of_six, of_seven] = [6, 7].map(|minor| config("192.0.2.7").arguments(Version { major: 3, minor }));
        assert_eq!(of_six, of_seven);
    }

    #[test]
    fn addresses_and_members() {
        let mut config = config("2001:db8::7");
        assert_eq!(config.peer_url(), "https://[2001:db8::7]:2380");
        config.metrics_port = None;
        let members =
            vec![("n1".to_owned(), config.peer_url()), ("n2".to_owned(), "https://192.0.2.8:2380".to_owned())];
        config.initial = Initial::Existing(members);
        let arguments = config.arguments(Version { major: 3, minor: 4 });
        let last: Vec<&str> = arguments[arguments.len() - 2..].iter().map(String::as_str).collect();
        let initial = "--initial-cluster=n1=https://[2001:db8::7]:2380,n2=https://192.0.2.8:2380";
        assert_eq!(last, [initial, "--initial-cluster-state=existing"]);
        assert!(!arguments.iter().any(|argument| argument.contains("metrics")));
    }

    fn config(address: &str) -> MemberConfig {
        let (data, pki, log) = ("/var/lib/barque/etcd", "/etc/barque/pki", "/var/log/barque/etcd.log");
        MemberConfig::new("n1", address.parse().unwrap(), Path::new(data), Path::new(pki), Path::new(log))
    }

    #[track_caller]
    fn check(minor: u32, address: &str, expected: Expect) {
        expected.assert_eq(&config(address).arguments(Version { major: 3, minor }).join("\n"));
    }

    /// Against Debian's.
    #[track_caller]
    fn differs(minor: u32, expected: Expect) {
        let [base, other] = [4, minor].map(|minor| config("192.0.2.7").arguments(Version { major: 3, minor }));
        let gone = base.iter().filter(|argument| !other.contains(argument)).map(|argument| format!("-{argument}"));
        let new = other.iter().filter(|argument| !base.contains(argument)).map(|argument| format!("+{argument}"));
        expected.assert_eq(&gone.chain(new).collect::<Vec<_>>().join("\n"));
    }
}
