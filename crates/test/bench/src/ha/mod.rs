//! Five machines: what they cost when nothing happens, how long writes and reads stop when the leader dies; and one server
//! with 500 simulated nodes.

mod members;

use crate::process;
use crate::report::{Figure, Report};
use members::Members;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use testbed::{Cluster, Five, Machine};

/// How long the idle cluster is watched.
const IDLE: Duration = Duration::from_secs(60);

/// After the last node is Ready: what starting left to do is over.
const SETTLE: Duration = Duration::from_secs(20);

/// The load before the leader dies, and after.
const BEFORE: Duration = Duration::from_secs(5);
const AFTER: Duration = Duration::from_secs(15);

pub fn run(only: &str, report: &mut Report) {
    let wanted = |names: &str| names.split(' ').any(|name| name.contains(only));
    if wanted(
        "ha_five_ready_s ha_rss_master_mb ha_rss_worker_mb ha_cpu_idle_percent ha_write_pause_ms ha_read_pause_ms \
         ha_newest_read_pause_ms",
    ) {
        five(report);
    }
    if wanted("sim_500_nodes_rss_mb sim_500_nodes_api_p99_ms sim_500_nodes_cpu_percent") {
        many_nodes(report);
    }
}

fn five(report: &mut Report) {
    let mut five = Five::form("ha");
    report.add(Figure::new("ha_five_ready_s", five.began.elapsed().as_secs_f64(), "s"));
    std::thread::sleep(SETTLE);
    idle(&five, report);
    pauses(&mut five, report);
}

/// The worst master and the worst worker; etcd beside, for itself.
fn idle(five: &Five, report: &mut Report) {
    let members = Members::find(five);
    let (before, start) = (members.used(), Instant::now());
    std::thread::sleep(IDLE);
    let (after, minutes) = (members.used(), start.elapsed().as_secs_f64() / 60.0);
    let percent = |used: f64| used / (minutes * 60.0) * 100.0;
    let kilobytes = |bytes: f64| bytes / 1e3 / minutes;
    let figures = [
        ("ha_rss_master_mb", members.most(&members.masters, process::rss_mb), "MB"),
        ("ha_rss_master_own_mb", members.most(&members.masters, process::own_rss_mb), "MB"),
        ("ha_rss_etcd_mb", members.most(&members.etcds, process::rss_mb), "MB"),
        ("ha_rss_worker_mb", members.most(&members.workers, process::rss_mb), "MB"),
        ("ha_rss_worker_own_mb", members.most(&members.workers, process::own_rss_mb), "MB"),
        ("ha_cpu_idle_percent", percent(members.most_since(&members.masters, &before, &after, |used| used.cpu)), "%"),
        (
            "ha_cpu_idle_etcd_percent",
            percent(members.most_since(&members.etcds, &before, &after, |used| used.cpu)),
            "%",
        ),
        (
            "ha_cpu_idle_worker_percent",
            percent(members.most_since(&members.workers, &before, &after, |used| used.cpu)),
            "%",
        ),
        (
            "ha_idle_write_kb_per_min",
            kilobytes(members.most_since(&members.masters, &before, &after, |used| used.bytes)),
            "kB/min",
        ),
        (
            "ha_idle_write_etcd_kb_per_min",
            kilobytes(members.most_since(&members.etcds, &before, &after, |used| used.bytes)),
            "kB/min",
        ),
    ];
    for (name, value, unit) in figures {
        report.add(Figure::new(name, value, unit));
    }
}

/// A client on a worker writes and reads through the machine's own door; etcd's leader loses its cable and its power at
/// once, so that nobody is told.
fn pauses(five: &mut Five, report: &mut Report) {
    let leader = five.machines.iter().position(leads).expect("etcd has a leader");
    let client = five.machine("w1");
    let seconds = (BEFORE + AFTER).as_secs().to_string();
    let exe = std::env::current_exe().expect("our own path");
    let mut command = client.command(exe);
    command.args(["load", "pauses"]).env("KUBECONFIG", five.kubeconfig()).env("PAUSES_SECONDS", seconds);
    let load = Load(command.stdout(Stdio::piped()).spawn().expect("the load starts"));
    std::thread::sleep(BEFORE);
    five.machines[leader].set_cable(&five.switch, false);
    five.machines[leader].cut_power();
    for figure in load.figures() {
        report.add(figure);
    }
}

/// By etcd's own metrics.
fn leads(machine: &Machine) -> bool {
    let metrics = machine.run("curl", &["-s", "http://127.0.0.1:2381/metrics"]);
    metrics.stdout.contains("\netcd_server_is_leader 1")
}

/// A load that runs beside.
struct Load(Child);

impl Load {
    fn figures(self) -> Vec<Figure> {
        let output = self.0.wait_with_output().expect("it is our child");
        assert!(output.status.success(), "the load failed: {output:?}");
        let text = String::from_utf8(output.stdout).expect("figures are text");
        text.lines().map(|line| serde_json::from_str(line).expect("a figure")).collect()
    }
}

fn many_nodes(report: &mut Report) {
    let cluster = Cluster::start("bench-many");
    let exe = std::env::current_exe().expect("our own path");
    let before = process::cpu(cluster.pid());
    let mut command: Command = cluster.client(&exe, &["load", "many-nodes"]);
    let output = testbed::run::run(&mut command).expect_ok();
    for line in output.lines() {
        report.add(serde_json::from_str(line).expect("a figure"));
    }
    report.add(Figure::new("sim_500_nodes_rss_mb", process::rss_mb(cluster.pid()), "MB"));
    let whole = (process::cpu(cluster.pid()) - before).as_secs_f64();
    report.add(Figure::new("sim_500_nodes_cpu_total_s", whole, "s"));
}
