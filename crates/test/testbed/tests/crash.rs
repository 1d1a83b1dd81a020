//! kill -9 in the middle of writing, and a full disk: what was acknowledged is there, and pods do not notice.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use testbed::cluster::PATIENCE;
use testbed::images::{BUSYBOX, Image};
use testbed::run::run;
use testbed::{Cluster, wait_for};

const IMAGES: &[Image] = &[Image { name: "library/busybox:1", recipe: BUSYBOX }];

/// Counts, a number ten times a second, so that a gap in its log shows.
const COUNTER: &str = "
apiVersion: v1
kind: Pod
metadata: {name: counter}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: busybox:1
    command: [sh, -c, 'i=0; while true; do echo $i; i=$((i+1)); sleep 0.1; done']
";

const KILLS: u32 = 10;
const WRITERS: u32 = 200;

#[test]
fn kill_nine_loses_nothing() {
    let mut cluster = Cluster::start_with_images("kill", IMAGES);
    cluster.apply(COUNTER).expect_ok();
    cluster.kubectl(&["wait", "pod/counter", "--for=condition=Ready", "--timeout=300s"]).expect_ok();
    let started = cluster.jsonpath(&["pod", "counter"], "{.status.containerStatuses[0].containerID}");
    let acknowledged = Mutex::new(BTreeSet::new());
    for round in 0..KILLS {
        killed_while_creating(&mut cluster, round, &acknowledged);
        cluster.serve();
        cluster.wait_ready();
    }
    let there: BTreeSet<String> = cluster
        .jsonpath(&["cm", "-l", "test=kill"], "{.items[*].metadata.name}")
        .split(' ')
        .map(str::to_owned)
        .collect();
    let acknowledged = acknowledged.into_inner().expect("no writer panicked");
    assert!(acknowledged.len() >= KILLS as usize * 10, "enough was written: {}", acknowledged.len());
    let missing: Vec<&String> = acknowledged.difference(&there).collect();
    assert!(missing.is_empty(), "{} acknowledged, missing {missing:?}", acknowledged.len());
    the_counter_never_stopped(&cluster, &started);
}

/// 200 creates at once; when a quarter is acknowledged the server is killed.
fn killed_while_creating(cluster: &mut Cluster, round: u32, acknowledged: &Mutex<BTreeSet<String>>) {
    let token = cluster.kubectl(&["create", "token", "default", "-n", "kube-system"]).expect_ok();
    if round == 0 {
        let account = "--serviceaccount=kube-system:default";
        cluster.kubectl(&["create", "clusterrolebinding", "w", "--clusterrole=cluster-admin", account]).expect_ok();
        let words = ["auth", "can-i", "create", "configmaps", "--as=system:serviceaccount:kube-system:default"];
        wait_for("allowed", PATIENCE, || {
            let said = cluster.kubectl(&words);
            if said.ok { Ok(()) } else { Err(said.to_string()) }
        });
    }
    let url = format!("https://{}:6443/api/v1/namespaces/default/configmaps", testbed::host::ADDRESS);
    let requests = cluster.folder().join("requests");
    std::fs::write(&requests, requests_file(round, token.trim(), &url)).expect("a file of the test");
    let count = AtomicU32::new(0);
    // One curl for all: 200 connections at once, an answer a line as it comes.
    let mut command = cluster.host.command("curl");
    command.args([
        "--parallel",
        "--parallel-immediate",
        "--parallel-max",
        "200",
        "--silent",
        "--insecure",
        "--max-time",
        "30",
    ]);
    command.arg("--config").arg(&requests).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    let mut curl = command.spawn().expect("curl starts");
    let answers = std::io::BufReader::new(curl.stdout.take().expect("stdout is piped"));
    for line in std::io::BufRead::lines(answers).map_while(Result::ok) {
        // `201 k-0-17`
        if let Some(name) = line.strip_prefix("201 ") {
            acknowledged.lock().expect("no writer panicked").insert(name.to_owned());
            if count.fetch_add(1, Ordering::Relaxed) == WRITERS / 4 {
                cluster.kill();
            }
        }
    }
    curl.wait().expect("curl is ours");
    // A fast server may have answered all of them before.
    cluster.kill();
    assert!(count.load(Ordering::Relaxed) > 0, "something was acknowledged in round {round}\n{}", cluster.log());
}

