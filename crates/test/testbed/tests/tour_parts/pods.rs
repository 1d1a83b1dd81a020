//! What needs a running pod: logs, exec with a terminal, attach, copies, port-forward, top, drain.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;
use testbed::Cluster;
use testbed::cluster::PATIENCE;
use testbed::run::{run, run_with_input};
use testbed::wait_for;

const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: busybox:1
    stdin: true
    command: [sh, -c, 'mkdir /www; echo home > /www/index.html; httpd -p 8080 -h /www; echo first; echo second; while read line; do echo \"got $line\"; done; sleep 1000']
";

pub fn tour(cluster: &Cluster) {
    cluster.apply(POD).expect_ok();
    cluster.kubectl(&["wait", "pod/web", "--for=condition=Ready", "--timeout=300s"]).expect_ok();
    logs(cluster);
    exec(cluster);
    attach(cluster);
    copy(cluster);
    port_forward(cluster);
    top(cluster);
    cluster.kubectl(&["delete", "pod", "web"]).expect_ok();
}

fn logs(cluster: &Cluster) {
    wait_for("two lines", PATIENCE, || {
        let logs = cluster.kubectl(&["logs", "web"]).stdout;
        if logs == "first\nsecond\n" { Ok(()) } else { Err(logs) }
    });
    assert_eq!(cluster.kubectl(&["logs", "web", "--tail=1"]).expect_ok(), "second\n");
    let stamped = cluster.kubectl(&["logs", "web", "--timestamps"]).expect_ok();
    let stamp = stamped.split(' ').next().expect("a word");
    assert!(stamp.len() >= 20 && stamp.contains('T') && stamped.contains(" first\n"), "{stamped}");
    let previous = cluster.kubectl(&["logs", "web", "--previous"]).expect_failure();
    assert!(previous.contains("previous terminated container \"c\" in pod \"web\" not found"), "{previous}");
}

fn exec(cluster: &Cluster) {
    let said = run_with_input(&mut cluster.kubectl_command(&["exec", "-i", "web", "--", "cat"]), "through\n");
    assert_eq!(said.expect_ok(), "through\n");
    let failed = cluster.kubectl(&["exec", "web", "--", "sh", "-c", "exit 7"]).expect_failure();
    assert!(failed.contains("command terminated with exit code 7"), "{failed}");
    let missing = cluster.kubectl(&["exec", "web", "--", "no-such-program"]).expect_failure();
    assert!(missing.contains("no-such-program"), "{missing}");
    // `script` gives kubectl a terminal, as a person has one.
    let kubectl = cluster.kubectl_program();
    // The size follows the start, as upstream: a program sees it a moment later.
    let inside = "tty; until stty size 2>/dev/null | grep 33; do sleep 0.05; done";
    let line = format!("stty rows 33 cols 77; {} exec -it web -- sh -c '{inside}'", kubectl.display());
    let mut shell = cluster.client("script".as_ref(), &["-qec", &line, "/dev/null"]);
    let said = run(&mut shell).expect_ok();
    assert!(said.contains("/dev/pts/0") && said.contains("33 77"), "{said}");
}

