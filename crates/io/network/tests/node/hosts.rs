//! Several nodes on one wire: each host has namespaces and a runtime of its own, in this one process.

use crate::cluster::Cluster;
use crate::sandbox::{LONG, pod, serve, sh};
use network::{Cidr, Config, Network, PodNetwork};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::gettid;
use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use telemetry::Health;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// Network and cluster ranges as in the other tests; host `n` (from 1) is 192.0.2.n with pods in 10.42.n.0/24.
pub struct Host {
    pub config: Config,
    pub health: Health,
    pub address: Ipv4Addr,
    cluster: Arc<Cluster>,
    network: Option<Arc<Network>>,
    runtime: Option<Runtime>,
}

/// Runs `test` with so many hosts that know each other from one API; their networks are not started yet.
pub fn on_hosts(count: u8, test: impl FnOnce(Arc<Cluster>, Vec<Host>) + Send + 'static) {
    let work = move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("tests of the network need root");
        sh("ip link add wire type bridge mcast_snooping 0; ip link set wire up");
        let cluster = Cluster::start();
        let hosts = (1..=count).map(|number| Host::boot(number, &cluster)).collect();
        test(cluster, hosts);
    };
    if let Err(panic) = std::thread::spawn(work).join() {
        std::panic::resume_unwind(panic);
    }
}

impl Host {
    /// The runtime's threads are born in the new namespaces, since the thread that builds it is in them.
    fn boot(number: u8, cluster: &Arc<Cluster>) -> Self {
        let build = || {
            unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
            let none = None::<&str>;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
            mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), none).unwrap();
            std::fs::write("/run/resolv.conf", "").unwrap();
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
        };
        let runtime = std::thread::spawn(build).join().unwrap();
        let address = Ipv4Addr::new(192, 0, 2, number);
        let mut config = Config::for_node(format!("n{number}"));
        config.pod_cidr = Cidr::new(Ipv4Addr::new(10, 42, number, 0), 24);
        config.cluster_cidr = "10.42.0.0/16".parse().unwrap();
        config.service_cidr = "10.96.0.0/16".parse().unwrap();
        config.resolv_conf = "/run/resolv.conf".into();
        config.overlay = true;
        // A folder of the host's own, that ends with it.
        config.wireguard_key = "/run/wireguard.key".into();
        let host = Self {
            config,
            health: Health::default(),
            address,
            cluster: cluster.clone(),
            network: None,
            runtime: Some(runtime),
        };
        let thread = host.run(async { gettid() });
        sh(&format!(
            "ip link add wire{number} master wire up type veth peer name up0 netns {thread}; ip link set wire{number} up"
        ));
        host.sh(&format!(
            "ip link set lo up; ip addr add {address}/24 dev up0; ip link set up0 up; ip route add default via 192.0.2.254"
        ));
        host
    }

    /// Puts the Node object in and starts the network.
    pub fn join(&mut self) {
        self.cluster.put_node(&self.config.node_name, &self.config.pod_cidr.to_string(), &self.address.to_string());
        self.start();
    }

    pub fn start(&mut self) {
        let (config, cluster, health) = (self.config.clone(), self.cluster.clone(), self.health.clone());
        self.network = Some(self.run(async move { Network::start(config, cluster, &health).await.unwrap() }));
    }

    /// Ends the network's tasks as the death of the process would; what is in the kernel stays.
    pub fn stop(&mut self) {
        self.network = None;
    }

    pub fn network(&self) -> Arc<Network> {
        self.network.clone().expect("the network has been started")
    }

    /// A plugged pod that serves port 8080 under its name.
    pub fn server(&self, name: &str) -> PodNetwork {
        let (network, key, name) = (self.network(), pod(name), name.to_owned());
        self.run(async move {
            let plugged = network.plug(&key, &[]).await.unwrap();
            serve(&plugged.netns, 8080, &name);
            plugged
        })
    }

    /// Runs on the host, in its namespaces.
    pub fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        match self.runtime().block_on(self.spawn(work)) {
            Ok(result) => result,
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }

    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.runtime().spawn(work)
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it lives as long as the host")
    }

    pub fn sh(&self, script: &str) -> String {
        let script = script.to_owned();
        self.run(async move { sh(&script) })
    }

    /// Asks until it is as expected.
    #[track_caller]
    pub fn expect(&self, expected: &str, ask: impl Fn() -> String + Send + Clone + 'static) {
        let start = Instant::now();
        loop {
            let ask = ask.clone();
            let answer = self.run(async move { ask() });
            if answer == expected {
                return;
            }
            if start.elapsed() > LONG {
                println!("{}", self.sh("ip -d link; ip addr; ip route; ip neigh; bridge fdb; nft list ruleset"));
                println!("{:?}", self.health.verdicts());
                assert_eq!(answer, expected, "on {}", self.config.node_name);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[track_caller]
    pub fn expect_sh(&self, script: &str, expected: &str) {
        let script = script.to_owned();
        self.expect(expected, move || sh(&script));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.network = None;
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}
