//! Certificates and time: renewed while everything runs, and expired on machines that were off for two years.
//!
//! No clock is set and none is faked: to etcd and kubectl (Go, which reads the clock without asking libc) only the real one
//! can be told. A cluster whose certificates and times are of two years ago sees what one with its clock ahead sees.

use cluster::pki::LIFETIME;
use cluster::{EtcdPki, Leaf, Names, Pki};
use std::time::{Duration, Instant};
use stdx::{Clock, SystemClock, Timestamp};
use testbed::run::run_with_input;
use testbed::{Folder, Machine, Switch, join_line, ready_nodes, wait_for};

const PATIENCE: Duration = Duration::from_secs(120);
const TWO_YEARS: Duration = Duration::from_secs(2 * 365 * 24 * 3600);

fn two_masters(name: &str, config: &str) -> (Folder, Switch, Vec<Machine>) {
    let folder = Folder::new(name);
    let switch = Switch::new(name);
    let machines: Vec<Machine> =
        ["m1", "m2"].iter().zip(1..).map(|(name, n)| Machine::new(&switch, folder.path(), name, n)).collect();
    machines.iter().for_each(|machine| machine.configure(config));
    let made = machines[0].barque(&["init"]);
    assert!(made.ok, "{made}\n{}", machines[0].log());
    machines[1].join(&join_line(&made.stdout, true));
    wait_for("two Ready nodes", PATIENCE, || ready_nodes(&machines[0], 2));
    (folder, switch, machines)
}

fn certificate(machine: &Machine, name: &str) -> String {
    std::fs::read_to_string(machine.file(&format!("etc-up/barque/{name}"))).expect("it is there")
}

/// The numbers of its server and its etcd.
fn processes(machine: &Machine) -> String {
    machine.run("sh", &["-c", "cat /run/barque/server.pid; pgrep -x etcd"]).expect_ok()
}

/// A minute each: several lives of each certificate, in which every request is answered.
#[test]
fn certificates_are_renewed_and_nobody_notices() {
    let (_folder, _switch, machines) = two_masters("clk", "certificateValidity: 1m\n");
    let names = ["pki/apiserver.crt", "pki/kubelet.crt", "pki/etcd/server.crt", "pki/etcd/peer.crt", "admin.conf"];
    let before: Vec<String> = machines.iter().map(processes).collect();
    let mut seen: Vec<Vec<String>> = vec![Vec::new(); machines.len() * names.len()];
    let (begin, mut asked) = (Instant::now(), 0);
    // Both ends of each certificate are used: reads and writes by both doors, and what an API server asks of the other's agent.
    while seen.iter().any(|lives| lives.len() < 4) {
        assert!(begin.elapsed() < Duration::from_secs(300), "they are not renewed: {:?}", seen.iter().map(Vec::len));
        for machine in &machines {
            asked += 1;
            machine.kubectl(&["create", "configmap", &format!("at-{asked}")]).expect_ok();
            machine.kubectl(&["get", "--raw", "/api/v1/nodes/m1/proxy/healthz"]).expect_ok();
            machine.kubectl(&["get", "--raw", "/api/v1/nodes/m2/proxy/healthz"]).expect_ok();
        }
        let all = machines.iter().flat_map(|machine| names.map(|name| certificate(machine, name)));
        for (lives, now) in seen.iter_mut().zip(all) {
            if lives.last() != Some(&now) {
                lives.push(now);
            }
        }
    }
    println!("{asked} rounds of requests in {:.0} s", begin.elapsed().as_secs_f64());
    assert_eq!(machines.iter().map(processes).collect::<Vec<_>>(), before, "nothing was started again");
    ready_nodes(&machines[0], 2).expect("both are Ready");
}

