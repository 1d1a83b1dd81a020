//! His proxysql as pods of Barque: his file with the two addresses changed, his manifest with its apiVersion mended.
//!
//! Two replicas behind his NodePorts, before a real master and replica on the host; rolled under load.

mod sql_pod_parts {
    pub mod clients;
}

use sql_pod_parts::clients::{SQL, Seen, ended, long_connection, short_connections, spawn, sysbench};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use testbed::cluster::PATIENCE;
use testbed::host::ADDRESS;
use testbed::mariadb::APP;
use testbed::run::{run, run_with_input};
use testbed::sql_proxy::ADMIN;
use testbed::{Cluster, MariaDb, SqlClient, example_text, images, wait_for};

/// The Service's port for administration.
const ADMINISTRATION: u16 = 30032;

/// His image's name, and the one that the update by `kubectl set image` changes to.
const IMAGES: [&str; 2] = ["severalnines/proxysql:1.4.12", "severalnines/proxysql:1.4.13"];

/// As many updates are made as fit in; it is started again where these are too few.
const LOAD_TIME: &str = "--time=45";

#[test]
fn his_pods_serve_sql_and_no_reconnect_fails_while_they_are_rolled() {
    let cluster = Cluster::start("sqlpod");
    import_images(&cluster);
    cluster.host.enter();
    let primary = MariaDb::primary_with(cluster.folder(), &["--bind-address=0.0.0.0"]);
    let replica = MariaDb::replica_of(&primary);
    run(&mut sysbench(primary.port(), &["oltp_point_select", "prepare"])).expect_ok();
    replica.wait_caught_up(&primary);
    deploy(&cluster, &primary, &replica);
    reads_go_to_the_replica_and_writes_to_the_master(&replica);
    the_admin_port_prints_its_tables(&primary, &replica);
    the_container_has_what_his_file_names(&cluster);
    no_reconnect_fails_while_pods_are_rolled(&cluster);
    open_transactions_end_within_the_grace_period(&cluster, &primary);
}

fn import_images(cluster: &Cluster) {
    let recipe = images::sql_proxy(&testbed::barque());
    let archive = cluster.folder().join("image.tar");
    for name in IMAGES {
        recipe.write_archive(name, &archive);
        cluster.barque(&["image", "import", &archive.display().to_string()]).expect_ok();
    }
    std::fs::remove_file(&archive).expect("the archive is the test's");
}

fn deploy(cluster: &Cluster, primary: &MariaDb, replica: &MariaDb) {
    let config = [("192.168.0.17", primary), ("192.168.0.77", replica)].iter().fold(
        example_text("seed/proxysql.cnf"),
        |text, (his, server)| {
            let his = format!("address=\"{his}\", port=3306");
            assert_eq!(text.matches(&his).count(), 1, "{his} in his proxysql.cnf");
            text.replace(&his, &format!("address=\"{ADDRESS}\", port={}", server.port()))
        },
    );
    let file = cluster.folder().join("proxysql.cnf");
    std::fs::write(&file, config).expect("a file of the test");
    let from_file = format!("--from-file=proxysql.cnf={}", file.display());
    cluster.kubectl(&["create", "configmap", "proxysql-configmap", &from_file]).expect_ok();
    let mended = example_text("seed/proxysql.yaml").replacen("apiVersion: v1\n", "apiVersion: apps/v1\n", 1);
    cluster.apply(&mended).expect_ok();
    rolled(cluster);
    let list = cluster.kubectl(&["get", "deployment", "proxysql", "--no-headers"]).expect_ok();
    assert_eq!(list.split_whitespace().collect::<Vec<_>>()[..4], ["proxysql", "2/2", "2", "2"]);
}

/// The update is through, and the old pods are gone.
fn rolled(cluster: &Cluster) {
    let status = cluster.kubectl(&["rollout", "status", "deployment/proxysql", "--timeout=300s"]);
    assert!(status.ok, "{status}\n{}", cluster.explain());
    wait_for("two pods", PATIENCE, || {
        let pods = cluster.kubectl(&["get", "pods", "-l", "app=proxysql", "--no-headers"]).stdout;
        if pods.lines().count() == 2 && pods.matches(" Running ").count() == 2 { Ok(()) } else { Err(pods) }
    });
}

fn client() -> Command {
    let mut command = Command::new("mariadb");
    command.args(["--no-defaults", "--batch", "--skip-column-names", "--connect-timeout=10"]);
    command.arg(format!("--user={}", APP.0)).arg(format!("--password={}", APP.1));
    command
}

