//! A single server becomes the first master of several: nothing is lost, pods do not notice, and others join.

use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Child;
use std::time::Duration;
use testbed::images::BUSYBOX;
use testbed::{Folder, Machine, Switch, barque, join_line, machines, wait_for};

const PATIENCE: Duration = Duration::from_secs(90);
const OBJECTS: usize = 300;

const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: runs}
spec:
  containers:
  - name: c
    image: busybox
    imagePullPolicy: Never
    command: [sh, -c, 'exec sleep 100000']
";

/// As somebody runs it who has no systemd.
fn start(machine: &Machine) -> Child {
    let log = std::fs::File::create(machine.file("server.out")).expect("a log");
    let child = machine.command(barque()).arg("server").stderr(log).spawn().expect("nsenter starts");
    wait_for("an API", PATIENCE, || {
        let answer = machine.kubectl(&["get", "--raw=/readyz"]);
        if answer.ok { Ok(()) } else { Err(answer.to_string()) }
    });
    child
}

fn fill(machine: &Machine, folder: &Folder) {
    let archive = BUSYBOX.archive();
    machine.barque(&["image", "import", archive.to_str().expect("UTF-8"), "--tag", "busybox"]).expect_ok();
    let apply = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("a file of the test");
        machine.kubectl(&["apply", "-f", file.to_str().expect("UTF-8")]).expect_ok();
    };
    let one = |number: usize| {
        format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{number}}}\ndata: {{a: \"{number}\"}}\n")
    };
    // From the last to the first: the order of the changes is not that of the names.
    apply("many.yaml", &(0..OBJECTS).rev().map(one).collect::<String>());
    apply("pod.yaml", POD);
    machine.kubectl(&["create", "secret", "generic", "hidden", "--from-literal=a=treasure"]).expect_ok();
    machine.kubectl(&["create", "service", "clusterip", "web", "--tcp=80"]).expect_ok();
    machine.kubectl(&["wait", "--for=condition=Ready", "pod/runs", "--timeout=60s"]).expect_ok();
}

/// What must be the same before and after, of each object; and their names by the revision of the last change.
fn seen(machine: &Machine) -> (BTreeMap<String, String>, Vec<String>) {
    let mut all = BTreeMap::new();
    let mut order = Vec::new();
    for of in ["configmaps", "secrets", "services", "serviceaccounts", "pods", "clusterroles", "nodes"] {
        let listed = machine.kubectl(&["get", of, "-A", "-o", "json"]).expect_ok();
        let listed: Value = serde_json::from_str(&listed).expect("JSON");
        for object in listed["items"].as_array().into_iter().flatten() {
            let head = &object["metadata"];
            let name = format!("{of} {} {}", head["namespace"].as_str().unwrap_or_default(), head["name"]);
            let facts = [&head["uid"], &head["creationTimestamp"], &object["data"], &object["spec"]["clusterIP"]];
            let facts = facts.map(Value::to_string).join(" ");
            all.insert(name.clone(), facts);
            let revision: u64 = head["resourceVersion"].as_str().and_then(|text| text.parse().ok()).expect("a number");
            order.push((revision, name));
        }
    }
    order.sort();
    (all, order.into_iter().map(|(_, name)| name).collect())
}

/// The objects that nobody has a reason to change meanwhile.
fn quiet(order: &[String]) -> Vec<&String> {
    let is_quiet = |name: &&String| name.starts_with("configmaps default \"c") || name.contains("hidden");
    order.iter().filter(is_quiet).collect()
}

fn container(machine: &Machine) -> String {
    let path = "jsonpath={.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount} \
                {.status.podIP}";
    machine.kubectl(&["get", "pod", "runs", "-o", path]).expect_ok()
}

