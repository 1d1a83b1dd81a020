//! Machines of a test: configurations with ports of their own and data in memory. What runs on them ends with the test.

use cluster::etcd::{Binary, MemberConfig, State, Supervisor};
use cluster::{EtcdPki, Names};
use rustix::process::{Pid, Signal};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use stdx::Clock as _;
use store::{Etcd, EtcdOptions, Op, Outcome, Store as _};

/// Far more than anything here takes: what hangs fails.
pub const LIMIT: Duration = Duration::from_secs(40);

/// A folder with keys and the machines' data. Every etcd that has data in it is killed when it goes.
pub struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    pub fn new() -> Self {
        let site = Self { folder: tempfile::tempdir_in("/dev/shm").unwrap() };
        site.keys();
        site
    }

    /// Keys for every machine: all have the same address.
    pub fn keys(&self) -> EtcdPki {
        let names = Names {
            node: "n1".to_owned(),
            hostname: String::new(),
            addresses: Vec::new(),
            service_address: "10.96.0.1".parse().unwrap(),
            cluster_domain: "cluster.local".to_owned(),
            extra: Vec::new(),
            lifetime: cluster::pki::LIFETIME,
        };
        EtcdPki::load_or_create(&self.path("pki"), names, stdx::SystemClock.now()).unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn machine(&self, name: &str) -> MemberConfig {
        config(self.folder.path(), name, ports())
    }

    /// A store at these machines.
    pub async fn store(&self, machines: &[&MemberConfig]) -> Arc<Etcd> {
        let tls = Some(self.keys().client_tls());
        let endpoints = machines.iter().map(|machine| machine.client_url());
        let options = EtcdOptions { tls, ..EtcdOptions::new(endpoints) };
        within(Etcd::connect(options)).await.unwrap()
    }

    /// The etcds that have data in the folder.
    pub fn running(&self) -> Vec<i32> {
        let folder = self.folder.path().display().to_string();
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let is_ours = |pid: &i32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            line.contains(&format!("--data-dir={folder}/"))
        };
        pids.filter(is_ours).collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.running().into_iter().for_each(kill);
    }
}

/// `ports`: for clients, peers and metrics.
pub fn config(folder: &Path, name: &str, ports: [u16; 3]) -> MemberConfig {
    let path = |suffix: &str| folder.join(format!("{name}{suffix}"));
    let local = "127.0.0.1".parse().unwrap();
    let mut config = MemberConfig::new(name, local, &path(""), &folder.join("pki"), &path(".log"));
    [config.client_port, config.peer_port] = [ports[0], ports[1]];
    config.metrics_port = Some(ports[2]);
    config
}

pub fn ports() -> [u16; 3] {
    // Held together until all are known, so that none comes twice.
    let sockets = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    sockets.map(|socket| socket.local_addr().unwrap().port())
}

/// Debian's, or another version's that `TEST_ETCD` names (its file has to be called `etcd`).
pub fn binary() -> Binary {
    match std::env::var("TEST_ETCD") {
        Ok(path) => Binary::at(Path::new(&path)).unwrap(),
        Err(_) => Binary::find().unwrap(),
    }
}

pub async fn start(config: &MemberConfig) -> Supervisor {
    Supervisor::start(binary(), config.clone()).await.unwrap()
}

pub async fn started(config: &MemberConfig) -> Supervisor {
    let supervisor = start(config).await;
    supervisor.ready(LIMIT).await.unwrap();
    supervisor
}

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("it took too long")
}

/// The process, and whether it was there before.
pub fn process(supervisor: &Supervisor) -> (i32, bool) {
    match supervisor.state() {
        State::Running { pid, found } => (pid, found),
        other => panic!("{other:?}"),
    }
}

pub fn kill(pid: i32) {
    // One that has gone by itself is fine.
    _ = rustix::process::kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
}

/// Kills the process and waits until it has been started again and answers.
pub async fn kill_and_wait(supervisor: &Supervisor) {
    let before = process(supervisor).0;
    kill(before);
    let mut state = supervisor.watch();
    let anew = |state: &State| matches!(state, State::Running { pid, .. } if *pid != before);
    within(state.wait_for(anew)).await.unwrap();
    supervisor.ready(LIMIT).await.unwrap();
}

pub async fn put(store: &Etcd, key: &str, value: &str) {
    let done = within(store.txn(vec![], vec![Op::put(key, value.to_owned())])).await.unwrap();
    assert!(matches!(done, Outcome::Done { .. }));
}

pub async fn get(store: &Etcd, key: &str) -> Option<String> {
    let found = within(store.get(key)).await.unwrap();
    found.map(|found| String::from_utf8(found.value.to_vec()).unwrap())
}
