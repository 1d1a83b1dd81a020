//! The built-in configuration of a node's door to the cluster's API servers.
//!
//! It is made as text and read like any other, so that it means exactly what the same file would. The times follow
//! from what it has to keep: a dead server is noticed within 2 s, a hung one within 1 s.

use crate::config::{self, Config, Env, Files, NoFiles, Problems, Source};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name under which the authority's certificate is read.
const AUTHORITY: &str = "cluster-ca.pem";

/// The frontend, as the statistics name it.
pub const FRONTEND: &str = "local-api";

/// The backend: the API servers.
pub const BACKEND: &str = "api-servers";

/// A hang shows after two checks without an answer, the first on the connection that checks share, the second on one of
/// its own: at worst `INTER + TIMEOUT + FASTINTER + TIMEOUT`, 0.75 s, so that a read that waits for a server that fell
/// silent comes to another one within a second. The timeout is for connecting with the handshake, and again for the
/// answer, which needs nobody but the server itself. It is below the second after which the kernel sends a lost SYN
/// again: rather is another server asked.
const INTER: Duration = Duration::from_millis(200);
const FASTINTER: Duration = Duration::from_millis(50);
const TIMEOUT: Duration = Duration::from_millis(250);

/// A server that is down is asked seldom: each time costs a handshake.
const DOWNINTER: Duration = Duration::from_millis(1000);

/// What is asked: whether the server is ready, which everybody may ask. Not whether the parts of the node are that it is
/// on: a server is none the worse for a DNS that starts there.
const READY: &str = "/readyz?exclude=node&exclude=service-proxy&exclude=dns&exclude=overlay&exclude=network-policies";

/// How long a server that came back is spared: with the fewest connections it would otherwise get every new one.
const SLOWSTART: Duration = Duration::from_secs(30);

/// Watches, `exec` and `logs` may be silent for hours; probes of the kernel find dead peers meanwhile.
const SILENCE: Duration = Duration::from_secs(24 * 3600);
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Seconds that sessions have when the door is closed: their clients would wait for ever.
const GOODBYE: u64 = 5;

/// What a node knows of its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalApi {
    /// Usually 127.0.0.1:5443.
    pub listen: SocketAddr,
    /// API servers.
    pub members: Vec<SocketAddr>,
    /// This machine's own server, of a master: used without a check while no other is ready, so that people are told what
    /// is wrong by one that knows, instead of a closed connection.
    pub own: Option<SocketAddr>,
    /// The authority of the API servers' certificates, PEM.
    pub ca_pem: Vec<u8>,
    /// The name in their certificates, usually `kubernetes`.
    pub server_name: String,
    /// Workers.
    pub threads: usize,
    /// For hatop and its like; level admin.
    pub stats_socket: Option<PathBuf>,
    /// For metrics and `/healthz`: an address of its own.
    pub metrics: Option<SocketAddr>,
}

impl LocalApi {
    /// # Errors
    /// A name or path in it is none that the configuration language can express.
    pub fn config(&self) -> Result<Config, Problems> {
        let source = Source { name: "cluster".to_owned(), text: self.text().into_bytes() };
        config::parse(&[source], &Env::new(), self).map(|parsed| parsed.config)
    }

    /// The same configuration as a file would have it.
    pub fn text(&self) -> String {
        let Self { listen, server_name: name, threads, .. } = self;
        let millis = |time: Duration| format!("{}ms", time.as_millis());
        let (inter, fast, down, timeout) = (millis(INTER), millis(FASTINTER), millis(DOWNINTER), millis(TIMEOUT));
        let (silence, keepalive, slowstart) = (millis(SILENCE), millis(KEEPALIVE), millis(SLOWSTART));
        let stats = self.stats_socket.as_ref();
        let stats = stats.map(|path| format!("\n    stats socket {} mode 600 level admin", quoted(path)));
        let stats = stats.unwrap_or_default();
        let mut text = format!(
            "\
global
    nbthread {threads}
    hard-stop-after {GOODBYE}s{stats}

defaults
    mode tcp
    option clitcpka
    clitcpka-idle {keepalive}
    option srvtcpka
    srvtcpka-idle {keepalive}
    option redispatch
    retries 3
    timeout connect {timeout}
    timeout check {timeout}
    timeout client {silence}
    timeout server {silence}
    timeout tunnel {silence}

frontend {FRONTEND}
    bind {listen}
    default_backend {BACKEND}

backend {BACKEND}
    balance leastconn
    option httpchk
    http-check send meth GET uri {READY} ver HTTP/1.1 hdr Host {name} hdr Connection keep-alive
    http-check expect status 200
    default-server check check-reuse-pool check-ssl check-sni {name} verify required verifyhost {name} ca-file {AUTHORITY}
    default-server inter {inter} fastinter {fast} downinter {down} fall 2 rise 2 slowstart {slowstart}
    default-server observe layer4 error-limit 1 on-error mark-down on-marked-down shutdown-sessions
"
        );
        for member in &self.members {
            text += &format!("    server {} {member}\n", server_name(*member));
        }
        if let Some(own) = self.own {
            text += &format!("    server own {own} backup no-check\n");
        }
        if let Some(metrics) = self.metrics {
            text += &format!(
                "
frontend metrics
    mode http
    bind {metrics}
    timeout http-request 10s
    timeout client 1m
    monitor-uri /healthz
    monitor fail if {{ nbsrv({BACKEND}) eq 0 }}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    http-request return status 404
"
            );
        }
        text
    }
}

