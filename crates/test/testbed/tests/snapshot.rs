//! A cluster in a file, and the same cluster from it on an empty machine: of a single server, and of a master with etcd.

use std::path::Path;
use std::process::Child;
use std::time::Duration;
use testbed::{Folder, Machine, Switch, barque, join_line, wait_for};

const PATIENCE: Duration = Duration::from_secs(90);
const OFTEN: &str = "snapshotInterval: 1s\nsnapshotRetention: 2\n";
const FILE: &str = "/var/log/one.tar";

/// A server that is stopped before its machine is reset.
struct Server<'a>(&'a Machine, Child);

impl<'a> Server<'a> {
    fn start(machine: &'a Machine) -> Self {
        let log = std::fs::File::create(machine.file("server.out")).expect("a log");
        let mut command = machine.command(barque());
        let child = command.arg("server").stderr(log).spawn().expect("nsenter starts");
        let server = Self(machine, child);
        wait_for("an API", PATIENCE, || {
            let answer = machine.kubectl(&["get", "--raw=/readyz"]);
            if answer.ok { Ok(()) } else { Err(answer.to_string()) }
        });
        server
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        self.0.run("sh", &["-c", "kill $(cat /run/barque/server.pid)"]);
        _ = self.1.wait();
    }
}

fn fill(machine: &Machine) {
    machine.kubectl(&["create", "secret", "generic", "hidden", "--from-literal=a=treasure"]).expect_ok();
    machine.kubectl(&["create", "configmap", "kept", "--from-literal=a=1"]).expect_ok();
    let said = machine.barque(&["snapshot", "save", FILE]).expect_ok();
    assert!(said.contains(FILE) && said.contains("keys"), "{said}");
    machine.kubectl(&["create", "configmap", "late"]).expect_ok();
    let again = machine.barque(&["snapshot", "save", FILE]).expect_failure();
    assert!(again.contains("is there already"), "{again}");
    machine.barque(&["snapshot", "save"]).expect_ok();
    let listed = machine.barque(&["snapshot", "list"]).expect_ok();
    assert!(listed.contains("/var/lib/barque/snapshots/snapshot-a1-"), "{listed}");
    let refused = machine.barque(&["snapshot", "restore", FILE]).expect_failure();
    assert!(refused.contains("a server runs here"), "{refused}");
}

fn carry(from: &Machine, to: &Machine) {
    let name = Path::new(FILE).file_name().expect("it has one").to_string_lossy().into_owned();
    std::fs::copy(from.file(&format!("log/{name}")), to.file(&format!("log/{name}"))).expect("a copy");
}

fn is_restored(machine: &Machine) {
    let secret = machine.kubectl(&["get", "secret", "hidden", "-o", "jsonpath={.data.a}"]).expect_ok();
    assert_eq!(secret, "dHJlYXN1cmU=");
    machine.kubectl(&["get", "configmap", "kept"]).expect_ok();
    machine.kubectl(&["get", "configmap", "late"]).expect_failure();
    machine.kubectl(&["create", "configmap", "later"]).expect_ok();
}

/// The names of those that were made by time.
fn scheduled(machine: &Machine) -> Vec<String> {
    let listed = machine.run("ls", &["/var/lib/barque/snapshots"]).stdout;
    let names = listed.lines().filter(|name| name.starts_with("scheduled-") && name.ends_with(".tar"));
    names.map(str::to_owned).collect()
}

/// Two are kept, those asked for too; and one of them makes a cluster.
fn are_made_by_time(machine: &Machine) {
    let full = |what: &str, not: &[String]| {
        wait_for(what, PATIENCE, || {
            let names = scheduled(machine);
            let is_new = names.len() == 2 && names.iter().all(|name| !not.contains(name));
            if is_new { Ok(names) } else { Err(format!("{names:?}\n{}", machine.log())) }
        })
    };
    let first = full("two snapshots", &[]);
    full("two others in their place", &first);
    let listed = machine.barque(&["snapshot", "list"]).expect_ok();
    assert!(listed.contains("/var/lib/barque/snapshots/snapshot-a1-"), "{listed}");
}

#[test]
fn of_a_single_server() {
    let folder = Folder::new("snp1");
    let switch = Switch::new("snp1");
    let [a, b] = [("a1", 1), ("b1", 2)].map(|(name, n)| Machine::new(&switch, folder.path(), name, n));
    a.configure(OFTEN);
    let server = Server::start(&a);
    fill(&a);
    are_made_by_time(&a);
    drop(server);
    carry(&a, &b);
    let refused = a.barque(&["snapshot", "restore", FILE]).expect_failure();
    assert!(refused.contains("barque reset"), "{refused}");
    b.barque(&["snapshot", "restore", FILE]).expect_ok();
    let _server = Server::start(&b);
    is_restored(&b);
}

#[test]
fn of_a_master_with_etcd() {
    let folder = Folder::new("snp2");
    let switch = Switch::new("snp2");
    let [a, b, c] = [("a1", 1), ("b1", 2), ("c1", 3)].map(|(name, n)| Machine::new(&switch, folder.path(), name, n));
    a.configure(OFTEN);
    a.barque(&["init"]).expect_ok();
    fill(&a);
    are_made_by_time(&a);
    let certificates = a.barque(&["certs"]).expect_ok();
    assert!(certificates.contains("etcd/server") && certificates.contains("apiserver "), "{certificates}");
    println!("{certificates}");
    carry(&a, &b);
    a.reset();
    b.barque(&["snapshot", "restore", FILE]).expect_ok();
    let _server = Server::start(&b);
    is_restored(&b);
    let printed = b.barque(&["token", "create", "--control-plane"]).expect_ok();
    wait_for("a further master", PATIENCE, || {
        let line = join_line(&printed, true);
        let joined = c.barque(&line.iter().map(String::as_str).collect::<Vec<_>>());
        if joined.ok { Ok(()) } else { Err(joined.to_string()) }
    });
    c.kubectl(&["get", "configmap", "later"]).expect_ok();
}
