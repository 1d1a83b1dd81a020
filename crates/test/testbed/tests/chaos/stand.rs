//! Three masters, two workers, and on the workers pods that echo behind a Service.

use std::time::Duration;
use testbed::images::BUSYBOX;
use testbed::{Folder, Machine, Switch, example, machines, wait_for};

pub const MASTERS: usize = 3;
const NAMES: [&str; 5] = ["m1", "m2", "m3", "w1", "w2"];
pub const NAMESPACES: usize = 20;
/// How long a machine may take until all of it works again.
const PATIENCE: Duration = Duration::from_secs(90);

const ECHO: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo}
spec:
  replicas: 2
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
            - matchExpressions: [{key: node-role.kubernetes.io/control-plane, operator: DoesNotExist}]
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - labelSelector: {matchLabels: {app: echo}}
            topologyKey: kubernetes.io/hostname
      containers:
      - name: c
        image: busybox
        imagePullPolicy: Never
        command: [nc, -ll, -p, '7', -e, cat]
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec:
  selector: {app: echo}
  ports: [{port: 7}]
";

/// Machines before the folder: they are dropped first.
pub struct Stand {
    pub machines: Vec<Machine>,
    pub switch: Switch,
    pub folder: Folder,
}

impl Stand {
    pub fn new() -> Self {
        let folder = Folder::new("chaos");
        let switch = Switch::new("chaos");
        let machine = |(name, number): (&&str, u8)| Machine::new(&switch, folder.path(), name, number);
        let machines: Vec<Machine> = NAMES.iter().zip(1..).map(machine).collect();
        machines::form(&machines, MASTERS, &example("seed/kubeadm-config.yaml"));
        let stand = Self { machines, switch, folder };
        let kubeconfig = stand.machines[0].run("cat", &["/etc/barque/admin.conf"]).expect_ok();
        std::fs::write(stand.folder.path().join("admin.conf"), kubeconfig).expect("a file of the test");
        let archive = BUSYBOX.archive();
        for worker in &stand.machines[MASTERS..] {
            worker.barque(&["image", "import", archive.to_str().expect("UTF-8"), "--tag", "busybox"]).expect_ok();
        }
        stand.apply("echo", ECHO);
        let namespaces = (0..NAMESPACES)
            .map(|number| format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: load-{number}}}\n"));
        stand.apply("namespaces", &namespaces.collect::<String>());
        let timeout = format!("--timeout={}s", PATIENCE.as_secs());
        let waited = stand.machines[0].kubectl(&["rollout", "status", "deployment/echo", &timeout]);
        assert!(waited.ok, "{waited}\n{}", stand.machines[0].kubectl(&["describe", "pods"]));
        for master in 0..MASTERS {
            stand.wait_whole(master);
        }
        stand
    }

    /// Applies a manifest from a file of this name.
    pub fn apply(&self, name: &str, manifest: &str) {
        let file = self.folder.path().join(format!("{name}.yaml"));
        std::fs::write(&file, manifest).expect("a file of the test");
        self.machines[0].kubectl(&["apply", "-f", file.to_str().expect("UTF-8")]).expect_ok();
    }

    /// What must not change: each pod's container, and how often it was started.
    pub fn pods(&self) -> Vec<String> {
        let columns = "custom-columns=N:.metadata.name,U:.metadata.uid,C:.status.containerStatuses[*].containerID,\
                       R:.status.containerStatuses[*].restartCount,S:.status.phase";
        let shown =
            self.machines[0].kubectl(&["get", "pods", "--no-headers", "--sort-by=.metadata.name", "-o", columns]);
        shown.expect_ok().lines().map(str::to_owned).collect()
    }

    pub fn service(&self) -> String {
        let ip = self.machines[0].kubectl(&["get", "service", "echo", "-o", "jsonpath={.spec.clusterIP}"]).expect_ok();
        format!("{}:7", ip.trim())
    }

    /// The master whose etcd leads.
    pub fn leader(&self) -> usize {
        wait_for("etcd has a leader", PATIENCE, || {
            let leads = |machine: &Machine| {
                let metrics = machine.run("curl", &["-s", "-m", "2", "http://127.0.0.1:2381/metrics"]).stdout;
                metrics.lines().any(|line| line == "etcd_server_is_leader 1")
            };
            self.machines[..MASTERS].iter().position(leads).ok_or_else(|| "no member says that it leads".to_owned())
        })
    }

    /// Waits until this master's own API server is ready and its own member of etcd follows.
    pub fn wait_whole(&self, master: usize) {
        let machine = &self.machines[master];
        let server = format!("https://{}:6443", machine.address);
        wait_for("a master works", PATIENCE, || {
            let ready = machine.kubectl(&["--server", &server, "--request-timeout=3s", "get", "--raw", "/readyz"]);
            let member = machine.run("curl", &["-s", "-m", "2", "http://127.0.0.1:2381/health"]);
            match ready.stdout == "ok" && member.stdout.contains("\"health\":\"true\"") {
                true => Ok(()),
                false => Err(format!("{}: {ready} {member}\n{}", machine.name, machine.log())),
            }
        });
    }
}
