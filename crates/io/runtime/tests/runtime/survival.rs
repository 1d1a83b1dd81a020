//! Deaths: of the agent, of the shim; and removal of everything.

use crate::place::{self, run, until};
use runtime::{Config, Event, Runtime, SandboxSpec};
use std::process::{Command, ExitCode};
use std::time::Duration;

/// The agent to be killed: runs one container, then does nothing.
pub fn agent(arguments: &[String]) -> ExitCode {
    let config: Config = serde_json::from_str(&arguments[0]).unwrap();
    let image_id = arguments[1].clone();
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    tokio.block_on(async {
        let runtime = Runtime::open(config.clone()).await.unwrap();
        let place = place::Place::around(config, runtime);
        let image = place.runtime.images().get(&image_id).unwrap().unwrap();
        let pod = place.pod().await;
        let script = "i=0; while :; do echo tick $i; i=$((i+1)); [ -e /stop ] && exit 9; sleep 0.005; done";
        run(&pod, place.container(&image, "ticker", script)).await;
        run(&pod, place.container(&image, "short", "sleep 0.3; exit 21")).await;
        std::fs::write(place.config.data_dir.join("agent-ready"), "").unwrap();
        std::future::pending::<()>().await;
    });
    ExitCode::SUCCESS
}

pub fn agent_killed_and_restarted() {
    place::with(async |place| {
        let image = place.busybox().await;
        let config = serde_json::to_string(&place.config).unwrap();
        let mut agent =
            Command::new(std::env::current_exe().unwrap()).args(["agent", &config, &image.id]).spawn().unwrap();
        let ready = place.config.data_dir.join("agent-ready");
        until("the agent", || ready.exists()).await;
        agent.kill().unwrap();
        agent.wait().unwrap();
        let seen = place.log("ticker").len();
        until("life without an agent", || place.log("ticker").len() > seen + 20).await;
        until("the end of the short one", || {
            std::fs::read_to_string(
                place.config.state_dir.join("pods/11111111-2222-3333-4444-555555555555/c/short.0/status.json"),
            )
            .is_ok_and(|text| text.contains("\"code\":21"))
        })
        .await;
        let runtime = Runtime::open(place.config.clone()).await.unwrap();
        let pod = runtime.list().remove(0);
        assert!(pod.is_alive());
        let status = pod.status();
        assert_eq!(status.containers.len(), 2);
        let short = status.containers.iter().find(|c| c.key.name == "short").unwrap();
        assert_eq!(short.exit.as_ref().unwrap().code, 21);
        let ticker = status.containers.iter().find(|c| c.key.name == "ticker").unwrap().clone();
        assert_eq!(ticker.state, runtime::ContainerState::Running);
        pod.exec_sync(&ticker.key, &["touch".into(), "/stop".into()], Duration::from_secs(5)).await.unwrap();
        assert_eq!(pod.wait(&ticker.key).await.unwrap().exit.unwrap().code, 9);
        let log = place.log("ticker");
        let whole = log.iter().enumerate().all(|(i, line)| *line == format!("stdout F tick {i}"));
        assert!(whole, "the log has a gap");
        // The image cannot lose its layers while they are held by found containers.
        runtime.images().remove(&image.id).await.unwrap();
        assert!(runtime.images().usage() > 0);
        pod.remove().await.unwrap();
        assert_eq!(runtime.images().usage(), 0);
    });
}

pub fn shim_killed() {
    place::with(async |place| {
        let image = place.busybox().await;
        let pod = place.pod().await;
        let key = run(&pod, place.container(&image, "a", "sleep 1000")).await;
        let mut events = place.runtime.events();
        assert_eq!(unsafe_free_kill(pod.shim_pid()), 0);
        let status = pod.wait(&key).await.unwrap();
        assert_eq!(status.exit.unwrap().code, 137);
        loop {
            if matches!(events.recv().await.unwrap(), Event::SandboxLost { .. }) {
                break;
            }
        }
        assert!(!pod.is_alive());
        pod.remove().await.unwrap();
        let again = place.pod().await;
        run(&again, place.container(&image, "a", "true")).await;
    });
}

fn unsafe_free_kill(pid: i32) -> i32 {
    Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().code().unwrap()
}

