//! A node, its API server and the means to look at them. Everything is in namespaces and folders of the test's own.

use crate::archive;
use apimachinery::{ApiError, ApiResult, GroupVersionResource, Value};
use apiserver::auth::{TokenIssuer, UserInfo};
use apiserver::{ApiServer, Local};
use async_trait::async_trait;
use client::door::{Doors, NodeDoor};
use client::{Api, DeleteOptions, ListOptions, Scope, WriteOptions, resources};
use network::Network;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use node::{Config, Node};
use runtime::Runtime;
use serde_json::json;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stdx::SystemClock;
use store::{Embedded, Options};
use telemetry::Health;
use tokio_util::sync::CancellationToken;

pub const IMAGE: &str = "example.test/busybox:1";
pub const NODE: &str = "n1";

pub struct World {
    pub api: Arc<Local>,
    pub node: Arc<Node>,
    pub folder: PathBuf,
    server: ApiServer,
    runtime_config: runtime::Config,
    pub stop: CancellationToken,
}

struct NoDoors;

#[async_trait]
impl Doors for NoDoors {
    async fn door(&self, node: &str) -> ApiResult<Arc<dyn NodeDoor>> {
        Err(ApiError::internal(format!("there is no door to {node} in this test")))
    }
}

/// Runs `test` on a fresh node.
pub fn on_a_node<F: Future<Output = World>>(test: impl FnOnce(World) -> F) {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("tests of the node need root");
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), none).unwrap();
    std::fs::create_dir_all("/run/netns").unwrap();
    // Nothing may leave this namespace: it has no other interface.
    sh(
        "ip link set lo up; ip link add up0 type veth peer name up1; ip addr add 192.0.2.1/24 dev up0; ip link set up0 up",
    );
    let unique = format!("{:08x}", rand::random::<u32>());
    let folder = PathBuf::from(format!("/var/tmp/barque-node-{unique}"));
    std::fs::create_dir_all(&folder).unwrap();
    let runtime_config = runtime::Config {
        data_dir: folder.join("runtime"),
        state_dir: PathBuf::from(format!("/run/barque-{unique}")),
        exe: std::env::current_exe().unwrap(),
        cgroup_root: format!("barque-node-{unique}"),
        ..runtime::Config::default()
    };
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let purge = (runtime_config.clone(), folder.clone());
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        tokio.block_on(async {
            let world = World::start(folder, runtime_config).await;
            let world =
                tokio::time::timeout(Duration::from_secs(120), test(world)).await.expect("the test takes too long");
            world.stop.cancel();
            world.server.stop();
        });
    }));
    tokio.shutdown_timeout(Duration::from_secs(5));
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let purged = tokio.block_on(Runtime::purge(&purge.0));
    for line in std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap().lines().rev() {
        let point = line.split(' ').nth(4).unwrap();
        if Path::new(point).starts_with(&purge.1) {
            _ = umount2(point, MntFlags::MNT_DETACH);
        }
    }
    std::fs::remove_dir_all(&purge.1).unwrap();
    _ = umount2("/run", MntFlags::MNT_DETACH);
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
    purged.unwrap();
}

/// Runs a shell script in the test's namespaces.
pub fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

impl World {
    async fn start(folder: PathBuf, runtime_config: runtime::Config) -> Self {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let config = apiserver::Config {
            store: Embedded::open(Options::new(folder.join("store"))).unwrap(),
            tokens: Arc::new(
                TokenIssuer::new(&key, "https://kubernetes.default.svc.cluster.local", Vec::new()).unwrap(),
            ),
            doors: Arc::new(NoDoors),
            tls: None,
            service_range: ("10.96.0.0".parse().unwrap(), 12),
            node_ports: 30000..=32767,
            advertise: "192.0.2.1:6443".parse().unwrap(),
            health: Health::default(),
            metrics: telemetry::Metrics::default(),
        };
        let server = ApiServer::start(config).await.unwrap();
        let api = Arc::new(server.local(UserInfo::system("test")));
        for namespace in ["default", "kube-node-lease"] {
            let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            // The server may have made it.
            _ = api.create(&resources::NAMESPACES, "", body, WriteOptions::default()).await;
        }
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        _ = api.create(&resources::SERVICE_ACCOUNTS, "default", account, WriteOptions::default()).await;
        let root = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": "x"}});
        _ = api.create(&resources::CONFIG_MAPS, "default", root, WriteOptions::default()).await;
        let runtime = Runtime::open(runtime_config.clone()).await.unwrap();
        let tar = folder.join("busybox.tar");
        archive::write(&tar, &archive::busybox(), IMAGE);
        runtime.images().import(&tar, None).await.unwrap();
        let stop = CancellationToken::new();
        let node = start_node(&folder, api.clone(), runtime, stop.clone()).await;
        Self { api, node, folder, server, runtime_config, stop }
    }

    /// Ends the agent and starts another one over what it left.
    pub async fn restart_agent(&mut self, meanwhile: impl AsyncFnOnce(&Self)) {
        self.stop.cancel();
        meanwhile(self).await;
        let runtime = Runtime::open(self.runtime_config.clone()).await.unwrap();
        self.stop = CancellationToken::new();
        self.node = start_node(&self.folder, self.api.clone(), runtime, self.stop.clone()).await;
    }

    pub async fn create(&self, of: &GroupVersionResource, body: Value) {
        let made = self.api.create(of, "default", body, WriteOptions::default()).await;
        made.unwrap();
    }

