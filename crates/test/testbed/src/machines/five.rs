//! Three masters and two workers, formed as a person would: by his kubeadm file and the lines that `init` prints.

use super::{Machine, Switch, form, ready_nodes};
use crate::example;
use crate::folder::Folder;
use crate::run::{Output, run_with_input, wait_for};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Gone, with all its machines, when dropped.
pub struct Five {
    /// m1, m2, m3, w1, w2.
    pub machines: Vec<Machine>,
    pub switch: Switch,
    folder: Folder,
    /// When `init` was started.
    pub began: Instant,
}

impl Five {
    /// Waits until all five are Ready.
    pub fn form(name: &str) -> Self {
        let folder = Folder::new(name);
        let switch = Switch::new(name);
        let names = ["m1", "m2", "m3", "w1", "w2"];
        let machines: Vec<_> =
            names.iter().zip(1..).map(|(name, n)| Machine::new(&switch, folder.path(), name, n)).collect();
        let five = Self { machines, switch, folder, began: Instant::now() };
        form(&five.machines, 3, &example("seed/kubeadm-config.yaml"));
        five.wait_ready(5);
        five
    }

    pub fn machine(&self, name: &str) -> &Machine {
        self.machines.iter().find(|machine| machine.name == name).expect("there is one of this name")
    }

    /// A `barque` command on a machine, which must succeed.
    #[track_caller]
    pub fn expect(&self, name: &str, arguments: &[&str]) -> String {
        let machine = self.machine(name);
        let done = machine.barque(arguments);
        assert!(done.ok, "{name}: {done}\n{}", machine.log());
        done.stdout
    }

    /// On the second master.
    pub fn kubectl(&self, arguments: &[&str]) -> Output {
        self.machine("m2").kubectl(arguments)
    }

    #[track_caller]
    pub fn wait_ready(&self, count: usize) {
        wait_for("Ready nodes", Duration::from_secs(90), || ready_nodes(self.machine("m2"), count));
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The administrator's kubeconfig, as a file that any machine sees; it names the door of whoever reads it.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder().join("m1/etc-up/barque/admin.conf")
    }

    /// An image on every machine, by this name.
    pub fn import(&self, archive: &Path, name: &str) {
        let archive = archive.to_str().expect("a path in UTF-8");
        for machine in &self.machines {
            self.expect(&machine.name, &["image", "import", archive, "--tag", name]);
        }
    }

    /// `kubectl apply -f -`
    pub fn apply(&self, manifest: &str) {
        let mut command = self.machine("m2").kubectl_command(&["apply", "-f", "-"]);
        run_with_input(&mut command, manifest).expect_ok();
    }
}
