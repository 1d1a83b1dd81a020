//! Pods' lives.

use crate::world::{IMAGE, SLEEP, container, is_ready, on_a_node, script};
use client::door::{ExecOptions, ExitStatus, NodeDoor, NodeMetrics};
use client::{Api, DeleteOptions, ListOptions, Scope, resources};
use serde_json::json;
use std::time::{Duration, Instant};

pub fn comes_and_goes_quickly() {
    on_a_node(async |world| {
        let mut times = Vec::new();
        for round in 0..3 {
            let name = format!("p{round}");
            let begun = Instant::now();
            world.pod(&name, json!({"containers": [script("main", SLEEP)]})).await;
            let pod = world.until_phase(&name, "Running").await;
            let up = begun.elapsed();
            assert!(is_ready(&pod), "{pod:#}");
            let status = &pod["status"];
            assert!(status["podIP"].as_str().unwrap().starts_with("10.42.0."), "{status:#}");
            assert_eq!((&status["hostIP"], &status["qosClass"]), (&"192.0.2.1".into(), &"BestEffort".into()));
            assert!(container(&pod, "main")["containerID"].as_str().unwrap().starts_with("barque://"));
            world.until_event(&name, "Started Container started").await;
            let begun = Instant::now();
            world.delete(&name).await;
            world.until_gone(&name).await;
            times.push((up, begun.elapsed()));
        }
        println!("     create to Running, delete to gone: {times:?}");
        world.until_event("p0", "Killing Stopping container main").await;
        let lease = world.api.get(&resources::LEASES, "kube-node-lease", "n1").await.unwrap().to_value();
        assert_eq!(lease["spec"]["holderIdentity"], "n1");
        let node = world.api.get(&resources::NODES, "", "n1").await.unwrap().to_value();
        let ready = node["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap();
        assert_eq!((&ready["status"], &ready["reason"]), (&"True".into(), &"KubeletReady".into()));
        // Nothing of them is left.
        for folder in ["node/pods", "logs"] {
            let begun = Instant::now();
            while std::fs::read_dir(world.folder.join(folder)).unwrap().count() > 0 {
                assert!(begun.elapsed() < Duration::from_secs(10), "{folder} is not empty");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        world
    });
}

pub fn many_at_once() {
    on_a_node(async |world| {
        let begun = Instant::now();
        for index in 0..30 {
            world.pod(&format!("p{index}"), json!({"containers": [script("main", SLEEP)]})).await;
        }
        for index in 0..30 {
            world.until_phase(&format!("p{index}"), "Running").await;
        }
        println!("     30 pods run after {:?}", begun.elapsed());
        let begun = Instant::now();
        for index in 0..30 {
            world.delete(&format!("p{index}")).await;
        }
        for index in 0..30 {
            world.until_gone(&format!("p{index}")).await;
        }
        println!("     30 pods are gone after {:?}", begun.elapsed());
        world
    });
}

pub fn crashes_and_completes() {
    on_a_node(async |world| {
        let mut failing = script("main", "echo oh no >&2; exit 3");
        failing["terminationMessagePolicy"] = "FallbackToLogsOnError".into();
        world.pod("crash", json!({"containers": [failing]})).await;
        let held = |pod: &serde_json::Value| container(pod, "main")["state"]["waiting"]["reason"] == "CrashLoopBackOff";
        let pod = world.until("crash", "held back", held).await;
        let status = container(&pod, "main");
        let message = status["state"]["waiting"]["message"].as_str().unwrap();
        assert!(message.starts_with("back-off 10s restarting failed container=main pod=crash_default("), "{message}");
        let last = &status["lastState"]["terminated"];
        assert_eq!((&last["exitCode"], &last["reason"]), (&3.into(), &"Error".into()));
        assert_eq!(last["message"], "oh no\n");
        assert_eq!(status["restartCount"], 1);
        world.until_event("crash", "BackOff Back-off restarting failed container main in pod crash_default(").await;
        assert_eq!(world.log("crash", "main", true).await.unwrap(), "oh no\n");
        let never = "echo done; echo because > /dev/termination-log";
        world.pod("job", json!({"restartPolicy": "Never", "containers": [script("main", never)]})).await;
        let pod = world.until_phase("job", "Succeeded").await;
        let ended = &container(&pod, "main")["state"]["terminated"];
        assert_eq!((&ended["reason"], &ended["message"]), (&"Completed".into(), &"because\n".into()));
        assert_eq!(world.log("job", "", false).await.unwrap(), "done\n");
        world.pod("late", json!({"activeDeadlineSeconds": 1, "containers": [script("main", SLEEP)]})).await;
        let pod = world.until_phase("late", "Failed").await;
        assert_eq!(pod["status"]["reason"], "DeadlineExceeded");
        // A second deletion with less patience counts.
        world.pod("deaf", json!({"terminationGracePeriodSeconds": 60, "containers": [script("main", "trap '' TERM; while :; do sleep 1; done")]})).await;
        world.until_phase("deaf", "Running").await;
        world.delete("deaf").await;
        world.until_event("deaf", "Killing").await;
        let soon = DeleteOptions { grace_seconds: Some(1), ..Default::default() };
        world.api.delete(&resources::PODS, "default", "deaf", &soon).await.unwrap();
        world.until_gone("deaf").await;
        for name in ["crash", "job", "late"] {
            world.delete(name).await;
            world.until_gone(name).await;
        }
        world
    });
}

pub fn init_containers_and_sidecars() {
    on_a_node(async |world| {
        let mut side = script("side", SLEEP);
        side["restartPolicy"] = "Always".into();
        let mount = json!([{"name": "shared", "mountPath": "/shared"}]);
        let mut first = script("first", "echo 1 >> /shared/order");
        first["volumeMounts"] = mount.clone();
        let mut main = script("main", "cat /shared/order; test -z \"$SIDE\"");
        main["volumeMounts"] = mount;
        world
            .pod(
                "p",
                json!({
                    "restartPolicy": "Never", "volumes": [{"name": "shared", "emptyDir": {}}],
                    "initContainers": [first, side], "containers": [main],
                }),
            )
            .await;
        let pod = world.until_phase("p", "Succeeded").await;
        assert_eq!(world.log("p", "main", false).await.unwrap(), "1\n");
        assert_eq!(container(&pod, "side")["state"]["terminated"]["exitCode"], 0);
        world.pod("bad", json!({"restartPolicy": "Never", "initContainers": [script("a", "exit 1")], "containers": [script("main", SLEEP)]})).await;
        let pod = world.until_phase("bad", "Failed").await;
        assert_eq!(container(&pod, "main")["state"]["waiting"]["reason"], "PodInitializing");
        world
    });
}

pub fn probes_and_hooks() {
    on_a_node(async |world| {
        let mut main = script(
            "main",
            "while [ ! -e /tmp/go ]; do sleep 0.02; done; while :; do printf 'HTTP/1.0 200 OK\\r\\n\\r\\n' | nc -l -p 8080; done",
        );
        main["readinessProbe"] = json!({"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1});
        main["lifecycle"] = json!({"postStart": {"exec": {"command": ["bin/sh", "-c", "echo started > /tmp/hook"]}}});
        world.pod("web", json!({"containers": [main], "terminationGracePeriodSeconds": 1})).await;
        world.until_event("web", "Unhealthy Readiness probe failed: Get \"http://10.42.0.").await;
        assert_eq!(world.exec("web", "cat /tmp/hook; touch /tmp/go").await, "started\n");
        world.until("web", "ready", is_ready).await;
        let mut sick = script("main", SLEEP);
        sick["livenessProbe"] = json!({"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1});
        world.pod("sick", json!({"containers": [sick]})).await;
        world.until_event("sick", "Killing Container main failed liveness probe, will be restarted").await;
        world.until("sick", "restarted", |pod| container(pod, "main")["restartCount"].as_i64() > Some(0)).await;
        let mut bad = script("main", SLEEP);
        bad["lifecycle"] = json!({"preStop": {"exec": {"command": ["sh", "-c", "echo no; exit 4"]}}});
        world.pod("hook", json!({"containers": [bad]})).await;
        world.until_phase("hook", "Running").await;
        world.delete("hook").await;
        world.until_gone("hook").await;
        world.until_event("hook", "FailedPreStopHook").await;
        world
    });
}

pub fn environment_and_security() {
    on_a_node(async |world| {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"color": "blue", "size": "9"}});
        world.create(&resources::CONFIG_MAPS, map).await;
        let mut main = script(
            "main",
            "env | sort; id; hostname; cat /etc/resolv.conf /etc/hosts; grep NoNewPrivs /proc/self/status; touch /x 2>&1; sleep 100",
        );
        main["env"] = json!([
            {"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2 $$(A)"},
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}},
            {"name": "COLOR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "color"}}},
        ]);
        main["envFrom"] = json!([{"prefix": "S_", "configMapRef": {"name": "settings"}}]);
        main["resources"] = json!({"limits": {"memory": "64Mi", "cpu": "500m"}});
        main["securityContext"] = json!({
            "runAsUser": 1000, "runAsGroup": 1001, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
        });
        world
            .pod(
                "p",
                json!({
                    "containers": [main], "hostname": "ship", "subdomain": "port", "terminationGracePeriodSeconds": 0,
                    "securityContext": {"supplementalGroups": [7]},
                    "hostAliases": [{"ip": "192.0.2.9", "hostnames": ["alias"]}],
                }),
            )
            .await;
        let pod = world.until_phase("p", "Running").await;
        let mut log = String::new();
        let begun = Instant::now();
        while !log.contains("Read-only file system") {
            assert!(begun.elapsed() < Duration::from_secs(10), "{log}");
            log = world.log("p", "main", false).await.unwrap();
        }
        let ip = pod["status"]["podIP"].as_str().unwrap();
        for wanted in [
            "A=1",
            "B=12 $(A)",
            "NAME=p",
            &format!("IP={ip}"),
            "LIMIT=67108864",
            "COLOR=blue",
            "S_size=9",
            "FROM_IMAGE=yes",
            "uid=1000 gid=1001 groups=7,1001",
            "ship",
            "nameserver 10.96.0.10",
            "search default.svc.cluster.local svc.cluster.local cluster.local",
            &format!("{ip}\tship.port.default.svc.cluster.local\tship"),
            "192.0.2.9\talias",
            "NoNewPrivs:\t1",
            "KUBERNETES_SERVICE_HOST=10.96.0.1",
        ] {
            assert!(log.lines().any(|line| line.starts_with(wanted)), "{wanted:?} is not in {log}");
        }
        assert_eq!(pod["status"]["qosClass"], "Guaranteed");
        let mut root = script("main", "true");
        root["securityContext"] = json!({"runAsNonRoot": true});
        world.pod("root", json!({"containers": [root]})).await;
        world.until_event("root", "Failed Error: container has runAsNonRoot and image will run as root").await;
        world
    });
}

pub fn logs_and_exec() {
    on_a_node(async |world| {
        world.pod("p", json!({"containers": [script("main", SLEEP)]})).await;
        world.until_phase("p", "Running").await;
        assert_eq!(world.exec("p", "echo hello; echo err >&2").await, "hello\nerr\n");
        let options = ExecOptions {
            command: vec!["sh".into(), "-c".into(), "cat; exit 5".into()],
            stdin: true,
            stdout: true,
            ..Default::default()
        };
        let mut session = world.node.exec(world.target("p", "main"), options).await.unwrap();
        session.stdin.take().unwrap().send("in".into()).await.unwrap();
        assert_eq!(&session.stdout.as_mut().unwrap().recv().await.unwrap()[..], b"in");
        assert_eq!(session.status.await.unwrap(), ExitStatus::Exited(5));
        let error = world.log("p", "other", false).await.unwrap_err();
        assert_eq!(error.message(), "container other is not valid for pod p");
        let error = world.log("p", "main", true).await.unwrap_err();
        assert_eq!(error.message(), "previous terminated container \"main\" in pod \"p\" not found");
        let begun = Instant::now();
        while world.log("p", "main", false).await.unwrap() != "up\n" {
            assert!(begun.elapsed() < Duration::from_secs(5));
        }
        let stats = world.node.stats().await.unwrap();
        let pod = &stats["pods"][0];
        assert_eq!(pod["podRef"]["name"], "p");
        assert!(pod["containers"][0]["memory"]["workingSetBytes"].as_u64() > Some(0), "{stats:#}");
        for (of, series) in [
            (NodeMetrics::Agent, "kubelet_running_containers{container_state=\"running\"} 1"),
            (NodeMetrics::Cadvisor, "container_network_receive_bytes_total{container=\"\",id=\"/"),
            (
                NodeMetrics::Resource,
                "container_start_time_seconds{container=\"main\",pod=\"p\",namespace=\"default\"} ",
            ),
        ] {
            let text = world.node.metrics(of).await.unwrap();
            assert!(text.lines().any(|line| line.starts_with(series)), "{series}\n{text}");
        }
        let ephemeral = json!({"spec": {"ephemeralContainers": [{"name": "debug", "image": IMAGE, "command": ["sh", "-c", "echo dbg"]}]}});
        let options = client::WriteOptions { subresource: "ephemeralcontainers", field_manager: "test" };
        world
            .api
            .patch(&resources::PODS, "default", "p", client::PatchKind::Strategic, ephemeral, options)
            .await
            .unwrap();
        world.until("p", "debugged", |pod| container(pod, "debug")["state"]["terminated"]["exitCode"] == 0).await;
        assert_eq!(world.log("p", "debug", false).await.unwrap(), "dbg\n");
        world
    });
}

pub fn missing_image_and_config() {
    on_a_node(async |world| {
        let mut never = script("main", SLEEP);
        never["image"] = "example.test/none:1".into();
        never["imagePullPolicy"] = "Never".into();
        world.pod("never", json!({"containers": [never.clone()]})).await;
        world
            .until_event(
                "never",
                "ErrImageNeverPull Container image \"example.test/none:1\" is not present with pull policy of Never",
            )
            .await;
        never["imagePullPolicy"] = "Always".into();
        world.pod("pull", json!({"containers": [never.clone()]})).await;
        let backing_off =
            |pod: &serde_json::Value| container(pod, "main")["state"]["waiting"]["reason"] == "ImagePullBackOff";
        let pod = world.until("pull", "backing off", backing_off).await;
        assert_eq!(pod["status"]["phase"], "Pending");
        world.until_event("pull", "Failed Error: ErrImagePull").await;
        never["image"] = "UPPER CASE".into();
        let bad = world.api.list(&resources::NODES, Scope::All, &ListOptions::default()).await.unwrap();
        assert_eq!(bad.items.len(), 1);
        let mut config = script("main", SLEEP);
        config["env"] = json!([{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "absent", "key": "k"}}}]);
        world.pod("config", json!({"containers": [config]})).await;
        let missing = |pod: &serde_json::Value| {
            container(pod, "main")["state"]["waiting"]["reason"] == "CreateContainerConfigError"
        };
        let pod = world.until("config", "waiting", missing).await;
        assert_eq!(container(&pod, "main")["state"]["waiting"]["message"], "configmap \"absent\" not found");
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "absent"}, "data": {"k": "v"}});
        world.create(&resources::CONFIG_MAPS, map).await;
        world.until_phase("config", "Running").await;
        for name in ["never", "pull", "config"] {
            world.delete(name).await;
            world.until_gone(name).await;
        }
        world
    });
}
