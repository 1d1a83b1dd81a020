//! A single server with some life in it becomes the first of two masters: nothing is lost, nothing restarts, and whoever
//! knows an old revision is told. Killed on the way, the machine is what it was.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;
use testbed::images::BUSYBOX;
use testbed::{Folder, Machine, Switch, barque, join_line, ready_nodes, wait_for};

const PATIENCE: Duration = Duration::from_secs(90);

const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: counter, labels: {app: counter}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: counter
    image: busybox:1
    imagePullPolicy: Never
    command: [sh, -c, "i=0; while :; do i=$((i+1)); echo $i; sleep 1; done"]
---
apiVersion: v1
kind: Service
metadata: {name: counter}
spec: {selector: {app: counter}, ports: [{port: 80}]}
"#;

/// All that is asked for of each object, in the order of names.
const FACTS: &str = "jsonpath={range .items[*]}{.kind} {.metadata.namespace} {.metadata.name} {.metadata.uid} \
                     {.metadata.creationTimestamp} {.metadata.generation} {.metadata.resourceVersion}{'\\n'}{end}";
/// What nobody writes in the background.
const KINDS: &str = "configmaps,secrets,serviceaccounts,services,roles,rolebindings,clusterroles";
const CONTAINER: &str = "jsonpath={.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount} \
                         {.status.podIP} {.metadata.uid}";

#[test]
fn a_single_server_becomes_the_first_of_two_masters() {
    let folder = Folder::new("mig1");
    let switch = Switch::new("mig1");
    let [a, b] = [("a1", 1), ("b1", 2)].map(|(name, n)| Machine::new(&switch, folder.path(), name, n));
    alone(&a);
    fill(&a);
    let before = Facts::of(&a);
    assert!(before.objects.lines().count() > 300, "{}", before.objects);

    let said = a.barque(&["migrate"]);
    assert!(said.ok, "{said}\n{}", a.log());
    println!("{said}");
    assert!(said.stdout.contains("/var/lib/barque/store-until-"), "{said}");
    let secret =
        a.run("sh", &["-c", "! grep -r -a -q treasure-of-mine /var/lib/barque/etcd /var/lib/barque/store-until-*"]);
    assert!(secret.ok, "a Secret lies in clear");
    assert!(!a.file("barque/migrating").exists() && !a.file("barque/migrating.snapshot").exists());
    before.are_kept(&a);
    old_revisions_are_told(&a, &before);
    let again = a.barque(&["migrate"]).expect_failure();
    assert!(again.contains("member of a cluster already"), "{again}");

    b.join(&join_line(&said.stdout, true));
    wait_for("two Ready nodes", PATIENCE, || ready_nodes(&b, 2));
    before.are_kept(&b);
    a.kubectl(&["create", "configmap", "later"]).expect_ok();
    b.kubectl(&["get", "configmap", "later"]).expect_ok();
    counts_on(&a);
}

#[test]
fn killed_on_the_way_it_is_what_it_was_and_can_begin_again() {
    let folder = Folder::new("mig2");
    let switch = Switch::new("mig2");
    let a = Machine::new(&switch, folder.path(), "a1", 1);
    let refused = a.barque(&["migrate"]).expect_failure();
    assert!(refused.contains("barque init"), "{refused}");
    alone(&a);
    fill(&a);
    let before = Facts::of(&a);

    killed_at(&a, "[verify]");
    assert!(a.file("barque/migrating").exists() && a.file("barque/etcd/member").exists());
    a.serve();
    wait_ready(&a);
    before.are_kept(&a);
    wait_for("no trace of the attempt", PATIENCE, || {
        let left = a.run("sh", &["-c", "ls -d /var/lib/barque/migrating* /var/lib/barque/etcd; pgrep -x etcd"]);
        if left.stdout.is_empty() { Ok(()) } else { Err(left.to_string()) }
    });
    a.kubectl(&["create", "configmap", "between"]).expect_ok();

    killed_at(&a, "[store]");
    a.serve();
    wait_ready(&a);
    before.are_kept(&a);
    let said = a.barque(&["migrate"]);
    assert!(said.ok && said.stdout.contains("barque join"), "{said}\n{}", a.log());
    before.are_kept(&a);
    a.kubectl(&["get", "configmap", "between"]).expect_ok();
    counts_on(&a);
}

fn alone(machine: &Machine) {
    machine.serve();
    wait_ready(machine);
    let archive = BUSYBOX.archive();
    let archive = archive.to_str().expect("a path in UTF-8");
    machine.barque(&["image", "import", archive, "--tag", "docker.io/library/busybox:1"]).expect_ok();
}

#[track_caller]
fn wait_ready(machine: &Machine) {
    wait_for("one Ready node", PATIENCE, || ready_nodes(machine, 1).map_err(|why| format!("{why}\n{}", machine.log())));
}