pub fn machine_goes_down() {
    place::with(async |place| {
        let image = place.busybox().await;
        let pod = place.pod().await;
        let kind = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done";
        let kind = run(&pod, place.container(&image, "kind", kind)).await;
        let deaf = run(&pod, place.container(&image, "deaf", "trap '' TERM; echo ready; sleep 1000")).await;
        let slow = place.runtime.sandbox(place.pod_spec("66666666-2222-3333-4444-555555555555")).await.unwrap();
        let kind_but_slow = "trap 'sleep 1; exit 6' TERM; echo ready; while :; do sleep 0.01; done";
        let late = run(&slow, place.container(&image, "late", kind_but_slow)).await;
        for name in ["kind", "deaf", "late"] {
            until("its trap", || place.log(name).len() == 1).await;
        }
        let patient = slow.spec().uid.clone();
        let grace = |spec: &SandboxSpec| Duration::from_millis(if spec.uid == patient { 60_000 } else { 300 });
        place.runtime.stop_all(grace).await;
        let code = |key| pod.container(key).unwrap().exit.unwrap().code;
        assert_eq!([code(&kind), code(&deaf)], [5, 137]);
        assert_eq!(slow.container(&late).unwrap().exit.unwrap().code, 6, "it had the time of its own pod");
        assert!(pod.is_alive());
        place.runtime.stop_all(|_| Duration::from_secs(60)).await; // nothing left to wait for
    });
}

pub fn purge_leaves_nothing() {
    place::with(async |place| {
        let image = place.busybox().await;
        let pod = place.pod().await;
        let mut spec = place.container(&image, "a", "sleep 1000 & sleep 1001");
        spec.log_path = None;
        run(&pod, spec).await;
        std::fs::remove_file(place.config.data_dir.join("busybox.tar")).unwrap();
        Runtime::purge(&place.config).await.unwrap();
        let name = &place.config.cgroup_root;
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(name));
        assert!(!place.config.data_dir.exists() && !place.config.state_dir.exists());
        assert!(!std::path::Path::new("/sys/fs/cgroup").join(name).exists());
        for hierarchy in std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
            assert!(!hierarchy.path().join(name).exists());
        }
        let ps = Command::new("ps").args(["-eo", "args"]).output().unwrap();
        assert!(!String::from_utf8_lossy(&ps.stdout).contains("sleep 1001"));
    });
}

pub fn full_disk_loses_no_line() {
    place::with(async |place| {
        let image = place.busybox().await;
        let pod = place.pod().await;
        let small = place.config.data_dir.join("logs");
        std::fs::create_dir_all(&small).unwrap();
        assert!(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", "size=2m", "small"])
                .arg(&small)
                .status()
                .unwrap()
                .success()
        );
        let filler = small.join("filler");
        std::fs::write(&filler, vec![0; 1_900_000]).unwrap();
        // More than disk and pipe hold together: the container has to wait. Less than is kept of a log.
        let pad = "x".repeat(40);
        let script = format!("i=0; while [ $i -lt 8000 ]; do echo line $i {pad}; i=$((i+1)); done; exit 5");
        let key = run(&pod, place.container(&image, "a", &script)).await;
        until("the disk to be full", || rustix::fs::statvfs(&small).unwrap().f_bfree == 0).await;
        // The pod goes on answering meanwhile.
        let answer = pod.exec_sync(&key, &["true".into()], Duration::from_secs(10)).await;
        assert_eq!(answer.unwrap().exit_code, 0);
        std::fs::remove_file(&filler).unwrap();
        assert_eq!(pod.wait(&key).await.unwrap().exit.unwrap().code, 5);
        let mut seen = 0;
        for _ in 0..500 {
            let mut stream = pod.logs(&key, Default::default()).await.unwrap();
            let mut all = Vec::new();
            while let Some(chunk) = stream.recv().await {
                all.extend_from_slice(&chunk.unwrap());
            }
            let text = String::from_utf8(all).unwrap();
            let wrong = text.lines().enumerate().find(|(i, line)| *line != format!("line {i} {pad}"));
            assert_eq!(wrong, None, "of {} lines", text.lines().count());
            seen = text.lines().count();
            if seen == 8000 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(seen, 8000);
        pod.remove().await.unwrap();
        assert!(Command::new("umount").arg(&small).status().unwrap().success());
    });
}
