//! From nothing to five nodes by his kubeadm file and the printed lines; what he looks at then; and a worker that dies.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use testbed::images::{BUSYBOX, Image};
use testbed::{Five, wait_for};

const WEB: Image = Image { name: "library/busybox:1", recipe: BUSYBOX };

/// Four servers that say where they run, and their Service.
const MANIFEST: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
      containers:
      - name: web
        image: busybox:1
        imagePullPolicy: Never
        command: [sh, -c, "hostname > /tmp/index.html; echo serving; exec httpd -f -p 8080 -h /tmp"]
        readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"#;

/// Name and node of the Deployment's pods that are ready and not on their way out.
fn ready_pods(five: &Five) -> Vec<(String, String)> {
    let path = "{range .items[*]}{.metadata.name} {.spec.nodeName} {.status.conditions[?(@.type=='Ready')].status} \
                {.metadata.deletionTimestamp}{'\\n'}{end}";
    let listed = five.kubectl(&["get", "pods", "-l", "app=web", "-o", &format!("jsonpath={path}")]).stdout;
    let rows = listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ready = rows.filter(|row| row.len() == 3 && row[2] == "True");
    ready.map(|row| (row[0].to_owned(), row[1].to_owned())).collect()
}

#[track_caller]
fn wait_pods(five: &Five, what: &str, good: impl Fn(&[(String, String)]) -> bool) -> Vec<(String, String)> {
    wait_for(what, Duration::from_secs(120), || {
        let pods = ready_pods(five);
        if good(&pods) { Ok(pods) } else { Err(five.kubectl(&["get", "pods", "-A", "-o", "wide"]).to_string()) }
    })
}

#[test]
fn five_nodes_by_his_file_and_the_printed_lines() {
    let mut five = Five::form("five");
    let seconds = five.began.elapsed().as_secs_f64();
    println!("from nothing to five Ready: {seconds:.1} s");
    assert!(seconds <= 60.0, "{seconds} s");
    what_he_looks_at(&five);
    five.import(&WEB.recipe.archive(), "docker.io/library/busybox:1");
    five.apply(MANIFEST);
    let pods = wait_pods(&five, "four servers", |pods| pods.len() == 4);
    across_nodes(&five, &pods);
    another_member_stands_in(&five);
    a_worker_dies(&mut five);
}

/// etcd, API server and scheduler by their names; kubectl on any master goes through the machine's own door.
fn what_he_looks_at(five: &Five) {
    let nodes = five.kubectl(&["get", "nodes"]).expect_ok();
    println!("{nodes}");
    assert_eq!(nodes.lines().filter(|line| line.contains("control-plane")).count(), 3, "{nodes}");
    let parts = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];
    let wanted = parts.iter().flat_map(|part| ["m1", "m2", "m3"].map(|node| format!("{part}-{node}")));
    let wanted: Vec<String> = wanted.chain(["kube-flannel-w1".to_owned(), "kube-proxy-w2".to_owned()]).collect();
    let pods = wait_for("the parts by name", Duration::from_secs(30), || {
        let pods = five.kubectl(&["get", "pods", "-A"]);
        let running = |name: &String| {
            pods.stdout.lines().any(|line| line.contains(&format!(" {name} ")) && line.contains(" Running "))
        };
        match wanted.iter().find(|name| !running(name)) {
            None => Ok(pods.stdout.clone()),
            Some(name) => Err(format!("{name} is not Running: {pods}")),
        }
    });
    println!("{pods}");
    for name in ["m1", "m3"] {
        let said = five.machine(name).kubectl(&["cluster-info"]).expect_ok();
        assert!(said.contains("127.0.0.1:5443"), "{said}");
    }
    // Deleted by hand it is there again.
    five.kubectl(&["delete", "pod", "-n", "kube-system", "kube-scheduler-m1"]).expect_ok();
    wait_for("the scheduler's view", Duration::from_secs(20), || {
        let pod = five.kubectl(&["get", "pod", "-n", "kube-system", "kube-scheduler-m1", "--no-headers"]);
        if pod.stdout.contains(" Running ") { Ok(()) } else { Err(pod.to_string()) }
    });
}