fn revision(machine: &Machine) -> u64 {
    let listed = machine.kubectl(&["get", "--raw", "/api/v1/namespaces/default/configmaps?limit=1"]).expect_ok();
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    listed["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).expect("a number")
}

fn migrated(machine: &Machine, folder: &Folder) {
    let mut server = start(machine);
    fill(machine, folder);
    let (before, order) = seen(machine);
    let (ran, old) = (container(machine), revision(machine));
    let sleeps = machine.run("pgrep", &["-f", "sleep 100000"]).expect_ok();

    // Killed at any time it begins anew, and the machine is what it was.
    let mut first = machine.command(barque()).arg("migrate").spawn().expect("nsenter starts");
    wait_for("the copy has begun", PATIENCE, || {
        let marked = machine.run("test", &["-d", "/var/lib/barque/etcd/member"]);
        if marked.ok { Ok(()) } else { Err("no data of etcd".to_owned()) }
    });
    machine.run("pkill", &["-KILL", "-f", "barque migrate"]);
    first.wait().expect("a child of ours");
    server.wait().expect("a child of ours");
    machine.run("test", &["-e", "/etc/barque/cluster.yaml"]).expect_failure();
    let mut server = start(machine);
    assert_eq!(seen(machine).0.len(), before.len());

    let refused = machine.barque(&["migrate", "--service-cidr", "10.1.0.0/16"]).expect_failure();
    assert!(refused.contains("the range of Services is 10.96.0.0/12 in this cluster"), "{refused}");
    let printed = machine.barque(&["migrate"]).expect_ok();
    server.wait().expect("a child of ours");
    println!("{printed}");
    assert!(printed.contains("objects are there, and the same"), "{printed}");

    let (after, new_order) = seen(machine);
    let lost: Vec<_> = before.iter().filter(|(name, facts)| after.get(*name) != Some(facts)).collect();
    // The API server notes there who it is, and for masters that it is several.
    let expected =
        |name: &str| name.contains("kube-system") || name.contains("kube-public") || name.starts_with("nodes");
    let lost: Vec<_> = lost.into_iter().filter(|(name, _)| !expected(name)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert_eq!(quiet(&order), quiet(&new_order));
    assert!(revision(machine) > old, "{} {old}", revision(machine));
    assert_eq!(container(machine), ran);
    assert_eq!(machine.run("pgrep", &["-f", "sleep 100000"]).expect_ok(), sleeps, "the same process");
    let path = format!("/api/v1/namespaces/default/configmaps?watch=1&resourceVersion={old}&timeoutSeconds=2");
    let watched = machine.kubectl(&["get", "--raw", &path]).to_string();
    assert!(watched.contains("410") || watched.contains("too old resource version"), "{watched}");
    let again = machine.barque(&["migrate"]).expect_failure();
    assert!(again.contains("in etcd already"), "{again}");
}

#[test]
fn a_single_server_becomes_the_first_master() {
    let folder = Folder::new("migr");
    let switch = Switch::new("migr");
    let [a, b] = [("a1", 1), ("b1", 2)].map(|(name, n)| Machine::new(&switch, folder.path(), name, n));
    migrated(&a, &folder);
    let line = join_line(&a.barque(&["token", "create", "--control-plane"]).expect_ok(), true);
    b.join(&line);
    wait_for("two nodes", PATIENCE, || machines::ready_nodes(&b, 2));
    assert_eq!(b.kubectl(&["get", "secret", "hidden", "-o", "jsonpath={.data.a}"]).expect_ok(), "dHJlYXN1cmU=");
    let others = b.kubectl(&["get", "configmaps", "-o", "name"]).expect_ok();
    assert!(others.lines().count() > OBJECTS, "{others}");
    // Both count their revisions from the same base.
    assert!(revision(&b) > OBJECTS as u64 && revision(&b).abs_diff(revision(&a)) < 100);
    // The pod is reached by exec from the other master.
    assert_eq!(b.kubectl(&["exec", "runs", "--", "echo", "well"]).expect_ok(), "well\n");
}
