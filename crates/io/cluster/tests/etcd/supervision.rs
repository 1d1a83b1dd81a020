//! One etcd per data directory, whatever happens to us or to it.

use crate::machine::{self, LIMIT, Site, get, kill_and_wait, process, put, start, started};
use cluster::EtcdLeaf;
use cluster::etcd::{MemberConfig, MemberError, Supervisor};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

#[tokio::test]
async fn etcd_is_found_again_restarted_and_stopped() {
    let site = Site::new();
    let config = site.machine("a");
    let supervisor = started(&config).await;
    let store = site.store(&[&config]).await;
    put(&store, "/a", "1").await;
    let (pid, found) = process(&supervisor);
    assert!(!found);
    let second = Supervisor::start(machine::binary(), config.clone()).await.err().unwrap();
    assert!(matches!(second, MemberError::Supervised { .. }), "{second}");

    drop(supervisor);
    let supervisor = started(&config).await;
    assert_eq!(process(&supervisor), (pid, true), "the same one");
    kill_and_wait(&supervisor).await;
    assert_eq!(get(&store, "/a").await.as_deref(), Some("1"));
    let (pid, _) = process(&supervisor);
    assert_eq!(site.running(), [pid]);

    drop(supervisor);
    let changed = MemberConfig { quota_bytes: 1 << 30, ..config.clone() };
    let supervisor = started(&changed).await;
    let (other, found) = process(&supervisor);
    assert!(other != pid && !found, "its arguments are others");
    assert_eq!(site.running(), [other]);
    machine::within(supervisor.stop()).await.unwrap();
    assert!(site.running().is_empty());
    let supervisor = started(&changed).await;
    assert_eq!(get(&store, "/a").await.as_deref(), Some("1"));
    drop(supervisor);
}

/// The process that the next test kills; elsewhere it does nothing.
#[tokio::test]
async fn victim() {
    let Ok(words) = std::env::var("ETCD_TEST_VICTIM") else { return };
    let words: Vec<&str> = words.split(' ').collect();
    let ports = [1, 2, 3].map(|place| words[place].parse().unwrap());
    let supervisor = started(&machine::config(Path::new(words[0]), "a", ports)).await;
    println!("\nvictim {}", process(&supervisor).0);
    std::future::pending().await
}

#[tokio::test]
async fn we_are_killed_and_etcd_goes_on() {
    let site = Site::new();
    let config = site.machine("a");
    let ports = [config.client_port, config.peer_port, config.metrics_port.unwrap()].map(|port| port.to_string());
    let folder = config.data_dir.parent().unwrap().display();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "supervision::victim", "--nocapture"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut victim = command.env("ETCD_TEST_VICTIM", format!("{folder} {}", ports.join(" "))).spawn().unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
    let pid = lines.filter_map(|line| line.strip_prefix("victim ")?.parse::<i32>().ok()).next();
    victim.kill().unwrap();
    victim.wait().unwrap();
    let pid = pid.expect("the victim says which process it started");

    assert_eq!(site.running(), [pid], "it was not taken down");
    let supervisor = started(&config).await;
    assert_eq!(process(&supervisor), (pid, true));
    kill_and_wait(&supervisor).await;
    assert_eq!(site.running(), [process(&supervisor).0], "watched over though it was no child");
}

#[tokio::test]
async fn a_failure_is_told_with_the_log() {
    let site = Site::new();
    let config = site.machine("a");
    let taken = TcpListener::bind(("127.0.0.1", config.client_port)).unwrap();
    let supervisor = start(&config).await;
    let mut state = supervisor.watch();
    let waiting = |state: &cluster::etcd::State| matches!(state, cluster::etcd::State::Waiting(_));
    machine::within(state.wait_for(waiting)).await.unwrap();
    let error = supervisor.ready(Duration::from_millis(200)).await.unwrap_err().to_string();
    assert!(error.contains("address already in use") && error.contains("a.log"), "{error}");
    drop(taken);
    supervisor.ready(LIMIT).await.unwrap();
}

#[tokio::test]
async fn renewed_certificates_need_no_restart() {
    let site = Site::new();
    let config = site.machine("a");
    let supervisor = started(&config).await;
    let store = site.store(&[&config]).await;
    put(&store, "/a", "1").await;
    let pid = process(&supervisor).0;
    for leaf in EtcdLeaf::ALL {
        std::fs::remove_file(site.path("pki").join(format!("{}.crt", leaf.file_name()))).unwrap();
    }
    let keys = site.keys();
    let file = |name: &str| site.path("pki").join(name).display().to_string();
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{}", config.client_port)])
        .args(["-cert", &file("apiserver-etcd-client.crt"), "-key", &file("apiserver-etcd-client.key")])
        .stdin(Stdio::null())
        .output();
    let shown = String::from_utf8(output.expect("openssl is installed").stdout).unwrap();
    let certificate = keys.pair(EtcdLeaf::Server).certificate.replace("\r\n", "\n");
    assert!(shown.replace("\r\n", "\n").contains(certificate.trim()), "{shown}");
    store.set_tls(&keys.client_tls()).unwrap();
    kill_and_wait(&supervisor).await;
    assert_ne!(process(&supervisor).0, pid);
    put(&store, "/a", "2").await;
}