/// What a member is called: its address, as names of servers may be written.
pub fn server_name(member: SocketAddr) -> String {
    member.to_string().chars().filter(|char| !"[]".contains(*char)).collect()
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// The only file it names is its authority's certificate.
impl Files for LocalApi {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        if path == Path::new(AUTHORITY) { Ok(self.ca_pem.clone()) } else { NoFiles.read(path) }
    }

    fn list(&self, path: &Path) -> Result<Vec<PathBuf>, String> {
        NoFiles.list(path)
    }

    fn is_folder(&self, _: &Path) -> bool {
        false
    }
}

/// Which server should lose a session to one that has fewer: gently, so that a server that came back gets its share of
/// connections that last for hours, too. `sessions` of the usable servers; their order is that of the answer.
///
/// None while the most loaded one has at most two more than the least loaded one, or a quarter more than the average:
/// moving one would change little.
pub fn overloaded(sessions: &[u64]) -> Option<usize> {
    let (most, least) = (sessions.iter().max()?, sessions.iter().min()?);
    let average = sessions.iter().sum::<u64>() / sessions.len() as u64;
    let worth = *most > least + 2 && *most > average + average / 4;
    worth.then(|| sessions.iter().position(|count| count == most))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::{MarkedDown, Observe, OnError};

    fn api() -> LocalApi {
        LocalApi {
            own: None,
            listen: "127.0.0.1:5443".parse().unwrap(),
            members: vec!["10.0.42.1:6443".parse().unwrap(), "[fd00::2]:6443".parse().unwrap()],
            ca_pem: b"-".to_vec(),
            server_name: "kubernetes".to_owned(),
            threads: 1,
            stats_socket: Some("/run/a socket".into()),
            metrics: Some("127.0.0.1:5444".parse().unwrap()),
        }
    }

    #[test]
    fn is_a_good_configuration() {
        let config = api().config().unwrap_or_else(|problems| panic!("{problems}"));
        let servers = &config.backend(BACKEND).unwrap().servers;
        let names: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
        assert_eq!(names, ["10.0.42.1:6443", "fd00::2:6443"]);
        let server = &servers[0];
        assert_eq!((server.observe, server.error_limit, server.on_error), (Observe::Layer4, 1, OnError::MarkDown));
        assert_eq!(server.on_marked_down, Some(MarkedDown::ShutdownSessions));
        assert!(server.checked && server.check.ssl == Some(true) && !server.ssl);
        let fronts = config.proxies.iter().filter(|proxy| proxy.capability.frontend());
        assert_eq!(fronts.map(|proxy| proxy.name.as_str()).collect::<Vec<_>>(), [FRONTEND, "metrics"]);
    }

    #[test]
    fn a_hang_is_noticed_in_time() {
        assert!(INTER + TIMEOUT + FASTINTER + TIMEOUT < Duration::from_secs(1));
    }

    #[test]
    fn moves_sessions_only_where_it_helps() {
        assert_eq!(overloaded(&[]), None);
        assert_eq!(overloaded(&[5]), None);
        assert_eq!(overloaded(&[3, 1, 2]), None);
        assert_eq!(overloaded(&[6, 0, 6]), Some(0));
        assert_eq!(overloaded(&[100, 120, 119]), None);
        assert_eq!(overloaded(&[10, 20, 12]), Some(1));
    }
}
