//! Real etcd members on loopback ports of their own, with their data in memory. They end with the test.

use rustix::process::{Pid, Signal};
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Certificates of a member, in PEM files: (ca, certificate, key). Clients must show one too.
pub type TlsFiles = (String, String, String);

/// Of a cluster that needs no time to elect its leader.
const QUICK: [&str; 2] = ["--heartbeat-interval=20", "--election-timeout=200"];

/// One member. Killed when dropped.
pub struct Member {
    arguments: Vec<String>,
    pub endpoint: String,
    process: Option<Child>,
}

/// Members and the folder of their data and logs.
pub struct Cluster {
    pub members: Vec<Member>,
    folder: tempfile::TempDir,
}

impl Cluster {
    /// Starts so many members; does not wait until they answer. `extra` are arguments for each.
    pub fn start(count: usize, tls: Option<&TlsFiles>, extra: &[&str]) -> Self {
        let mut cluster = Self::planned(count, tls, extra);
        (0..count).for_each(|number| cluster.run(number));
        cluster
    }

    /// One member with the state of a snapshot, put in place by etcd's own tool.
    pub fn restored(snapshot: &Path) -> Self {
        let mut cluster = Self::planned(1, None, &QUICK);
        let has = |name: &&String| ["--name", "--data-dir", "--initial-"].iter().any(|of| name.starts_with(of));
        let mut command = Command::new("etcdctl");
        command.env("ETCDCTL_API", "3").args(["snapshot", "restore"]).arg(snapshot);
        command.args(cluster.members[0].arguments.iter().filter(has));
        let restored = command.output().expect("etcdctl cannot be started. Install it: apt-get install etcd-client");
        assert!(restored.status.success(), "{restored:?}");
        cluster.run(0);
        cluster
    }

    fn planned(count: usize, tls: Option<&TlsFiles>, extra: &[&str]) -> Self {
        let version = Command::new("etcd").arg("--version").output();
        version.expect("etcd cannot be started. Install it: apt-get install etcd-server");
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        // Held together until all are known, so that none comes twice.
        let sockets: Vec<_> = (0..count * 2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<_> = sockets.iter().map(|socket| socket.local_addr().unwrap().port()).collect();
        drop(sockets);
        let peer = |number: usize| format!("http://127.0.0.1:{}", ports[number * 2]);
        let all: Vec<_> = (0..count).map(|number| format!("m{number}={}", peer(number))).collect();
        let members = (0..count).map(|number| {
            let scheme = if tls.is_some() { "https" } else { "http" };
            let endpoint = format!("{scheme}://127.0.0.1:{}", ports[number * 2 + 1]);
            let data = folder.path().join(format!("m{number}"));
            let mut arguments = vec![
                format!("--name=m{number}"),
                format!("--data-dir={}", data.display()),
                format!("--listen-client-urls={endpoint}"),
                format!("--advertise-client-urls={endpoint}"),
                format!("--listen-peer-urls={}", peer(number)),
                format!("--initial-advertise-peer-urls={}", peer(number)),
                format!("--initial-cluster={}", all.join(",")),
                "--logger=zap".into(),
                "--log-level=warn".into(),
            ];
            arguments.extend(extra.iter().map(|&argument| argument.to_owned()));
            if let Some((ca, certificate, key)) = tls {
                arguments.push("--client-cert-auth".into());
                arguments.push(format!("--trusted-ca-file={ca}"));
                arguments.push(format!("--cert-file={certificate}"));
                arguments.push(format!("--key-file={key}"));
            }
            Member { arguments, endpoint, process: None }
        });
        Self { members: members.collect(), folder }
    }

    /// A cluster of one that needs no time to elect itself.
    pub fn single() -> Self {
        Self::start(1, None, &QUICK)
    }

    /// Starts a member, again if it has been killed.
    pub fn run(&mut self, number: usize) {
        let path = self.folder.path().join(format!("m{number}.log"));
        let log = std::fs::File::options().create(true).append(true).open(path).unwrap();
        let member = &mut self.members[number];
        // It dies with this thread too, should the test be killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "etcd"]).args(&member.arguments);
        let process = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        member.process = Some(process.expect("setpriv cannot be started. Install it: apt-get install util-linux"));
    }

    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(|member| member.endpoint.clone()).collect()
    }
}

impl Member {
    /// As a crash would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Stops it without closing anything, as a hung machine would, or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        let pid = Pid::from_child(self.process.as_ref().unwrap());
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// A number of its `/metrics`. Over plain HTTP only.
    pub fn metric(&self, name: &str) -> u64 {
        let mut socket = TcpStream::connect(self.endpoint.trim_start_matches("http://")).unwrap();
        socket.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let text = std::io::read_to_string(socket).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}
