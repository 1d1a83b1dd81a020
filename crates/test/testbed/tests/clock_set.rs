//! The clock is set two years ahead: while the server runs, and for one that starts then. Nothing breaks.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;
use testbed::images::BUSYBOX;
use testbed::run::{Output, run};
use testbed::{Folder, Machine, Switch, barque, wait_for};

/// The server looks at the clock once a minute, and what follows takes its time.
const PATIENCE: Duration = Duration::from_secs(150);
const AHEAD: &str = "+730d";

const OBJECTS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: runs}
spec:
  containers:
  - {name: c, image: busybox, imagePullPolicy: Never, command: [sleep, '1000000']}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: '0 3 * * *'
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: c, image: busybox, imagePullPolicy: Never, command: ['true']}]
";

/// A machine whose programs read the time of day from a file. What runs by intervals, and the kernel, do not notice.
struct Stand {
    machine: Machine,
    _switch: Switch,
    folder: Folder,
}

impl Stand {
    fn new() -> Self {
        let folder = Folder::new("clock");
        let switch = Switch::new("clock");
        let machine = Machine::new(&switch, folder.path(), "a1", 1);
        let stand = Self { machine, _switch: switch, folder };
        stand.set_clock("+0");
        stand
    }

    fn clock(&self) -> PathBuf {
        self.folder.path().join("clock")
    }

    fn set_clock(&self, offset: &str) {
        // Replaced whole: it is read all the time.
        let new = self.folder.path().join("clock.new");
        std::fs::write(&new, format!("{offset}\n")).expect("a file of the test");
        std::fs::rename(new, self.clock()).expect("a file of the test");
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let library = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"]
            .map(|folder| Path::new(folder).join("faketime/libfaketimeMT.so.1"));
        let library = library.iter().find(|path| path.exists()).expect("libfaketime is installed: cargo xtask setup");
        let mut command = self.machine.command(program);
        command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", self.clock()).env("FAKETIME_NO_CACHE", "1");
        command.env("DONT_FAKE_MONOTONIC", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command
    }

    fn start(&self) -> Child {
        let log = std::fs::File::options().append(true).create(true).open(self.machine.file("server.out"));
        let mut command = self.command(barque());
        let child = command.arg("server").stderr(log.expect("a log")).spawn().expect("nsenter starts");
        wait_for("an API", PATIENCE, || {
            let answer = self.kubectl(&["get", "--raw=/readyz"]);
            if answer.ok { Ok(()) } else { Err(format!("{answer}\n{}", self.log())) }
        });
        child
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.machine.file("server.out")).unwrap_or_default()
    }

    /// Its clock is the real one, so that it would not believe a certificate of the time after.
    fn kubectl(&self, arguments: &[&str]) -> Output {
        self.machine.kubectl(&[&["--insecure-skip-tls-verify"], arguments].concat())
    }

    /// The API as a client sees it whose clock is ahead, too: it verifies the server, the server it.
    fn curl(&self) -> Output {
        let pki = "/etc/barque/pki";
        let mut command = self.command("curl");
        command.args(["-sS", "-m", "5", "--cacert", &format!("{pki}/ca.crt")]);
        command.args(["--cert", &format!("{pki}/admin.crt"), "--key", &format!("{pki}/admin.key")]);
        command.arg("https://10.0.42.1:6443/api/v1/nodes/a1");
        run(&mut command)
    }

    fn is_well(&self) {
        wait_for("the API for a client of that time", PATIENCE, || {
            let answer = self.curl();
            let node: Value = serde_json::from_str(&answer.stdout).unwrap_or_default();
            let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
            let is_ready = |of: &&Value| of["type"] == "Ready" && of["status"] == "True";
            let tainted = node["spec"]["taints"].is_array();
            match conditions.into_iter().find(is_ready) {
                Some(_) if !tainted => Ok(()),
                _ => Err(format!("{answer}\n{}", self.log())),
            }
        });
    }

    fn pod(&self) -> String {
        let path = "jsonpath={.metadata.uid} {.status.containerStatuses[0].containerID} \
                    {.status.containerStatuses[0].restartCount}";
        self.kubectl(&["get", "pod", "runs", "-o", path]).expect_ok()
    }

    /// When the token in the pod ends, in seconds.
    fn token_ends(&self) -> u64 {
        let path = "/var/run/secrets/kubernetes.io/serviceaccount/token";
        let token = self.kubectl(&["exec", "runs", "--", "cat", path]).expect_ok();
        let claims = token.split('.').nth(1).expect("a token has three parts").to_owned();
        let decode = format!("printf %s {claims} | tr -- '-_' '+/' | base64 -d 2>/dev/null");
        let claims = self.machine.run("sh", &["-c", &decode]).stdout;
        let claims: Value = serde_json::from_str(&claims).expect("claims");
        claims["exp"].as_u64().expect("a time")
    }
}

#[test]
fn two_years_ahead() {
    let stand = Stand::new();
    let mut server = stand.start();
    let archive = BUSYBOX.archive();
    stand.machine.barque(&["image", "import", archive.to_str().expect("UTF-8"), "--tag", "busybox"]).expect_ok();
    let file = stand.folder.path().join("objects.yaml");
    std::fs::write(&file, OBJECTS).expect("a file of the test");
    stand.kubectl(&["apply", "-f", file.to_str().expect("UTF-8")]).expect_ok();
    stand.kubectl(&["wait", "--for=condition=Ready", "pod/runs", "--timeout=60s"]).expect_ok();
    let (pod, token) = (stand.pod(), stand.token_ends());
    stand.is_well();

    stand.set_clock(AHEAD);
    stand.is_well();
    let year = 365 * 24 * 3600;
    wait_for("a token of the time", PATIENCE, || {
        let ends = stand.token_ends();
        if ends > token + year { Ok(()) } else { Err(format!("it ends at {ends}, as {token}")) }
    });
    assert_eq!(stand.pod(), pod, "neither replaced nor restarted");
    let jobs = stand.kubectl(&["get", "jobs", "--no-headers"]).expect_ok();
    assert!(jobs.lines().count() <= 1, "seven hundred nights are not made up for: {jobs}");
    let listed = run(stand.command(barque()).arg("certs")).expect_ok();
    println!("{listed}");
    assert!(!listed.contains("expired"), "{listed}");

    // One that starts then, from the keys of two years before.
    stand.machine.run("sh", &["-c", "kill $(cat /run/barque/server.pid)"]).expect_ok();
    server.wait().expect("a child of ours");
    stand.set_clock("+1460d");
    let mut server = stand.start();
    stand.is_well();
    assert_eq!(stand.pod(), pod);
    stand.machine.run("sh", &["-c", "kill $(cat /run/barque/server.pid)"]).expect_ok();
    server.wait().expect("a child of ours");
}