/// Some hundred objects, some of them changed after later ones were made, some gone.
fn fill(machine: &Machine) {
    let map =
        |n: u32| format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m{n}}}\ndata: {{n: \"{n}\"}}\n");
    let maps: String = (0..250).map(map).collect();
    std::fs::write(machine.file("log/maps.yaml"), maps + "---" + POD).expect("a file");
    machine.kubectl(&["apply", "-f", "/var/log/maps.yaml"]).expect_ok();
    machine.kubectl(&["create", "secret", "generic", "hidden", "--from-literal=a=treasure-of-mine"]).expect_ok();
    machine.kubectl(&["label", "configmap", "m7", "m3", "late=yes"]).expect_ok();
    machine.kubectl(&["delete", "configmap", "m9"]).expect_ok();
    wait_for("a running pod", PATIENCE, || {
        let pod = machine.kubectl(&["get", "pod", "counter", "--no-headers"]);
        if pod.stdout.contains(" Running ") { Ok(()) } else { Err(format!("{pod}\n{}", machine.log())) }
    });
}

/// What may not change.
struct Facts {
    objects: String,
    container: String,
    service: String,
    pod_range: String,
    secret: String,
    /// Of the whole list.
    revision: u64,
}

impl Facts {
    fn of(machine: &Machine) -> Self {
        let get = |what: &[&str]| machine.kubectl(&[&["get"], what].concat()).expect_ok();
        let listed = get(&["--raw", "/api/v1/namespaces/default/configmaps?limit=1"]);
        let revision = listed.split("\"resourceVersion\":\"").nth(1).and_then(|rest| rest.split('"').next());
        Self {
            objects: get(&[KINDS, "-A", "-o", FACTS]),
            container: get(&["pod", "counter", "-o", CONTAINER]),
            service: get(&["service", "counter", "-o", "jsonpath={.spec.clusterIP}"]),
            pod_range: get(&["node", "a1", "-o", "jsonpath={.spec.podCIDR} {.metadata.uid}"]),
            secret: get(&["secret", "hidden", "-o", "jsonpath={.data.a}"]),
            revision: revision.expect("a list has a revision").parse().expect("a number"),
        }
    }

    /// Objects that came since are none of ours.
    #[track_caller]
    fn are_kept(&self, machine: &Machine) {
        let now = wait_for("the API", PATIENCE, || {
            let answer = machine.kubectl(&["get", "--raw=/readyz"]);
            if answer.ok { Ok(Self::of(machine)) } else { Err(answer.to_string()) }
        });
        let found: Vec<&str> = now.objects.lines().collect();
        // Signed anew with every new token.
        let lasting = self.objects.lines().filter(|line| !line.contains(" kube-public cluster-info "));
        let missing: Vec<&str> = lasting.filter(|line| !found.contains(line)).collect();
        assert!(missing.is_empty(), "changed or lost: {missing:#?}");
        assert_eq!(
            (&now.container, &now.service, &now.pod_range, &now.secret),
            (&self.container, &self.service, &self.pod_range, &self.secret)
        );
        assert!(now.revision >= self.revision, "{} after {}", now.revision, self.revision);
    }
}

/// A watch from before is refused, one from the moment of the change goes on, and nobody waits in the future.
fn old_revisions_are_told(machine: &Machine, before: &Facts) {
    let watch = |revision: u64| {
        let path = format!("/api/v1/namespaces/default/configmaps?watch=1&resourceVersion={revision}&timeoutSeconds=3");
        let answer = machine.kubectl(&["get", "--raw", &path]);
        format!("{}{}", answer.stdout, answer.stderr)
    };
    let old = watch(1);
    assert!(old.contains("410") || old.contains("Expired") || old.contains("too old"), "{old}");
    let now = Facts::of(machine);
    assert!(now.revision > before.revision, "the cluster has written since: {} {}", now.revision, before.revision);
    machine.kubectl(&["create", "configmap", "seen"]).expect_ok();
    let new = watch(now.revision);
    assert!(new.contains("\"ADDED\"") && new.contains("\"seen\""), "{new}");
}

fn counts_on(machine: &Machine) {
    let last = || machine.kubectl(&["logs", "counter", "--tail=1"]).stdout.trim().parse::<u64>().unwrap_or(0);
    let first = last();
    wait_for("the container counts on", PATIENCE, || {
        let now = last();
        if now > first { Ok(()) } else { Err(format!("{now} after {first}")) }
    });
    let pinged = machine.kubectl(&["exec", "counter", "--", "true"]);
    assert!(pinged.ok, "{pinged}");
}

/// Kills it (kill -9) when it has said a line that begins so.
fn killed_at(machine: &Machine, phase: &str) {
    let mut command = machine.command("sh");
    // By its own number inside: nsenter, which we could kill, is only its parent.
    command.args(["-c", "echo $$; exec \"$0\" migrate"]).arg(barque()).stdout(Stdio::piped());
    let mut child: Child = command.spawn().expect("nsenter starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let pid = lines.next().expect("its number");
    let reached = lines.find(|line| line.starts_with(phase));
    machine.run("kill", &["-9", &pid]).expect_ok();
    assert!(reached.is_some(), "it never said {phase}");
    _ = child.wait();
}
