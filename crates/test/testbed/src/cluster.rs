//! A cluster of one machine: the real binary on a [`Host`], its folders, its kubectl.

use crate::folder::Folder;
use crate::host::Host;
use crate::images::Image;
use crate::registry::Registry;
use crate::run::{Output, run, run_with_input, wait_for};
use crate::{barque, example, tools};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

/// How long a state may take before a test gives up. Far above the usual: unoptimised builds on busy machines take
/// minutes to unpack an image.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Ends with everything it made when dropped.
pub struct Cluster {
    server: Option<Child>,
    /// The stand-in for docker.io, where a test asked for one.
    pub registry: Option<Registry>,
    kubectl: PathBuf,
    folder: Folder,
    pub host: Host,
}

impl Cluster {
    /// Starts a server and waits until its node is Ready.
    pub fn start(name: &str) -> Self {
        Self::start_with(name, "")
    }

    /// `config` is added to the configuration file.
    pub fn start_with(name: &str, config: &str) -> Self {
        let mut cluster = Self::prepare(name, config);
        cluster.serve();
        cluster.wait_ready();
        cluster
    }

    /// With a registry on the host's loopback that serves these images as docker.io, and his flexVolume driver.
    pub fn start_with_images(name: &str, images: &[Image]) -> Self {
        let mut cluster = Self::prepare(name, &Registry::as_mirror());
        let registry = Registry::start(&cluster.host, cluster.folder());
        for image in images {
            registry.push(&cluster.host, &image.recipe.reference(), image.name);
        }
        cluster.registry = Some(registry);
        cluster.install_rook();
        cluster.serve();
        cluster.wait_ready();
        cluster
    }

    /// A host with a configuration file and no server yet.
    pub fn prepare(name: &str, config: &str) -> Self {
        let host = Host::new(name);
        let folder = Folder::new(name);
        let place = folder.path().display();
        let instance = format!("bq{}", std::process::id() % 100_000);
        let text = format!(
            "dataDir: {place}/data\nrunDir: {place}/run\nconfigDir: {place}/etc\ninstance: {instance}\nnodeName: node1\n\
             flexVolumeDirs: [{place}/flex]\n{config}"
        );
        std::fs::write(folder.path().join("config.yaml"), text).expect("a configuration file");
        Self { host, folder, server: None, registry: None, kubectl: tools::kubectl() }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.server.as_ref().map_or(0, Child::id)
    }

    /// Starts the server's process; its log is `server.log`.
    pub fn serve(&mut self) {
        let log =
            File::options().append(true).create(true).open(self.folder.path().join("server.log")).expect("a log file");
        let mut command = self.barque_command(&["server"]);
        command.stdout(log.try_clone().expect("a log file")).stderr(log);
        self.server = Some(command.spawn().expect("barque starts"));
    }

    pub fn wait_ready(&self) {
        wait_for("Ready", PATIENCE, || {
            let nodes = self.kubectl(&["get", "nodes", "--no-headers"]);
            if nodes.ok && nodes.stdout.contains(" Ready ") { Ok(()) } else { Err(format!("{nodes}\n{}", self.log())) }
        });
    }

    /// kill -9 of the server, nothing else; its containers go on.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().expect("the server is ours");
            server.wait().expect("the server is ours");
        }
    }

    pub fn restart(&mut self) {
        self.kill();
        self.serve();
        self.wait_ready();
    }

    /// The end of the server's log, for failures.
    pub fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    pub fn barque_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.host.command(barque());
        command.arg("--config").arg(self.folder.path().join("config.yaml")).args(arguments);
        command
    }

    pub fn barque(&self, arguments: &[&str]) -> Output {
        run(&mut self.barque_command(arguments))
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("etc/admin.conf")
    }

    /// Which kubectl the calls after this one use; the current one at first.
    pub fn use_kubectl(&mut self, program: PathBuf) {
        self.kubectl = program;
    }

    pub fn kubectl_program(&self) -> &Path {
        &self.kubectl
    }

    pub fn kubectl_command(&self, arguments: &[&str]) -> Command {
        self.client(&self.kubectl, arguments)
    }

    /// Any client program inside the host, with the kubeconfig set.
    pub fn client(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = self.host.command(program);
        command.args(arguments).env("KUBECONFIG", self.kubeconfig()).env("HOME", self.folder.path());
        command
    }

    pub fn kubectl(&self, arguments: &[&str]) -> Output {
        run(&mut self.kubectl_command(arguments))
    }

    /// `kubectl apply -f` of files of the examples folder.
    pub fn apply_examples(&self, names: &[&str]) -> Output {
        let mut command = self.kubectl_command(&["apply"]);
        for name in names {
            command.arg("-f").arg(example(name));
        }
        run(&mut command)
    }

    /// `kubectl apply -f -`
    pub fn apply(&self, manifest: &str) -> Output {
        run_with_input(&mut self.kubectl_command(&["apply", "-f", "-"]), manifest)
    }

    /// A value by `kubectl get -o jsonpath`; empty where there is none.
    pub fn jsonpath(&self, what: &[&str], path: &str) -> String {
        let output = format!("jsonpath={path}");
        let arguments: Vec<&str> = ["get"].into_iter().chain(what.iter().copied()).chain(["-o", &output]).collect();
        self.kubectl(&arguments).stdout
    }

    /// Waits until a `kubectl get` prints what is wanted.
    #[track_caller]
    pub fn wait_jsonpath(&self, what: &[&str], path: &str, wanted: &str) {
        wait_for(&format!("{wanted:?} at {path} of {what:?}"), PATIENCE, || {
            let found = self.jsonpath(what, path);
            if found == wanted { Ok(()) } else { Err(format!("{found:?}\n{}", self.explain())) }
        });
    }

    /// What a person would look at first.
    pub fn explain(&self) -> String {
        let pods = self.kubectl(&["get", "pods", "-A", "-o", "wide"]);
        let events = self.kubectl(&["get", "events", "-A"]);
        format!("{pods}\n{events}\n{}", self.log())
    }

    /// `curl` inside the host.
    pub fn curl(&self, arguments: &[&str]) -> Output {
        run(self.host.command("curl").args(["--silent", "--show-error", "--max-time", "60"]).args(arguments))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
        let reset = self.barque(&["reset", "--yes"]);
        if !reset.ok {
            eprintln!("barque reset failed: {reset}");
        }
        if std::thread::panicking() {
            eprintln!("the server's log ended with:\n{}", self.log());
        }
    }
}
