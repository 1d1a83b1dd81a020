//! What needs no pods: applying, looking, changing, deleting.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use testbed::cluster::PATIENCE;
use testbed::run::{Output, run, run_with_input};
use testbed::{Cluster, wait_for};

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map, labels: {app: tour}}\ndata: {a: '1'}\n";

/// Nothing runs: no node is called so.
const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: idle}
spec:
  replicas: 2
  selector: {matchLabels: {app: idle}}
  template:
    metadata: {labels: {app: idle}}
    spec:
      nodeSelector: {kubernetes.io/hostname: nowhere}
      containers: [{name: c, image: 'busybox:1'}]
";

struct Tour<'a> {
    cluster: &'a Cluster,
    kubectl: &'a Path,
}

impl Tour<'_> {
    fn run(&self, line: &str) -> Output {
        run(&mut self.cluster.client(self.kubectl, &line.split(' ').collect::<Vec<_>>()))
    }

    #[track_caller]
    fn ok(&self, line: &str) -> String {
        self.run(line).expect_ok()
    }

    #[track_caller]
    fn apply(&self, flags: &str, manifest: &str) -> String {
        let line = format!("apply {flags} -f -");
        let words: Vec<&str> = line.split_whitespace().collect();
        run_with_input(&mut self.cluster.client(self.kubectl, &words), manifest).expect_ok()
    }
}

pub fn tour(cluster: &Cluster, kubectl: &Path) {
    let tour = Tour { cluster, kubectl };
    assert_eq!(tour.ok("create namespace objects"), "namespace/objects created\n");
    tour.ok("config set-context --current --namespace=objects");
    applying(&tour);
    looking(&tour);
    watching(&tour);
    changing(&tour);
    asking(&tour);
    history(&tour);
    deleting(&tour);
    tour.ok("config set-context --current --namespace=default");
    assert!(tour.ok("delete namespace objects").contains("namespace \"objects\" deleted"));
    assert!(tour.run("get namespace objects").expect_failure().contains("(NotFound)"));
}

fn applying(tour: &Tour) {
    assert_eq!(tour.apply("", MAP), "configmap/map created\n");
    assert_eq!(tour.apply("", MAP), "configmap/map unchanged\n");
    let changed = MAP.replace("'1'", "'2'");
    let words = ["diff", "-f", "-"];
    let diff = run_with_input(&mut tour.cluster.client(tour.kubectl, &words), &changed);
    assert!(!diff.ok && diff.stdout.contains("-  a: \"1\"\n+  a: \"2\""), "{diff}");
    assert_eq!(tour.apply("--server-side --force-conflicts", &changed), "configmap/map serverside-applied\n");
    let words = ["apply", "--server-side", "--field-manager=other", "-f", "-"];
    let conflict = run_with_input(&mut tour.cluster.client(tour.kubectl, &words), &MAP.replace("'1'", "'3'"));
    assert!(conflict.clone().expect_failure().contains("conflict with \"kubectl\""), "{conflict}");
    assert_eq!(
        tour.apply("--dry-run=server", &MAP.replace("'1'", "'9'")),
        "configmap/map configured (server dry run)\n"
    );
    assert_eq!(tour.ok("get cm map -o jsonpath={.data.a}"), "2");
    assert_eq!(tour.apply("", DEPLOYMENT), "deployment.apps/idle created\n");
    wait_for("two pending pods", PATIENCE, || {
        let pods = tour.ok("get pods --no-headers");
        if pods.matches("Pending").count() == 2 { Ok(()) } else { Err(pods) }
    });
}