/// exec and logs reach every node from any master; each pod reaches the Service wherever its servers are.
fn across_nodes(five: &Five, pods: &[(String, String)]) {
    let mut nodes: Vec<&str> = pods.iter().map(|(_, node)| node.as_str()).collect();
    nodes.sort_unstable();
    nodes.dedup();
    assert!(nodes.len() > 1, "{pods:?}");
    let address = five.kubectl(&["get", "service", "web", "-o", "jsonpath={.spec.clusterIP}"]).expect_ok();
    for (pod, _) in pods {
        assert_eq!(five.kubectl(&["logs", pod]).expect_ok(), "serving\n");
        // A static busybox looks names up only by `nslookup`, and its wget not at all.
        let found = five.kubectl(&["exec", pod, "--", "nslookup", "web.default.svc.cluster.local"]).expect_ok();
        assert!(found.contains(&address), "{found}");
        let ask = format!(
            "for i in 1 2 3 4 5 6 7 8; do printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 {address} 80 || exit 1; done"
        );
        let answers = five.kubectl(&["exec", pod, "--", "sh", "-c", &ask]).expect_ok();
        let answers: Vec<&str> = answers.lines().filter(|line| line.starts_with("web-")).collect();
        let servers: BTreeSet<&&str> = answers.iter().collect();
        assert!(answers.len() == 8 && servers.len() > 1, "{pod}: {answers:?}");
    }
}

/// The first master, which knew of nobody when it started, writes through the others while its own etcd hangs.
fn another_member_stands_in(five: &Five) {
    let first = five.machine("m1");
    let signal = |name: &str| first.run("pkill", &[name, "-x", "etcd"]).expect_ok();
    signal("-STOP");
    let server = format!("https://{}:6443", first.address);
    wait_for("a write by the first master's server", Duration::from_secs(20), || {
        let created = first.kubectl(&["--server", &server, "create", "configmap", "stood-in"]);
        if created.ok || created.stderr.contains("already exists") { Ok(()) } else { Err(created.to_string()) }
    });
    signal("-CONT");
}

/// Its pods run elsewhere within a minute by the defaults; when it is back, nothing runs twice.
fn a_worker_dies(five: &mut Five) {
    let before = ready_pods(five);
    let victim = ["w1", "w2"].into_iter().find(|name| before.iter().any(|(_, node)| node == name));
    let victim = victim.expect("a worker has a pod");
    let at = five.machines.iter().position(|machine| machine.name == victim).expect("it is one of them");
    five.machines[at].cut_power();
    let dead = Instant::now();
    wait_pods(five, "four servers elsewhere", |pods| pods.len() == 4 && pods.iter().all(|(_, node)| node != victim));
    let seconds = dead.elapsed().as_secs_f64();
    println!("{victim} dead, its pods elsewhere: {seconds:.1} s");
    assert!(seconds <= 60.0, "{seconds} s");
    five.machines[at].turn_on();
    five.machines[at].serve();
    five.wait_ready(5);
    wait_for("the dead node's pods gone", Duration::from_secs(60), || {
        let pods = five.kubectl(&["get", "pods", "-l", "app=web", "--no-headers"]);
        if pods.stdout.lines().count() == 4 { Ok(()) } else { Err(pods.to_string()) }
    });
    // No process of a pod that is not there.
    wait_for("no leftover on it", Duration::from_secs(30), || {
        let processes = five.machines[at].run("pgrep", &["-c", "httpd"]).stdout;
        let wanted = ready_pods(five).iter().filter(|(_, node)| node == victim).count();
        if processes.trim() == wanted.to_string() {
            Ok(())
        } else {
            Err(format!("{processes} servers, {wanted} wanted"))
        }
    });
}