/// As a user through the NodePort.
fn sql(text: &str) -> String {
    let mut command = client();
    command.args(["-h", ADDRESS, "-P", &SQL.to_string(), "test"]);
    run_with_input(&mut command, text).expect_ok()
}

fn reads_go_to_the_replica_and_writes_to_the_master(replica: &MariaDb) {
    sql("CREATE TABLE pods (id INT PRIMARY KEY, server INT)");
    for id in 0..20 {
        assert_eq!(sql("SELECT @@server_id"), "2\n", "a read");
        assert_eq!(sql("SELECT @@server_id FOR UPDATE"), "1\n", "a read for a write");
        let own = sql(&format!("INSERT INTO pods VALUES ({id}, @@server_id); SELECT server FROM pods WHERE id = {id}"));
        assert_eq!(own, "1\n", "a write, and its own session's read");
    }
    assert_eq!(replica.value("SELECT @@read_only"), "1");
}

/// What his post shows: `mysql -h … -P 30032`.
fn the_admin_port_prints_its_tables(primary: &MariaDb, replica: &MariaDb) {
    let admin = |text: &str| {
        let mut command = Command::new("mariadb");
        command.args(["--no-defaults", "--table", "-h", ADDRESS, "-P", &ADMINISTRATION.to_string()]);
        command.arg(format!("-u{}", ADMIN.0)).arg(format!("-p{}", ADMIN.1)).args(["-e", text]);
        run(&mut command).expect_ok()
    };
    let servers = admin("SELECT hostgroup_id, hostname, port, status FROM runtime_mysql_servers ORDER BY 1");
    for (hostgroup, server) in [(10, primary), (20, replica)] {
        let port = server.port();
        let line = servers.lines().find(|line| line.contains(&port.to_string())).unwrap_or_default();
        let cells: Vec<&str> = line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells, [&hostgroup.to_string(), ADDRESS, &port.to_string(), "ONLINE"], "{servers}");
    }
    let rules = admin("SELECT rule_id, match_pattern, destination_hostgroup FROM mysql_query_rules");
    assert!(rules.contains("^SELECT .* FOR UPDATE"), "{rules}");
    println!("{servers}{rules}");
}

/// The processes of the pods.
fn proxies() -> Vec<PathBuf> {
    let processes = std::fs::read_dir("/proc").expect("proc is there").flatten().map(|entry| entry.path());
    let is_ours = |process: &PathBuf| {
        let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
        line == b"/usr/bin/barque\0sql\0-f\0/etc/proxysql.cnf\0"
    };
    processes.filter(is_ours).collect()
}

fn the_container_has_what_his_file_names(cluster: &Cluster) {
    use std::os::unix::fs::PermissionsExt;
    let proxies = proxies();
    assert_eq!(proxies.len(), 2, "{proxies:?}");
    for process in proxies {
        let root = process.join("root");
        let mut inside = client();
        inside.arg(format!("--socket={}", root.join("tmp/proxysql.sock").display()));
        assert_eq!(run_with_input(&mut inside, "SELECT @@server_id").expect_ok(), "2\n");
        let database = std::fs::metadata(root.join("var/lib/proxysql/proxysql.db")).expect("his datadir holds it");
        assert_eq!(database.permissions().mode() & 0o777, 0o600);
        assert!(!root.join("bin/sh").exists(), "no shell");
        let status = std::fs::read_to_string(process.join("status")).expect("the process runs");
        println!("{}", status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default());
    }
    let top = wait_for("measured", PATIENCE, || {
        let top = cluster.kubectl(&["top", "pods", "-l", "app=proxysql", "--no-headers"]);
        if top.stdout.matches("Mi").count() == 2 { Ok(top.stdout) } else { Err(top.to_string()) }
    });
    println!("{top}");
    let logs = cluster.kubectl(&["logs", "-l", "app=proxysql", "--tail=-1"]).expect_ok();
    println!("{logs}");
    let serves = "serves MySQL on 0.0.0.0:6033, /tmp/proxysql.sock, administration on 0.0.0.0:6032";
    assert_eq!(logs.matches(serves).count(), 2, "{logs}");
    assert!(!logs.contains("nextcloudpwd") && !logs.contains("proxysqlpwd"), "no secrets: {logs}");
}

