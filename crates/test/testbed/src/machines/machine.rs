//! One machine: its namespaces live as long as a process that does nothing but be its init.

use super::switch::{NETWORK, Switch};
use crate::run::{Output, run, wait_for};
use crate::{barque, tools};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Init of a machine: takes in orphans, as systemd does, and ends when told to.
const INIT: &str = "trap 'exit 0' TERM; while :; do sleep 86400 & wait $!; done";

/// What the machine sees in place of the real folders. A file system of its own below each: containers' layers cannot lie on
/// an overlay.
const SET_UP: &str = "\
set -e
mkdir -p $D/etc-up $D/etc-work $D/lib-up $D/lib-work $D/barque $D/etcd $D/log
mount -t overlay overlay -o lowerdir=/etc,upperdir=$D/etc-up,workdir=$D/etc-work /etc
mount -t overlay overlay -o lowerdir=/var/lib,upperdir=$D/lib-up,workdir=$D/lib-work /var/lib
mount -t tmpfs run /run
mkdir -p /etc/barque /var/lib/barque /var/lib/etcd
mount --bind $D/barque /var/lib/barque
mount --bind $D/etcd /var/lib/etcd
mount --bind $D/log /var/log
hostname $N
echo ready > $D/ready
";

/// Off, with all its processes, when dropped; its folders stay with the test's.
pub struct Machine {
    pub name: String,
    pub address: String,
    pub(super) folder: PathBuf,
    namespace: String,
    port: String,
    init: Option<Child>,
}

impl Machine {
    /// Makes it and turns it on. `number`: the last part of its address, 1..=250.
    pub fn new(switch: &Switch, folder: &Path, name: &str, number: u8) -> Self {
        let namespace = format!("barque-{name}-{}", std::process::id());
        let machine = Self {
            name: name.to_owned(),
            address: format!("{NETWORK}.{number}"),
            folder: folder.join(name),
            namespace,
            port: name.to_owned(),
            init: None,
        };
        run(Command::new("ip").args(["netns", "add", &machine.namespace])).expect_ok();
        switch.connect(&machine.port, &machine.namespace);
        let lines = [
            "link set lo up".to_owned(),
            format!("addr add {}/24 dev eth0", machine.address),
            "link set eth0 up".to_owned(),
            // To nowhere: what is not on the switch cannot be reached.
            format!("route add default via {NETWORK}.254"),
        ];
        for line in lines {
            run(Command::new("ip").args(["-n", &machine.namespace]).args(line.split(' '))).expect_ok();
        }
        let etc = machine.folder.join("etc-up/barque");
        std::fs::create_dir_all(&etc).expect("a folder");
        // Control groups are one tree for all machines here.
        let instance = format!("b{}{name}", std::process::id() % 10_000);
        std::fs::write(etc.join("config.yaml"), format!("instance: {instance}\n")).expect("a configuration file");
        let mut machine = machine;
        machine.turn_on();
        machine
    }

    /// Adds to its configuration file, read at the next start.
    pub fn configure(&self, text: &str) {
        let path = self.folder.join("etc-up/barque/config.yaml");
        let old = std::fs::read_to_string(&path).expect("it was written");
        std::fs::write(path, old + text).expect("a configuration file");
    }

    /// A file of its folder, seen from outside: `log/...` is its `/var/log`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// After a power cut: the same folders and network, no process.
    pub fn turn_on(&mut self) {
        let ready = self.folder.join("ready");
        _ = std::fs::remove_file(&ready);
        let script = format!("{SET_UP}{INIT}");
        // Not `ip netns exec`, which hides what is mounted below /sys.
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/netns/{}", self.namespace))
            .args(["--", "unshare", "--mount", "--uts", "--pid"]);
        command.args(["--fork", "--mount-proc", "--kill-child", "--", "bash", "-c", &script]);
        command.env("D", &self.folder).env("N", &self.name).stdin(Stdio::null());
        self.init = Some(command.spawn().expect("unshare starts"));
        wait_for("a machine is on", Duration::from_secs(10), || {
            if ready.exists() { Ok(()) } else { Err(format!("{} is not on", self.name)) }
        });
    }