fn looking(tour: &Tour) {
    let wide = tour.ok("get deploy idle -o wide");
    let header: Vec<&str> = wide.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(header, ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS", "IMAGES", "SELECTOR"]);
    assert!(wide.contains("0/2     2            0"), "{wide}");
    assert!(tour.ok("get cm map -o yaml").contains("  labels:\n    app: tour\n"));
    let json: serde_json::Value = serde_json::from_str(&tour.ok("get cm map -o json")).expect("JSON");
    assert_eq!(json["data"]["a"], "2");
    assert_eq!(tour.ok("get cm map -o custom-columns=N:.metadata.name,A:.data.a"), "N     A\nmap   2\n");
    assert_eq!(tour.ok("get cm -l app=tour -o name"), "configmap/map\n");
    let pods = tour.ok("get pods -o wide");
    assert!(pods.contains("NOMINATED NODE") && pods.contains("<none>"), "{pods}");
    let described = tour.ok("describe deploy idle");
    assert!(described.contains("2 desired | 2 updated | 2 total | 0 available | 2 unavailable"), "{described}");
    assert!(described.contains("ScalingReplicaSet"), "{described}");
    let pod = tour.ok("get pods -o name").lines().next().expect("a pod").to_owned();
    wait_for("the scheduler's reason", PATIENCE, || {
        let described = tour.ok(&format!("describe {pod}"));
        let why = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector";
        if described.contains(why) { Ok(()) } else { Err(described) }
    });
    let node = tour.ok("describe node node1");
    assert!(node.contains("Allocated resources") && node.contains("KubeletReady"), "{node}");
}

fn watching(tour: &Tour) {
    let mut watch = tour
        .cluster
        .client(tour.kubectl, &["get", "cm", "map", "-w", "-o", "jsonpath={.data.a}{\"\\n\"}"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("kubectl starts");
    let mut lines = BufReader::new(watch.stdout.take().expect("stdout is piped")).lines().map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("2"));
    tour.ok("patch cm map --type=merge -p {\"data\":{\"a\":\"5\"}}");
    assert_eq!(lines.next().as_deref(), Some("5"));
    watch.kill().expect("the watch is ours");
    watch.wait().expect("the watch is ours");
}

fn changing(tour: &Tour) {
    tour.ok("patch cm map --type=json -p [{\"op\":\"add\",\"path\":\"/data/b\",\"value\":\"6\"}]");
    assert_eq!(tour.ok("get cm map -o jsonpath={.data}"), "{\"a\":\"5\",\"b\":\"6\"}");
    // Strategic: the list of containers merges by name.
    tour.ok("patch deploy idle -p {\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"d\",\"image\":\"busybox:1\"}]}}}}");
    assert_eq!(tour.ok("get deploy idle -o jsonpath={.spec.template.spec.containers[*].name}"), "d c");
    assert_eq!(tour.ok("label cm map tier=front"), "configmap/map labeled\n");
    assert!(tour.run("label cm map tier=back").expect_failure().contains("--overwrite is false"));
    assert_eq!(tour.ok("annotate cm map note=x"), "configmap/map annotated\n");
    let editor = tour.cluster.folder().join("editor.sh");
    std::fs::write(&editor, "#!/bin/sh\nsed -i 's/b: \"6\"/b: \"7\"/' \"$1\"\n").expect("a file of the test");
    std::fs::set_permissions(&editor, PermissionsExt::from_mode(0o755)).expect("a file of the test");
    let edited = run(tour.cluster.client(tour.kubectl, &["edit", "cm", "map"]).env("EDITOR", &editor)).expect_ok();
    assert_eq!(edited, "configmap/map edited\n");
    assert_eq!(tour.ok("get cm map -o jsonpath={.data.b}"), "7");
    assert_eq!(tour.ok("scale deploy idle --replicas=1"), "deployment.apps/idle scaled\n");
    assert!(tour.run("wait deploy/idle --for=condition=Available --timeout=1s").expect_failure().contains("timed out"));
    assert!(tour.ok("wait deploy/idle --for=condition=Progressing --timeout=60s").contains("condition met"));
}

fn asking(tour: &Tour) {
    let explained = tour.ok("explain deployment.spec.strategy");
    assert!(
        explained.contains("rollingUpdate") && explained.contains("RECREATE") | explained.contains("Recreate"),
        "{explained}"
    );
    let resources = tour.ok("api-resources");
    for kind in ["configmaps", "deployments", "cronjobs", "customresourcedefinitions", "rolebindings", "leases"] {
        assert!(resources.contains(kind), "no {kind} in\n{resources}");
    }
    assert!(tour.ok("api-versions").contains("apps/v1\n"));
    assert_eq!(tour.ok("auth can-i create pods"), "yes\n");
    let denied = tour.run("auth can-i create pods --as=system:serviceaccount:objects:default");
    assert!(!denied.ok && denied.stdout == "no\n", "{denied}");
    // kubectl 1.20 has no `create token`.
    if !tour.kubectl.ends_with("usr/bin/kubectl") {
        let token = tour.ok("create token default");
        assert_eq!(token.trim().split('.').count(), 3, "a JSON web token");
        let who = tour.ok(&format!("auth whoami --token={}", token.trim()));
        // The client certificate of the kubeconfig comes first.
        assert!(who.contains("Username"), "{who}");
    }
}

fn history(tour: &Tour) {
    let history = tour.ok("rollout history deploy/idle");
    assert!(
        history.starts_with("deployment.apps/idle \nREVISION  CHANGE-CAUSE\n1         <none>\n2         <none>\n"),
        "{history}"
    );
    assert_eq!(tour.ok("rollout undo deploy/idle"), "deployment.apps/idle rolled back\n");
    assert_eq!(tour.ok("get deploy idle -o jsonpath={.spec.template.spec.containers[*].name}"), "c");
    assert_eq!(tour.ok("rollout pause deploy/idle"), "deployment.apps/idle paused\n");
    assert!(tour.run("rollout restart deploy/idle").expect_failure().contains("can't restart paused deployment"));
    assert_eq!(tour.ok("rollout resume deploy/idle"), "deployment.apps/idle resumed\n");
}

fn deleting(tour: &Tour) {
    let pods = |app: &str| tour.ok(&format!("get pods -l app={app} -o name"));
    tour.ok("delete deploy idle --cascade=orphan");
    assert!(tour.ok("get rs -l app=idle -o name").contains("replicaset.apps/idle-"), "orphans stay");
    wait_for("no owner", PATIENCE, || {
        let owner = tour.ok("get rs -l app=idle -o jsonpath={.items[*].metadata.ownerReferences}");
        if owner.is_empty() { Ok(()) } else { Err(owner) }
    });
    tour.ok("delete rs -l app=idle --cascade=foreground");
    assert_eq!(pods("idle"), "", "foreground waits for the pods");
    let other = DEPLOYMENT.replace("idle", "busy");
    assert_eq!(tour.apply("", &other), "deployment.apps/busy created\n");
    wait_for("pods", PATIENCE, || if pods("busy").lines().count() == 2 { Ok(()) } else { Err(pods("busy")) });
    tour.ok("delete deploy busy --cascade=background");
    wait_for("no pods", PATIENCE, || if pods("busy").is_empty() { Ok(()) } else { Err(pods("busy")) });
    let left = wait_for("no sets", PATIENCE, || {
        let left = tour.ok("get rs -o name");
        if left.is_empty() { Ok(left) } else { Err(left) }
    });
    assert_eq!(left, "");
}