fn no_reconnect_fails_while_pods_are_rolled(cluster: &Cluster) {
    let done = AtomicBool::new(false);
    let (short, long) = std::thread::scope(|scope| {
        let end = End(&done);
        let short = scope.spawn(|| short_connections(&done));
        let long = scope.spawn(|| long_connection(&done));
        let mut updates = 0;
        while updates < 4 {
            updates += updates_under_sysbench(cluster, updates);
        }
        println!("{updates} rolling updates under sysbench");
        drop(end);
        (short.join().expect("a client does not panic"), long.join().expect("a client does not panic"))
    });
    println!("a connection each: {short:?}\none that stays: {long:?}");
    let failed = |seen: &Seen| !seen.failed.is_empty();
    assert!(!failed(&short) && !failed(&long), "{short:?}\n{long:?}");
    assert!(short.connects > 500 && long.statements > 500, "there was load: {short:?}\n{long:?}");
}

/// Ends the clients, where the test fails too.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How many were through before sysbench had ended.
fn updates_under_sysbench(cluster: &Cluster, before: usize) -> usize {
    let script = |name| format!("{}/tests/sql_pod_parts/{name}", env!("CARGO_MANIFEST_DIR"));
    let [reconnect, stay] = [script("reconnect.lua"), script("stay.lua")];
    // Both fail at the first connection that fails.
    let mut connecting = spawn(&mut sysbench(SQL, &["--threads=2", LOAD_TIME, &reconnect, "run"]));
    let mut staying = spawn(&mut sysbench(SQL, &["--threads=4", LOAD_TIME, &stay, "run"]));
    let mut loaded =
        || [&mut connecting, &mut staying].into_iter().all(|load| load.try_wait().is_ok_and(|end| end.is_none()));
    let mut updates = 0;
    while loaded() {
        update(cluster, before + updates);
        updates += usize::from(loaded());
    }
    println!("sysbench, a connection each:\n{}\nsysbench:\n{}", ended(connecting), ended(staying));
    updates
}

fn update(cluster: &Cluster, number: usize) {
    let (variable, image) = (format!("UPDATE={number}"), format!("proxysql={}", IMAGES[(number / 4 + 1) % 2]));
    let update: &[&str] = match number % 4 {
        0 | 1 => &["rollout", "restart", "deployment/proxysql"],
        2 => &["set", "env", "deployment/proxysql", &variable],
        _ => &["set", "image", "deployment/proxysql", &image],
    };
    cluster.kubectl(update).expect_ok();
    rolled(cluster);
}

/// Those that are ended meanwhile are committed; a client that never ends its own does not hold its pod for ever.
fn open_transactions_end_within_the_grace_period(cluster: &Cluster, primary: &MariaDb) {
    let begin = |id: usize| {
        let mut client = SqlClient::connect_to(ADDRESS, SQL, APP, "test", true).expect("the Service is served");
        client.query("BEGIN").expect("a transaction begins");
        client.query(&format!("INSERT INTO pods VALUES ({}, 0)", 1000 + id)).expect("a write");
        client
    };
    let mut clients: Vec<SqlClient> = (0..8).map(begin).collect();
    let before = proxies();
    let began = Instant::now();
    cluster.kubectl(&["delete", "pods", "-l", "app=proxysql", "--wait=false"]).expect_ok();
    wait_for("told to stop", PATIENCE, || {
        let logs = cluster.kubectl(&["logs", "-l", "app=proxysql", "--tail=-1"]).stdout;
        let left: Vec<&str> = logs.lines().filter(|line| line.contains("leave when they have nothing open")).collect();
        if left.len() < 2 {
            return Err(logs);
        }
        println!("{}", left.join("\n"));
        Ok(())
    });
    for client in clients.iter_mut().take(4) {
        client.query("COMMIT").expect("an open transaction is let to its end");
    }
    assert_eq!(primary.value("SELECT COUNT(*) FROM test.pods WHERE id >= 1000"), "4");
    let gone = wait_for("ended", PATIENCE, || {
        let left = before.iter().filter(|process| process.exists()).count();
        if left == 0 { Ok(began.elapsed()) } else { Err(format!("{left} are left")) }
    });
    println!("gone after {gone:?}");
    // Killed, they would have taken the half minute.
    assert!(gone < Duration::from_secs(30), "{gone:?}");
    rolled(cluster);
    assert_eq!(primary.value("SELECT COUNT(*) FROM test.pods WHERE id >= 1000"), "4", "the others were rolled back");
}