/// Every certificate but the authorities' as it was signed two years ago, for a year. The machine is off.
fn age(machine: &Machine) {
    let folder = machine.file("etc-up/barque/pki");
    let names = Names {
        node: machine.name.clone(),
        hostname: machine.name.clone(),
        addresses: vec![machine.address.parse().expect("an address"), [127, 0, 0, 1].into()],
        service_address: [10, 96, 0, 1].into(),
        cluster_domain: "cluster.local".to_owned(),
        extra: Vec::new(),
        lifetime: LIFETIME,
    };
    let then = Timestamp(SystemClock.now().0 - TWO_YEARS);
    let leaves =
        Leaf::ALL.map(Leaf::file_name).into_iter().chain(cluster::EtcdLeaf::ALL.map(cluster::EtcdLeaf::file_name));
    for leaf in leaves {
        std::fs::remove_file(folder.join(format!("{leaf}.crt"))).expect("it is there");
    }
    let pki = Pki::load_or_create(&folder, names.clone(), then).expect("they are signed");
    EtcdPki::load_or_create(&folder, names, then).expect("they are signed");
    assert!(pki.pair(Leaf::Admin).renewal_due_at() < SystemClock.now());
}

/// Would have run each minute since; and a token that ended.
const OLD: &str = r#"
apiVersion: batch/v1
kind: CronJob
metadata: {name: each-minute}
spec:
  schedule: "* * * * *"
  concurrencyPolicy: Allow
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: c, image: nothing, imagePullPolicy: Never}]
---
apiVersion: v1
kind: Secret
metadata: {name: bootstrap-token-aaaaaa, namespace: kube-system}
type: bootstrap.kubernetes.io/token
stringData: {token-id: aaaaaa, token-secret: "0123456789abcdef", expiration: "2024-01-01T00:00:00Z", usage-bootstrap-authentication: "true"}
"#;

#[test]
fn two_years_later_all_is_well() {
    let (_folder, _switch, mut machines) = two_masters("clk2", "");
    let first = &machines[0];
    first.kubectl(&["create", "configmap", "kept"]).expect_ok();
    run_with_input(&mut first.kubectl_command(&["apply", "-f", "-"]), OLD).expect_ok();
    for machine in &mut machines {
        machine.cut_power();
        age(machine);
        machine.turn_on();
        let refused =
            machine.run("openssl", &["x509", "-checkend", "0", "-noout", "-in", "/etc/barque/pki/apiserver.crt"]);
        assert!(!refused.ok, "it has not expired: {refused}");
    }
    machines.iter().for_each(Machine::serve);
    wait_for("two Ready nodes", PATIENCE, || ready_nodes(&machines[0], 2));
    for machine in &machines {
        machine.kubectl(&["get", "configmap", "kept"]).expect_ok();
        machine.kubectl(&["get", "--raw", "/api/v1/nodes/m1/proxy/healthz"]).expect_ok();
        machine.kubectl(&["get", "--raw", "/api/v1/nodes/m2/proxy/healthz"]).expect_ok();
        let certs = machine.barque(&["certs"]).expect_ok();
        assert!(!certs.contains("expired"), "{certs}");
    }
    wait_for("the old token gone", PATIENCE, || {
        let token = machines[0].kubectl(&["get", "secret", "-n", "kube-system", "bootstrap-token-aaaaaa"]);
        if token.stderr.contains("NotFound") { Ok(()) } else { Err(token.to_string()) }
    });
    // Two years of missed minutes are not made up for.
    let then = r#"{"status":{"lastScheduleTime":"2024-01-01T00:00:00Z"}}"#;
    machines[0]
        .kubectl(&["patch", "cronjob", "each-minute", "--subresource=status", "--type=merge", "-p", then])
        .expect_ok();
    let begin = Instant::now();
    wait_for("the next run", PATIENCE, || {
        let last = machines[0].kubectl(&["get", "cronjob", "each-minute", "-o", "jsonpath={.status.lastScheduleTime}"]);
        if last.stdout.starts_with("2024") { Err(last.to_string()) } else { Ok(()) }
    });
    let jobs = machines[0].kubectl(&["get", "jobs", "--no-headers"]).expect_ok().lines().count();
    let minutes = begin.elapsed().as_secs() / 60;
    assert!(jobs as u64 <= minutes + 5, "{jobs} jobs");
}
