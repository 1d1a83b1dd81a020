//! His proxysql: refused as he wrote it, running once its apiVersion is mended, rolled without falling below two.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testbed::cluster::PATIENCE;
use testbed::host::ADDRESS;
use testbed::images::{Image, PROXYSQL};
use testbed::{Cluster, example, example_text, wait_for};

/// The second name is what the rolling update changes to.
const IMAGES: &[Image] = &[
    Image { name: "severalnines/proxysql:1.4.12", recipe: PROXYSQL },
    Image { name: "severalnines/proxysql:1.4.13", recipe: PROXYSQL },
];

#[test]
fn his_proxysql_runs_once_mended() {
    let cluster = Cluster::start_with_images("px", IMAGES);
    let refused = cluster.apply_examples(&["seed/proxysql.yaml"]);
    let why = "no matches for kind \"Deployment\" in version \"v1\"\nensure CRDs are installed first";
    assert!(refused.clone().expect_failure().contains(why), "{refused}");
    // As upstream, the Service of the same file was made all the same.
    assert!(refused.stdout.contains("service/proxysql created"), "{refused}");

    let from_file = format!("--from-file=proxysql.cnf={}", example("seed/proxysql.cnf").display());
    let made = cluster.kubectl(&["create", "configmap", "proxysql-configmap", &from_file]).expect_ok();
    assert_eq!(made, "configmap/proxysql-configmap created\n");
    let mended = example_text("seed/proxysql.yaml").replacen("apiVersion: v1\n", "apiVersion: apps/v1\n", 1);
    assert_eq!(cluster.apply(&mended).expect_ok(), "deployment.apps/proxysql created\nservice/proxysql unchanged\n");
    let rolled = ["rollout", "status", "deployment/proxysql", "--timeout=300s"];
    let said = cluster.kubectl(&rolled).expect_ok();
    assert!(said.ends_with("deployment \"proxysql\" successfully rolled out\n"), "{said}");
    let list = cluster.kubectl(&["get", "deployment", "proxysql", "--no-headers"]).expect_ok();
    assert_eq!(list.split_whitespace().collect::<Vec<_>>()[..4], ["proxysql", "2/2", "2", "2"]);

    assert_eq!(answer(&cluster, 30032), example_text("seed/proxysql.cnf"), "the file he mounts by subPath");
    let mut seen = std::collections::BTreeSet::new();
    wait_for("both replicas answering", PATIENCE, || {
        seen.insert(answer(&cluster, 30033));
        if seen.len() == 2 { Ok(()) } else { Err(format!("{seen:?}")) }
    });
    a_rolling_update_keeps_its_promise(&cluster);
}

/// What a NodePort says, without its first line if it says more.
fn answer(cluster: &Cluster, port: u16) -> String {
    let said = wait_for(&format!("an answer on {port}"), Duration::from_secs(30), || {
        let said = connect(cluster, port);
        if said.is_empty() { Err("nothing".to_owned()) } else { Ok(said) }
    });
    let (first, rest) = said.split_once('\n').expect("a line");
    if rest.is_empty() { first.to_owned() } else { rest.to_owned() }
}

fn connect(cluster: &Cluster, port: u16) -> String {
    let script = format!("busybox nc -w 3 {ADDRESS} {port} < /dev/null");
    testbed::run::run(cluster.host.command("sh").args(["-c", &script])).stdout
}

/// With two replicas and upstream's 25 %, none may be missing at any time, for watchers and for those who connect.
fn a_rolling_update_keeps_its_promise(cluster: &Cluster) {
    let mut watch = cluster
        .kubectl_command(&[
            "get",
            "deployment",
            "proxysql",
            "--watch",
            "-o",
            "jsonpath={.status.availableReplicas}{\"\\n\"}",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .expect("kubectl starts");
    let lines = BufReader::new(watch.stdout.take().expect("stdout is piped"));
    let reader = std::thread::spawn(move || lines.lines().map_while(Result::ok).collect::<Vec<_>>());
    let done = AtomicBool::new(false);
    let (asked, failed) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let (mut asked, mut failed) = (0, 0);
            while !done.load(Ordering::Relaxed) {
                asked += 1;
                failed += u32::from(connect(cluster, 30033).is_empty());
            }
            (asked, failed)
        });
        cluster.kubectl(&["set", "image", "deployment/proxysql", "proxysql=severalnines/proxysql:1.4.13"]).expect_ok();
        cluster.kubectl(&["rollout", "status", "deployment/proxysql", "--timeout=300s"]).expect_ok();
        done.store(true, Ordering::Relaxed);
        asking.join().expect("asking does not panic")
    });
    watch.kill().expect("the watch is ours");
    watch.wait().expect("the watch is ours");
    let seen = reader.join().expect("reading does not panic");
    assert!(seen.len() > 1, "the watch saw the update: {seen:?}");
    assert!(seen.iter().all(|available| matches!(available.as_str(), "2" | "3")), "{seen:?}");
    assert!(asked > 3, "the update was watched by connecting, too");
    // His pods have no readiness probe: a new one counts as ready a moment before it listens.
    assert!(failed * 10 <= asked, "{failed} of {asked} connections failed");
    let images = cluster
        .jsonpath(&["pods", "-l", "app=proxysql"], "{.items[?(@.status.phase==\"Running\")].spec.containers[0].image}");
    assert!(images.contains("1.4.13"), "{images}");
}