    /// Makes a pod on the node.
    pub async fn pod(&self, name: &str, mut spec: Value) {
        spec["nodeName"] = NODE.into();
        if spec["terminationGracePeriodSeconds"].is_null() {
            spec["terminationGracePeriodSeconds"] = 5.into();
        }
        let body = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec});
        self.create(&resources::PODS, body).await;
    }

    pub async fn get(&self, name: &str) -> Option<Value> {
        self.api.get(&resources::PODS, "default", name).await.ok().map(|pod| pod.to_value())
    }

    pub async fn delete(&self, name: &str) {
        self.api.delete(&resources::PODS, "default", name, &DeleteOptions::default()).await.unwrap();
    }

    /// Waits until the pod is as wanted, and gives it.
    pub async fn until(&self, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let pod = self.get(name).await.unwrap_or_default();
            if wanted(&pod) {
                return pod;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "{name} is not {what}: {pod:#}\nevents: {:#?}",
                self.events(name).await
            );
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }

    pub async fn until_phase(&self, name: &str, phase: &str) -> Value {
        self.until(name, phase, |pod| pod["status"]["phase"] == phase).await
    }

    pub async fn until_gone(&self, name: &str) {
        let begun = Instant::now();
        while let Some(pod) = self.get(name).await {
            assert!(begun.elapsed() < Duration::from_secs(30), "{name} does not go: {pod:#}");
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }

    /// `Reason message` of all events about a pod, in order.
    pub async fn events(&self, name: &str) -> Vec<String> {
        let list =
            self.api.list(&resources::EVENTS, Scope::Namespace("default"), &ListOptions::default()).await.unwrap();
        let events = list.items.iter().map(|event| event.to_value());
        let ours = events.filter(|event| event["involvedObject"]["name"] == name);
        ours.map(|event| format!("{} {}", event["reason"].as_str().unwrap(), event["message"].as_str().unwrap()))
            .collect()
    }

    pub async fn until_event(&self, name: &str, part: &str) {
        let begun = Instant::now();
        loop {
            let events = self.events(name).await;
            if events.iter().any(|event| event.contains(part)) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "no event {part:?}: {events:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// All of the log of a pod's container so far.
    pub async fn log(&self, name: &str, container: &str, previous: bool) -> Result<String, ApiError> {
        let target = self.target(name, container);
        let options = client::door::LogOptions { previous, ..Default::default() };
        let mut chunks = self.node.logs(target, options).await?;
        let mut text = Vec::new();
        while let Some(chunk) = chunks.recv().await {
            text.extend_from_slice(&chunk.unwrap());
        }
        Ok(String::from_utf8(text).unwrap())
    }

    pub fn target(&self, name: &str, container: &str) -> client::door::Target {
        let text = |text: &str| text.to_owned();
        client::door::Target {
            namespace: text("default"),
            pod: text(name),
            uid: String::new(),
            container: text(container),
        }
    }

    /// Standard output of a command in a container.
    pub async fn exec(&self, name: &str, command: &str) -> String {
        let options = client::door::ExecOptions {
            command: vec!["sh".to_owned(), "-c".to_owned(), command.to_owned()],
            stdout: true,
            stderr: true,
            ..Default::default()
        };
        let mut session = self.node.exec(self.target(name, ""), options).await.unwrap();
        let (mut out, mut stdout, mut stderr) =
            (Vec::new(), session.stdout.take().unwrap(), session.stderr.take().unwrap());
        while let Some(chunk) = stdout.recv().await {
            out.extend_from_slice(&chunk);
        }
        while let Some(chunk) = stderr.recv().await {
            out.extend_from_slice(&chunk);
        }
        String::from_utf8(out).unwrap()
    }
}

async fn start_node(folder: &Path, api: Arc<Local>, runtime: Runtime, stop: CancellationToken) -> Arc<Node> {
    let mut config = Config::for_node(NODE);
    config.addresses = vec!["192.0.2.1".parse().unwrap()];
    config.data_dir = folder.join("node");
    config.log_dir = folder.join("logs");
    config.flex_volume_dirs = vec![folder.join("flex"), folder.join("flex2")];
    let mut network = network::Config::for_node(NODE);
    network.pod_cidr = "10.42.0.0/24".parse().unwrap();
    network.cluster_cidr = "10.42.0.0/16".parse().unwrap();
    std::fs::write("/run/resolv.conf", "search home.arpa\n").unwrap();
    network.resolv_conf = "/run/resolv.conf".into();
    let health = Health::default();
    let network = Network::start(network, api.clone(), &health).await.unwrap();
    Node::start(config, api, runtime, network, Arc::new(SystemClock), &health, stop).await.unwrap()
}

/// A container of the busybox image that runs a script.
pub fn script(name: &str, script: &str) -> Value {
    json!({"name": name, "image": IMAGE, "command": ["sh", "-c", script]})
}

/// Waits for its end, and obeys it.
pub const SLEEP: &str = "trap 'exit 0' TERM; echo up; while :; do sleep 0.02; done";

pub fn container<'a>(pod: &'a Value, name: &str) -> &'a Value {
    let status = &pod["status"];
    let lists = [&status["containerStatuses"], &status["initContainerStatuses"], &status["ephemeralContainerStatuses"]];
    let mut all = lists.into_iter().flat_map(|list| list.as_array().into_iter().flatten());
    all.find(|status| status["name"] == name).unwrap_or(&Value::Null)
}

pub fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