/// A curl configuration of 200 creates.
fn requests_file(round: u32, token: &str, url: &str) -> String {
    let one = |number: u32| {
        let name = format!("k-{round}-{number}");
        let body = format!(
            "{{\\\"kind\\\":\\\"ConfigMap\\\",\\\"apiVersion\\\":\\\"v1\\\",\\\"metadata\\\":{{\\\"name\\\":\\\"{name}\\\",\\\"labels\\\":{{\\\"test\\\":\\\"kill\\\"}}}},\\\"data\\\":{{\\\"a\\\":\\\"{number}\\\"}}}}"
        );
        format!(
            "url = \"{url}\"\ninsecure\nsilent\nmax-time = 30\nheader = \"Authorization: Bearer {token}\"\nheader = \"Content-Type: application/json\"\n\
             data = \"{body}\"\noutput = \"/dev/null\"\nwrite-out = \"%{{http_code}} {name}\\n\"\n"
        )
    };
    (0..WRITERS).map(one).collect::<Vec<_>>().join("next\n")
}

fn the_counter_never_stopped(cluster: &Cluster, started: &str) {
    cluster.wait_jsonpath(&["pod", "counter"], "{.status.containerStatuses[0].containerID}", started);
    assert_eq!(cluster.jsonpath(&["pod", "counter"], "{.status.containerStatuses[0].restartCount}"), "0");
    assert_eq!(cluster.jsonpath(&["pod", "counter"], "{.status.phase}"), "Running");
    let logs = cluster.kubectl(&["logs", "counter"]).expect_ok();
    let numbers: Vec<u64> = logs.lines().map(|line| line.parse().expect("a number")).collect();
    let expected: Vec<u64> = (0..numbers.len() as u64).collect();
    assert!(numbers.len() > 20 && numbers == expected, "a gap in the log: {logs}");
}

/// Unmounts what it mounted when dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(place: &'a Path) -> Self {
        std::fs::create_dir_all(place).expect("a folder of the test");
        run(std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=48m", "tmpfs"]).arg(place))
            .expect_ok();
        Self(place)
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        run(std::process::Command::new("umount").arg("-l").arg(self.0));
    }
}

#[test]
fn a_full_disk_is_said_and_survived() {
    let mut cluster = Cluster::prepare("full", "");
    let data = cluster.folder().join("data");
    let _disk = SmallDisk::mount(&data);
    cluster.serve();
    cluster.wait_ready();
    let mut kept = fill(&cluster, "first");
    // Reading goes on, also in a server that is killed and starts on the full disk.
    nothing_is_missing(&cluster, &kept);
    cluster.kill();
    cluster.serve();
    cluster.wait_ready();
    nothing_is_missing(&cluster, &kept);
    // Its start moved the journal into the database: there may be room for a little more.
    kept.extend(fill(&cluster, "second"));
    // Space returns by somebody else's doing.
    run(std::process::Command::new("mount").args(["-o", "remount,size=200m"]).arg(&data)).expect_ok();
    wait_for("writing again", PATIENCE, || {
        let made = cluster.kubectl(&["create", "configmap", "after"]);
        if made.ok { Ok(()) } else { Err(made.to_string()) }
    });
    let acknowledged = Mutex::new(BTreeSet::new());
    killed_while_creating(&mut cluster, 0, &acknowledged);
    cluster.serve();
    cluster.wait_ready();
    nothing_is_missing(&cluster, &kept);
    let all = cluster.jsonpath(&["cm"], "{.items[*].metadata.name}");
    let there: BTreeSet<&str> = all.split(' ').collect();
    let acknowledged = acknowledged.into_inner().expect("no writer panicked");
    let missing: Vec<&String> = acknowledged.iter().filter(|name| !there.contains(name.as_str())).collect();
    assert!(missing.is_empty() && there.contains("after"), "missing {missing:?} in {all}");
}

/// Creates until it is refused for the right reason; the names of what was acknowledged.
fn fill(cluster: &Cluster, name: &str) -> Vec<String> {
    let big = cluster.folder().join("big");
    std::fs::write(&big, "x".repeat(700_000)).expect("a file of the test");
    let from = format!("--from-file={}", big.display());
    let mut kept = Vec::new();
    // 48 MB hold at most 70 of them, whatever else is there.
    for number in 0..80 {
        let name = format!("{name}-{number}");
        let made = cluster.kubectl(&["create", "configmap", &name, &from]);
        if !made.ok {
            let said = made.stderr;
            assert!(said.contains("full") || said.contains("space"), "the error names the cause: {said}");
            return kept;
        }
        kept.push(name);
    }
    panic!("the disk did not fill up");
}

#[track_caller]
fn nothing_is_missing(cluster: &Cluster, kept: &[String]) {
    let all = cluster.jsonpath(&["cm"], "{.items[*].metadata.name}");
    assert!(!kept.is_empty());
    assert!(kept.iter().all(|name| all.split(' ').any(|there| there == name)), "{kept:?} in {all}");
}
