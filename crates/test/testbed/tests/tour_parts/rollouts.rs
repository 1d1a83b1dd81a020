//! Rollouts of pods that run.

use testbed::cluster::PATIENCE;
use testbed::{Cluster, wait_for};

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: roll}
spec:
  replicas: 2
  selector: {matchLabels: {app: roll}}
  template:
    metadata: {labels: {app: roll}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: 'busybox:1', command: [sleep, '1000'], env: [{name: V, value: '1'}]}]
";

pub fn tour(cluster: &Cluster) {
    let value = || cluster.jsonpath(&["deploy", "roll"], "{.spec.template.spec.containers[0].env[0].value}");
    let wait = || {
        let said = cluster.kubectl(&["rollout", "status", "deploy/roll", "--timeout=300s"]).expect_ok();
        assert!(said.ends_with("deployment \"roll\" successfully rolled out\n"), "{said}");
    };
    cluster.apply(DEPLOYMENT).expect_ok();
    wait();
    cluster.kubectl(&["set", "env", "deploy/roll", "V=2"]).expect_ok();
    wait();
    assert_eq!(value(), "2");
    let images = cluster.kubectl(&["set", "image", "deploy/roll", "c=docker.io/library/busybox:1"]).expect_ok();
    assert_eq!(images, "deployment.apps/roll image updated\n");
    wait();
    cluster.kubectl(&["rollout", "undo", "deploy/roll", "--to-revision=1"]).expect_ok();
    wait();
    assert_eq!(value(), "1");
    let history = cluster.kubectl(&["rollout", "history", "deploy/roll"]).expect_ok();
    let revisions: Vec<&str> = history.lines().skip(2).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(revisions[..3], ["2", "3", "4"], "revision 1 became 4: {history}");
    let before = cluster.jsonpath(&["pods", "-l", "app=roll"], "{.items[*].metadata.name}");
    cluster.kubectl(&["rollout", "restart", "deploy/roll"]).expect_ok();
    wait();
    // The old ones are still ending when the rollout is complete.
    wait_for("two new pods", PATIENCE, || {
        let after = cluster.jsonpath(&["pods", "-l", "app=roll"], "{.items[*].metadata.name}");
        let new = after.split(' ').count() == 2 && before.split(' ').all(|old| !after.contains(old));
        if new { Ok(()) } else { Err(format!("{before} then {after}")) }
    });
    cluster.kubectl(&["scale", "deploy/roll", "--replicas=3"]).expect_ok();
    wait();
    cluster.wait_jsonpath(&["deploy", "roll"], "{.status.readyReplicas}", "3");
}