fn attach(cluster: &Cluster) {
    let mut attached = cluster
        .kubectl_command(&["attach", "-i", "web"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("kubectl starts");
    let mut stdin = attached.stdin.take().expect("stdin is piped");
    std::io::Write::write_all(&mut stdin, b"a line\n").expect("kubectl reads");
    let lines = BufReader::new(attached.stdout.take().expect("stdout is piped"));
    let line = lines.lines().map_while(Result::ok).find(|line| line.starts_with("got"));
    assert_eq!(line.as_deref(), Some("got a line"));
    attached.kill().expect("it is ours");
    attached.wait().expect("it is ours");
}

fn copy(cluster: &Cluster) {
    let (here, back) = (cluster.folder().join("here"), cluster.folder().join("back"));
    std::fs::write(&here, vec![7; 300_000]).expect("a file of the test");
    cluster.kubectl(&["cp", &here.display().to_string(), "web:/tmp/there"]).expect_ok();
    cluster.kubectl(&["cp", "web:/tmp/there", &back.display().to_string()]).expect_ok();
    assert_eq!(std::fs::read(back).expect("it was copied"), vec![7; 300_000]);
}

fn port_forward(cluster: &Cluster) {
    let mut forward = cluster
        .kubectl_command(&["port-forward", "pod/web", ":8080"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("kubectl starts");
    let mut lines = BufReader::new(forward.stdout.take().expect("stdout is piped")).lines().map_while(Result::ok);
    let line = lines.next().unwrap_or_default();
    let port = line.strip_prefix("Forwarding from 127.0.0.1:").and_then(|rest| rest.split(' ').next());
    let url = format!("http://127.0.0.1:{}/", port.unwrap_or_else(|| panic!("it said {line:?}")));
    for _ in 0..3 {
        assert_eq!(cluster.curl(&[&url]).expect_ok(), "home\n");
    }
    forward.kill().expect("it is ours");
    forward.wait().expect("it is ours");
}

fn top(cluster: &Cluster) {
    let pods = wait_for("statistics of the pod", PATIENCE, || {
        let top = cluster.kubectl(&["top", "pod", "web", "--containers"]);
        if top.ok { Ok(top.stdout) } else { Err(top.to_string()) }
    });
    assert!(pods.starts_with("POD   NAME   CPU(cores)   MEMORY(bytes)"), "{pods}");
    let nodes = cluster.kubectl(&["top", "node"]).expect_ok();
    assert!(nodes.contains("node1") && nodes.contains('%'), "{nodes}");
    let own = "container_memory_working_set_bytes{container=\"c\",pod=\"web\",namespace=";
    let of_pod = "container_network_receive_bytes_total{container=\"\",id=\"/";
    let of_node = "/api/v1/nodes/node1/proxy/metrics";
    for (path, series) in [
        (of_node, "kubelet_running_pods "),
        (&format!("{of_node}/cadvisor"), of_pod),
        (&format!("{of_node}/resource"), own),
        ("/metrics", "scheduler_schedule_attempts_total{profile=\"default-scheduler\",result=\"scheduled\"} "),
    ] {
        let text = cluster.kubectl(&["get", "--raw", path]).expect_ok();
        assert!(text.lines().any(|line| line.starts_with(series)), "{path}\n{text}");
    }
}

/// Cordon, drain and back. Last, since it empties the node.
pub fn drain(cluster: &Cluster) {
    assert_eq!(cluster.kubectl(&["cordon", "node1"]).expect_ok(), "node/node1 cordoned\n");
    let nodes = cluster.kubectl(&["get", "nodes"]).expect_ok();
    assert!(nodes.contains("Ready,SchedulingDisabled"), "{nodes}");
    let drained = cluster.kubectl(&[
        "drain",
        "node1",
        "--ignore-daemonsets",
        "--delete-emptydir-data",
        "--force",
        "--timeout=120s",
    ]);
    assert!(drained.clone().expect_ok().contains("node/node1 drained"), "{drained}");
    let running = cluster.jsonpath(&["pods", "-A"], "{.items[?(@.status.phase==\"Running\")].metadata.name}");
    assert_eq!(running, "", "nothing runs on a drained node");
    cluster.kubectl(&["uncordon", "node1"]).expect_ok();
    wait_for("running again", Duration::from_secs(120), || {
        let left = cluster.kubectl(&["get", "deploy", "-A", "--no-headers"]).stdout;
        let ready =
            |line: &str| line.split_whitespace().nth(2).and_then(|r| r.split_once('/')).is_some_and(|(a, b)| a == b);
        if !left.is_empty() && left.lines().all(ready) { Ok(()) } else { Err(left) }
    });
}