    /// A power cut: every process of it is killed.
    pub fn cut_power(&mut self) {
        if let Some(mut init) = self.init.take() {
            // The parent of init: it takes the machine's init with it, and that takes all.
            if let Some(pid) = self.init_pid(&init) {
                run(Command::new("kill").args(["-KILL", &pid.to_string()]));
            }
            _ = init.kill();
            _ = init.wait();
        }
    }

    /// The machine's init as this machine sees it.
    fn init_pid(&self, outer: &Child) -> Option<u32> {
        let children = format!("/proc/{0}/task/{0}/children", outer.id());
        std::fs::read_to_string(children).ok()?.split_whitespace().next()?.parse().ok()
    }

    pub fn pid(&self) -> u32 {
        self.init.as_ref().and_then(|init| self.init_pid(init)).expect("the machine is on")
    }

    /// A program on the machine.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.pid().to_string(), "-m", "-u", "-n", "-p", "--"]).arg(program);
        command.env("HOME", "/root");
        command
    }

    pub fn run(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Output {
        run(self.command(program).args(arguments))
    }

    pub fn barque(&self, arguments: &[&str]) -> Output {
        self.run(barque(), arguments)
    }

    pub fn kubectl_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(tools::kubectl());
        command.args(arguments).env("KUBECONFIG", "/etc/barque/admin.conf");
        command
    }

    pub fn kubectl(&self, arguments: &[&str]) -> Output {
        run(&mut self.kubectl_command(arguments))
    }

    /// The end of its server's log, for failures.
    pub fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("barque/server.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        format!("{}:\n{}", self.name, lines[lines.len().saturating_sub(40)..].join("\n"))
    }

    /// Starts its server, as `init` and `join` do and systemd would at boot.
    pub fn serve(&self) {
        let log = std::fs::File::options().append(true).create(true).open(self.folder.join("barque/server.log"));
        let log = log.expect("a log file");
        let mut command = self.command("setsid");
        // Forked off: a child of the machine's init, not of ours.
        command.args(["--fork"]).arg(barque()).arg("server").stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a file")).stderr(log);
        assert!(command.status().expect("nsenter runs").success(), "the server of {} does not start", self.name);
    }

    /// Asks its server to end, and waits for that. What it runs (etcd, containers) goes on.
    pub fn stop_serving(&self) {
        let script = "pid=$(cat /run/barque/server.pid) && kill -TERM $pid && while kill -0 $pid; do sleep 0.05; done";
        // Its end is an error of the last `kill`, and of the first if there is none.
        self.run("timeout", &["30", "sh", "-c", script]);
    }

    /// Stops every process of it but init and those in containers: they do nothing until [`thaw`](Self::thaw).
    pub fn freeze(&self) {
        signal("STOP", &self.pids());
    }

    pub fn thaw(&self) {
        let inner = self.pids();
        signal("CONT", &inner);
        // The outer halves of `command` stopped themselves when their inner ones did.
        let outer = self.processes("pid_for_children").into_iter().filter(|pid| !inner.contains(pid));
        signal("CONT", &outer.collect::<Vec<_>>());
    }

    /// Its processes but init, containers' excepted, as this machine numbers them.
    pub fn pids(&self) -> Vec<u32> {
        self.processes("pid")
    }

    /// Those but init whose namespace of this type is the machine's.
    fn processes(&self, of: &str) -> Vec<u32> {
        let own = std::fs::read_link(format!("/proc/{}/ns/pid", self.pid())).expect("it is on");
        let all = std::fs::read_dir("/proc").expect("proc is mounted").flatten();
        let is_its = |pid: &u32| std::fs::read_link(format!("/proc/{pid}/ns/{of}")).is_ok_and(|of| of == own);
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| *pid != self.pid()).filter(is_its).collect()
    }

    /// Pulls or plugs its cable.
    pub fn set_cable(&self, switch: &Switch, plugged: bool) {
        switch.set_cable(&self.port, plugged);
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        if self.init.is_some() {
            self.stop_serving();
            let reset = self.barque(&["reset", "--yes"]);
            if !reset.ok {
                eprintln!("barque reset failed on {}: {reset}", self.name);
            }
        }
        self.cut_power();
        run(Command::new("ip").args(["netns", "del", &self.namespace]));
    }
}

/// A process may have ended meanwhile.
fn signal(name: &str, pids: &[u32]) {
    run(Command::new("kill").arg(format!("-{name}")).args(pids.iter().map(u32::to_string)));
}
