//! Two of three masters are lost: what people are told, and how the third goes on until there are three again.

use std::time::{Duration, Instant};
use testbed::{Folder, Machine, Switch, join_line, ready_nodes, wait_for};

const PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn one_of_three_masters_goes_on() {
    let folder = Folder::new("rcv");
    let switch = Switch::new("rcv");
    let mut machines: Vec<Machine> =
        ["m1", "m2", "m3"].iter().zip(1..).map(|(name, n)| Machine::new(&switch, folder.path(), name, n)).collect();
    let made = machines[0].barque(&["init"]);
    assert!(made.ok, "{made}\n{}", machines[0].log());
    for machine in &machines[1..] {
        machine.join(&join_line(&made.stdout, true));
    }
    wait_for("three Ready nodes", PATIENCE, || ready_nodes(&machines[0], 3));
    machines[0].kubectl(&["create", "configmap", "kept", "--from-literal=a=1"]).expect_ok();
    let refused = machines[0].barque(&["recover", "--yes"]).expect_failure();
    assert!(refused.contains("has a leader: nothing is lost"), "{refused}");

    // The first one is lost, too: others know more than it wrote down when it was made.
    machines[0].cut_power();
    machines[1].cut_power();
    let last = &machines[2];
    let told = wait_for("an error that says what to do", PATIENCE, || {
        let begin = Instant::now();
        let answer = last.kubectl(&["get", "configmap", "kept"]);
        let text = format!("{answer} ({:.1} s)", begin.elapsed().as_secs_f64());
        if text.contains("etcd has no leader: 1 of 3 members answers") { Ok(text) } else { Err(text) }
    });
    println!("a read: {told}");
    assert!(told.contains("barque recover"), "{told}");
    let written = last.kubectl(&["create", "configmap", "new"]).expect_failure();
    println!("a write: {written}");
    assert!(written.contains("1 of 3 members answers"), "{written}");

    let recovered = last.barque(&["recover", "--yes"]);
    assert!(recovered.ok, "{recovered}\n{}", last.log());
    println!("{recovered}");
    assert_eq!(last.kubectl(&["get", "configmap", "kept", "-o", "jsonpath={.data.a}"]).expect_ok(), "1");
    last.kubectl(&["create", "configmap", "new"]).expect_ok();

    for machine in &mut machines[..2] {
        machine.turn_on();
        machine.reset();
        machine.join(&join_line(&recovered.stdout, true));
    }
    wait_for("three Ready nodes again", PATIENCE, || ready_nodes(&machines[0], 3));
    machines[0].kubectl(&["get", "configmap", "kept", "new"]).expect_ok();
    // Three that vote: one may be lost again.
    machines[2].cut_power();
    wait_for("a write without the third", PATIENCE, || {
        let written = machines[0].kubectl(&["create", "configmap", "after"]);
        if written.ok || written.stderr.contains("AlreadyExists") { Ok(()) } else { Err(written.to_string()) }
    });
}
