//! A master gets another address: of three, and the only one.

use std::time::Duration;
use testbed::images::BUSYBOX;
use testbed::{Folder, Machine, Switch, example, join_line, machines, wait_for};

const PATIENCE: Duration = Duration::from_secs(90);

/// An echo on one node.
fn pod(name: &str, node: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  nodeName: {node}\n  containers:\n  - {{name: c, \
         image: busybox, imagePullPolicy: Never, command: [nc, -ll, -p, '7', -e, cat]}}\n"
    )
}

/// As if its cable were in another network, and back by the same switch.
fn move_to(machine: &mut Machine, number: u8) -> String {
    let new = format!("10.0.42.{number}");
    let script = format!(
        "set -e; ip addr del {}/24 dev eth0; ip addr add {new}/24 dev eth0; ip route replace default via 10.0.42.254",
        machine.address
    );
    machine.run("sh", &["-c", &script]).expect_ok();
    let printed = machine.barque(&["address"]).expect_ok();
    println!("{printed}");
    assert!(printed.contains(&format!("{new} instead of {}", machine.address)), "{printed}");
    std::mem::replace(&mut machine.address, new)
}

fn apply(machine: &Machine, folder: &Folder, text: &str) {
    let file = folder.path().join("objects.yaml");
    std::fs::write(&file, text).expect("a file of the test");
    machine.kubectl(&["apply", "-f", file.to_str().expect("UTF-8")]).expect_ok();
}

fn pod_ip(machine: &Machine, name: &str) -> String {
    machine.kubectl(&["get", "pod", name, "-o", "jsonpath={.status.podIP}"]).expect_ok()
}

/// A word there and back.
fn echoes(machine: &Machine, from: &str, to: &str) {
    let say = format!("echo well | nc -w 3 {to} 7");
    wait_for("an echo", PATIENCE, || {
        let said = machine.kubectl(&["exec", from, "--", "sh", "-c", &say]);
        if said.stdout == "well\n" { Ok(()) } else { Err(format!("{from} to {to}: {said}")) }
    });
}

fn started(machine: &Machine, pod: &str) -> String {
    let path = "jsonpath={.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}";
    machine.kubectl(&["get", "pod", pod, "-o", path]).expect_ok()
}

#[test]
fn one_of_three_masters_moves() {
    let folder = Folder::new("addr");
    let switch = Switch::new("addr");
    let mut machines: Vec<Machine> =
        (1..=3).map(|number| Machine::new(&switch, folder.path(), &format!("m{number}"), number)).collect();
    machines::form(&machines, 3, &example("seed/kubeadm-config.yaml"));
    let archive = BUSYBOX.archive();
    for machine in &machines {
        machine.barque(&["image", "import", archive.to_str().expect("UTF-8"), "--tag", "busybox"]).expect_ok();
    }
    apply(&machines[0], &folder, &(pod("there", "m3") + &pod("here", "m2")));
    machines[0].kubectl(&["wait", "--for=condition=Ready", "pod", "--all", "--timeout=60s"]).expect_ok();
    let (there, ran) = (pod_ip(&machines[0], "there"), started(&machines[0], "there"));
    echoes(&machines[0], "here", &there);

    let refused = machines[2].barque(&["address", "10.0.42.77"]).expect_failure();
    assert!(refused.contains("10.0.42.77 is on no interface of this machine"), "{refused}");
    let old = move_to(&mut machines[2], 33);
    let new = machines[2].address.clone();
    wait_for("the Node's new address", PATIENCE, || {
        let shown = machines[0].kubectl(&["get", "node", "m3", "-o", "wide", "--no-headers"]);
        let is_there = shown.stdout.contains(&format!(" {new} ")) && shown.stdout.contains(" Ready ");
        if is_there { Ok(()) } else { Err(shown.to_string()) }
    });
    wait_for("the list of API servers", PATIENCE, || {
        let listed =
            machines[0].kubectl(&["get", "endpointslice", "kubernetes", "-o", "jsonpath={.endpoints[*].addresses}"]);
        let is_new = listed.stdout.contains(&new) && !listed.stdout.contains(&format!("\"{old}\""));
        if is_new { Ok(()) } else { Err(listed.to_string()) }
    });
    let direct = machines[0].kubectl(&["--server", &format!("https://{new}:6443"), "get", "--raw", "/readyz/ping"]);
    assert_eq!(direct.expect_ok(), "ok", "its certificate names the new address");
    assert_eq!(started(&machines[0], "there"), ran);
    echoes(&machines[0], "here", &there);

    // It is in the quorum: with it and one more, writes go on.
    machines[0].cut_power();
    wait_for("a write without the first", PATIENCE, || {
        let created = machines[1].kubectl(&["create", "configmap", "after"]);
        let done = created.ok || created.stderr.contains("already exists");
        if done { Ok(()) } else { Err(created.to_string()) }
    });
    assert_eq!(machines[1].kubectl(&["exec", "there", "--", "echo", "well"]).expect_ok(), "well\n");
    // And all of them start by themselves, though the first knew the old address when it was off.
    machines[0].turn_on();
    machines[0].serve();
    wait_for("three nodes", PATIENCE, || machines::ready_nodes(&machines[0], 3));
    // A restart of those that joined by the old addresses, too.
    for machine in &machines {
        machine.stop_serving();
    }
    for machine in &machines {
        machine.serve();
    }
    wait_for("three nodes", PATIENCE, || machines::ready_nodes(&machines[1], 3));
}

#[test]
fn the_only_master_moves() {
    let folder = Folder::new("adr1");
    let switch = Switch::new("adr1");
    let [mut a, b] = [("a1", 1), ("b1", 2)].map(|(name, n)| Machine::new(&switch, folder.path(), name, n));
    a.barque(&["init"]).expect_ok();
    a.kubectl(&["create", "configmap", "kept"]).expect_ok();
    move_to(&mut a, 11);
    a.kubectl(&["get", "configmap", "kept"]).expect_ok();
    let line = join_line(&a.barque(&["token", "create", "--control-plane"]).expect_ok(), true);
    assert!(line.iter().any(|word| word == "10.0.42.11:6443"), "{line:?}");
    wait_for("another master", PATIENCE, || {
        let joined = b.barque(&line.iter().map(String::as_str).collect::<Vec<_>>());
        if joined.ok { Ok(()) } else { Err(joined.to_string()) }
    });
    wait_for("two nodes", PATIENCE, || machines::ready_nodes(&b, 2));
    b.kubectl(&["get", "configmap", "kept"]).expect_ok();
}
