//! The measurements in the order in which they disturb each other least.

use crate::process;
use crate::report::{Figure, Report};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use testbed::{Cluster, images, run, wait_for};

/// How long the idle cluster is watched.
const IDLE: Duration = Duration::from_secs(120);

pub fn run(only: &str, report: &mut Report) {
    let wanted = |names: &[&str]| only.is_empty() || names.iter().any(|name| name.contains(only));
    if wanted(&["binary_mb"]) {
        let size = std::fs::metadata(testbed::barque()).map_or(0, |file| file.len());
        report.add(Figure::new("binary_mb", size as f64 / 1e6, "MB"));
    }
    if wanted(&["start_cold_ms", "start_warm_ms"]) {
        starts(report);
    }
    if wanted(&["rss_idle_mb", "rss_shim_mb", "cpu_idle_percent", "idle_write_kb_per_min"]) {
        idle(report);
    }
    if wanted(&["pod_running_p50_ms", "pod_running_p99_ms", "pod_delete_p50_ms", "deployment_50_ready_s"]) {
        pods(report);
    }
    if wanted(&[
        "create_per_s",
        "create_p99_ms",
        "get_per_s",
        "list_mb_per_s",
        "watch_p99_ms",
        "watch_cpu_s",
        "restart_serving_ms",
    ]) {
        api(report);
    }
}

fn starts(report: &mut Report) {
    let mut cluster = Cluster::prepare("bench-start", "");
    let start = Instant::now();
    cluster.serve();
    wait_node(&cluster);
    report.add(Figure::new("start_cold_ms", milliseconds(start), "ms"));
    cluster.kill();
    let start = Instant::now();
    cluster.serve();
    wait_node(&cluster);
    report.add(Figure::new("start_warm_ms", milliseconds(start), "ms"));
}

/// By asking the API with curl every few milliseconds; kubectl alone takes longer than the start.
fn wait_node(cluster: &Cluster) {
    let keys = Keys::of(cluster);
    wait_for("the node Ready", Duration::from_secs(60), || {
        let answer = keys.get("/api/v1/nodes/node1", cluster);
        let ready = answer.contains("\"type\":\"Ready\"") && answer.contains("KubeletReady");
        if ready { Ok(()) } else { Err(answer) }
    });
}

fn idle(report: &mut Report) {
    let cluster = Cluster::start("bench-idle");
    import_busybox(&cluster);
    load(&cluster, "idle-pods");
    let pid = cluster.pid();
    // What starting left to do (events, status) is over when nothing has been written for a while.
    std::thread::sleep(Duration::from_secs(15));
    let (cpu, written, start) = (process::cpu(pid), process::written(pid), Instant::now());
    std::thread::sleep(IDLE);
    let minutes = start.elapsed().as_secs_f64() / 60.0;
    let used = (process::cpu(pid) - cpu).as_secs_f64();
    report.add(Figure::new("rss_idle_mb", process::rss_mb(pid), "MB"));
    let shims = process::shims(&cluster.folder().display().to_string());
    let total: f64 = shims.iter().map(|pid| process::rss_mb(*pid)).sum();
    report.add(Figure::new("rss_shim_mb", total / shims.len().max(1) as f64, "MB"));
    report.add(Figure::new("cpu_idle_percent", used / (minutes * 60.0) * 100.0, "%"));
    let kilobytes = (process::written(pid) - written) as f64 / 1e3;
    report.add(Figure::new("idle_write_kb_per_min", kilobytes / minutes, "kB/min"));
}

fn pods(report: &mut Report) {
    let cluster = Cluster::start("bench-pods");
    import_busybox(&cluster);
    for scene in ["pods", "deployment"] {
        add_all(report, load(&cluster, scene));
    }
}

fn api(report: &mut Report) {
    let mut cluster = Cluster::start("bench-api");
    for scene in ["create", "get", "list"] {
        add_all(report, load(&cluster, scene));
    }
    let before = process::cpu(cluster.pid());
    let figures = load(&cluster, "watch");
    let used = process::cpu(cluster.pid()) - before;
    add_all(report, figures);
    report.add(Figure::new("watch_cpu_s", used.as_secs_f64(), "s"));
    cluster.kill();
    let keys = Keys::of(&cluster);
    let start = Instant::now();
    cluster.serve();
    wait_for("serving", Duration::from_secs(60), || {
        let answer = keys.get("/api/v1/namespaces/bench/configmaps/c09999", &cluster);
        if answer.contains("\"name\":\"c09999\"") { Ok(()) } else { Err(answer) }
    });
    report.add(Figure::new("restart_serving_ms", milliseconds(start), "ms"));
}

fn import_busybox(cluster: &Cluster) {
    let archive = images::BUSYBOX.archive();
    cluster.barque(&["image", "import", &archive.display().to_string(), "--tag", "busybox:1"]).expect_ok();
}

/// Runs a load in its own process on the cluster's host.
fn load(cluster: &Cluster, scene: &str) -> Vec<Figure> {
    let exe = std::env::current_exe().expect("our own path");
    let output = run::run(&mut cluster.client(&exe, &["load", scene])).expect_ok();
    output.lines().map(|line| serde_json::from_str(line).expect("a figure")).collect()
}

fn add_all(report: &mut Report, figures: Vec<Figure>) {
    for figure in figures {
        report.add(figure);
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// The administrator's keys as files for curl.
struct Keys {
    folder: PathBuf,
}

impl Keys {
    fn of(cluster: &Cluster) -> Self {
        Self { folder: cluster.folder().join("etc/pki") }
    }

    fn get(&self, path: &str, cluster: &Cluster) -> String {
        let file = |name: &str| self.folder.join(name).display().to_string();
        let (ca, certificate, key) = (file("ca.crt"), file("admin.crt"), file("admin.key"));
        let url = format!("https://127.0.0.1:6443{path}");
        let answer = cluster.curl(&["--cacert", &ca, "--cert", &certificate, "--key", &key, &url]).to_string();
        // For curl the server writes JSON with spaces and lines.
        answer.split_whitespace().collect()
    }
}
