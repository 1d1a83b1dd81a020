//! Folders, a runtime and a pod for one test; everything is removed at its end, also when it fails.

use crate::archive;
use runtime::{Config, ContainerKey, ContainerSpec, Image, NetNs, PidMode, PodCgroup, Runtime, Sandbox, SandboxSpec};
use std::future::Future;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

pub const IMAGE: &str = "example.test/busybox:1";

pub struct Place {
    pub config: Config,
    pub runtime: Runtime,
    netns: String,
    keep: bool,
}

pub fn config() -> Config {
    let unique = format!("{:08x}", rand::random::<u32>());
    Config {
        data_dir: PathBuf::from(format!("/var/tmp/barque-test-{unique}")),
        state_dir: PathBuf::from(format!("/run/barque-test-{unique}")),
        exe: std::env::current_exe().unwrap(),
        cgroup_root: format!("barque-test-{unique}"),
        log_max_bytes: 200_000,
        ..Config::default()
    }
}

/// Runs an async test in a fresh place.
pub fn with<F: Future<Output = ()>>(test: impl FnOnce(std::rc::Rc<Place>) -> F) {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    tokio.block_on(async {
        let config = config();
        let runtime = Runtime::open(config.clone()).await.unwrap();
        let netns = config.cgroup_root.clone();
        let place = std::rc::Rc::new(Place { config, runtime, netns, keep: false });
        tokio::time::timeout(Duration::from_secs(60), test(place)).await.expect("the test takes too long");
    });
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        let config = self.config.clone();
        let purge = move || {
            let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            tokio.block_on(Runtime::purge(&config))
        };
        let outcome = std::thread::spawn(purge).join();
        let _ = Command::new("ip").args(["netns", "del", &self.netns]).stderr(std::process::Stdio::null()).status();
        let _ = std::fs::remove_dir_all(&self.config.data_dir);
        let _ = std::fs::remove_dir_all(&self.config.state_dir);
        if !std::thread::panicking() {
            outcome.unwrap().unwrap();
        }
    }
}

impl Place {
    /// For a process that is to be killed: it removes nothing.
    pub fn around(config: Config, runtime: Runtime) -> Self {
        let netns = config.cgroup_root.clone();
        Self { config, runtime, netns, keep: true }
    }

    pub async fn busybox(&self) -> Image {
        let path = self.config.data_dir.join("busybox.tar");
        archive::write(&path, &archive::busybox(), IMAGE);
        self.runtime.images().import(&path, None).await.unwrap().remove(0)
    }

    pub fn pod_spec(&self, uid: &str) -> SandboxSpec {
        SandboxSpec {
            uid: uid.into(),
            namespace: "default".into(),
            name: "pod".into(),
            hostname: Some("pod-host".into()),
            netns: NetNs::Host,
            host_ipc: false,
            pid: PidMode::Container,
            cgroup: PodCgroup::default(),
            sysctls: Vec::new(),
            annotations: Default::default(),
        }
    }

    /// A network namespace with loopback up, as the network crate would make it.
    pub fn network(&self) -> NetNs {
        let run = |args: &[&str]| assert!(Command::new("ip").args(args).status().expect("ip").success());
        run(&["netns", "add", &self.netns]);
        run(&["-n", &self.netns, "link", "set", "lo", "up"]);
        NetNs::Path(PathBuf::from("/run/netns").join(&self.netns))
    }

    pub async fn pod(&self) -> Sandbox {
        self.runtime.sandbox(self.pod_spec("11111111-2222-3333-4444-555555555555")).await.unwrap()
    }

    pub fn container(&self, image: &Image, name: &str, script: &str) -> ContainerSpec {
        ContainerSpec {
            name: name.into(),
            image_id: image.id.clone(),
            image: IMAGE.into(),
            command: vec!["sh".into(), "-c".into(), script.into()],
            log_path: Some(self.config.data_dir.join("logs").join(name).join("0.log")),
            ..Default::default()
        }
    }

    pub fn log(&self, name: &str) -> Vec<String> {
        let path = self.config.data_dir.join("logs").join(name).join("0.log");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().map(|line| line.split_once(' ').map_or("", |(_, rest)| rest).to_string()).collect()
    }
}

/// Creates and starts.
pub async fn run(pod: &Sandbox, spec: ContainerSpec) -> ContainerKey {
    let key = pod.create_container(spec).await.unwrap();
    pod.start(&key).await.unwrap();
    key
}

/// Waits for a condition that another process brings about.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain for {what}");
}
