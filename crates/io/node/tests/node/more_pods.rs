//! Pods' lives: what changes, is refused or is looked at while they run.

use crate::world::{IMAGE, SLEEP, container, is_ready, on_a_node, script};
use apimachinery::Value;
use client::door::{ExecOptions, ExitStatus, NodeDoor};
use client::{Api, PatchKind, WriteOptions, resources};
use serde_json::json;

/// In the container, on version 1 and version 2 of control groups.
const SHARES: &str = "cat /sys/fs/cgroup/cpu/cpu.shares /sys/fs/cgroup/cpu.weight 2>/dev/null; true";

pub fn resize_in_place() {
    on_a_node(async |world| {
        let mut main = script("main", SLEEP);
        main["resources"] = json!({"requests": {"cpu": "100m", "memory": "32Mi"}});
        main["resizePolicy"] = json!([{"resourceName": "memory", "restartPolicy": "RestartContainer"}]);
        world.pod("p", json!({"containers": [main]})).await;
        let pod = world.until_phase("p", "Running").await;
        assert_eq!(container(&pod, "main")["allocatedResources"], json!({"cpu": "100m", "memory": "32Mi"}));
        let resize = async |requests: Value| {
            let patch = json!({"spec": {"containers": [{"name": "main", "resources": {"requests": requests}}]}});
            let options = WriteOptions { subresource: "resize", field_manager: "test" };
            world.api.patch(&resources::PODS, "default", "p", PatchKind::Strategic, patch, options).await.unwrap();
        };
        let before = world.exec("p", SHARES).await;
        resize(json!({"cpu": "200m"})).await;
        let has = |pod: &Value, cpu: &str, memory: &str| {
            container(pod, "main")["resources"]["requests"] == json!({"cpu": cpu, "memory": memory})
        };
        let pod = world.until("p", "resized", |pod| has(pod, "200m", "32Mi")).await;
        assert_eq!(container(&pod, "main")["restartCount"], 0);
        let after = world.exec("p", SHARES).await;
        let number = |text: &str| text.trim().parse::<u32>().unwrap();
        assert!(number(&after) > number(&before), "{before} {after}");
        resize(json!({"memory": "48Mi"})).await;
        let is_new = |pod: &Value| has(pod, "200m", "48Mi") && container(pod, "main")["restartCount"] == 1;
        world.until("p", "restarted with more memory", is_new).await;
        world.until_event("p", "Killing Container main resize requires restart").await;
        let pending = |pod: &Value| {
            let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
            conditions.filter(|condition| condition["type"] == "PodResizePending").count()
        };
        resize(json!({"cpu": "9999"})).await;
        let pod = world.until("p", "refused", |pod| pending(pod) == 1).await;
        assert!(has(&pod, "200m", "48Mi"));
        resize(json!({"cpu": "200m"})).await;
        world.until("p", "as it was", |pod| pending(pod) == 0).await;
        world
    });
}

pub fn readiness_while_ending() {
    on_a_node(async |world| {
        let mut main = script("main", "trap 'rm /tmp/ready' TERM; touch /tmp/ready; while :; do sleep 0.02; done");
        main["readinessProbe"] =
            json!({"exec": {"command": ["cat", "/tmp/ready"]}, "periodSeconds": 1, "failureThreshold": 1});
        world.pod("p", json!({"containers": [main], "terminationGracePeriodSeconds": 10})).await;
        world.until("p", "ready", is_ready).await;
        world.delete("p").await;
        let pod = world.until("p", "unready", |pod| !is_ready(pod)).await;
        assert!(container(&pod, "main")["state"]["running"].is_object(), "{pod:#}");
        world
    });
}

pub fn hooks_end_with_their_container() {
    on_a_node(async |world| {
        let mut main = script("main", "while [ ! -e /tmp/go ]; do sleep 0.02; done; exit 3");
        main["lifecycle"] = json!({"preStop": {"sleep": {"seconds": 25}}});
        world
            .pod("p", json!({"containers": [main], "terminationGracePeriodSeconds": 30, "restartPolicy": "Never"}))
            .await;
        world.until_phase("p", "Running").await;
        world.delete("p").await;
        world.until_event("p", "Killing Stopping container main").await;
        world.exec("p", "touch /tmp/go").await;
        let begun = std::time::Instant::now();
        world.until_gone("p").await;
        assert!(begun.elapsed() < std::time::Duration::from_secs(10));
        world
    });
}

pub fn attached_clients_leave() {
    on_a_node(async |world| {
        let mut main = script("main", "cat && echo end");
        main["stdin"] = true.into();
        world.pod("p", json!({"containers": [main]})).await;
        world.until_phase("p", "Running").await;
        let options = ExecOptions { stdin: true, stdout: true, ..Default::default() };
        let mut session = world.node.exec(world.target("p", "main"), options).await.unwrap();
        session.stdin.take().unwrap().send("word\n".into()).await.unwrap();
        let mut stdout = session.stdout.take().unwrap();
        assert_eq!(&stdout.recv().await.unwrap()[..], b"word\n");
        // The input has ended, and with it the session; the container goes on.
        assert!(stdout.recv().await.is_none());
        assert_eq!(session.status.await.unwrap(), ExitStatus::Exited(0));
        let pod = world.get("p").await.unwrap();
        assert!(container(&pod, "main")["state"]["running"].is_object(), "{pod:#}");
        world
    });
}

pub fn refused_and_evicted() {
    on_a_node(async |world| {
        let sysctls = json!({"sysctls": [{"name": "kernel.msgmax", "value": "65536"}]});
        world.pod("sysctl", json!({"containers": [script("main", SLEEP)], "securityContext": sysctls})).await;
        let pod = world.until_phase("sysctl", "Failed").await;
        assert_eq!(pod["status"]["reason"], "SysctlForbidden");
        world.pod("users", json!({"containers": [script("main", SLEEP)], "hostUsers": false})).await;
        world.until_event("users", "FailedCreatePodSandBox Failed to create pod sandbox: user namespaces").await;
        let mut main = script("main", "head -c 3000000 /dev/zero > /disk/f; sleep 100");
        main["volumeMounts"] = json!([{"name": "disk", "mountPath": "/disk"}]);
        let disk = json!([{"name": "disk", "emptyDir": {"sizeLimit": "1Mi"}}]);
        world.pod("full", json!({"containers": [main], "volumes": disk})).await;
        let pod = world.until_phase("full", "Failed").await;
        assert_eq!(pod["status"]["reason"], "Evicted");
        assert_eq!(pod["status"]["message"], "Usage of EmptyDir volume \"disk\" exceeds the limit \"1Mi\". ");
        world
    });
}

pub fn what_a_container_finds() {
    on_a_node(async |world| {
        let mut main = script("main", SLEEP);
        main["securityContext"] = json!({"runAsUser": 1000});
        main["volumeMounts"] = json!([
            {"name": "disk", "mountPath": "/disk", "subPath": "a/b"}, {"name": "token", "mountPath": "/token"},
        ]);
        let token = json!({"sources": [{"serviceAccountToken": {"path": "token", "expirationSeconds": 600}}]});
        let volumes = json!([{"name": "disk", "emptyDir": {}}, {"name": "token", "projected": token}]);
        world.pod("p", json!({"containers": [main], "volumes": volumes})).await;
        let pod = world.until_phase("p", "Running").await;
        assert_eq!(container(&pod, "main")["user"]["linux"]["uid"], 1000);
        let said = world.exec("p", "touch /disk/f && stat -L -c '%a %u' /token/token && echo $HOSTNAME").await;
        assert_eq!(said, "600 1000\np\n");
        let raise = "echo 1 > /sys/fs/cgroup/pids/pids.max || echo 1 > /sys/fs/cgroup/pids.max";
        world.pod("root", json!({"containers": [script("main", SLEEP)]})).await;
        world.until_phase("root", "Running").await;
        assert!(world.exec("root", raise).await.contains("Read-only file system"));
        let debug = json!({
            "name": "debug", "image": IMAGE, "command": ["sh", "-c", "cat /proc/1/cmdline"],
            "targetContainerName": "main",
        });
        let patch = json!({"spec": {"ephemeralContainers": [debug]}});
        let options = WriteOptions { subresource: "ephemeralcontainers", field_manager: "test" };
        world.api.patch(&resources::PODS, "default", "p", PatchKind::Strategic, patch, options).await.unwrap();
        world.until("p", "debugged", |pod| container(pod, "debug")["state"]["terminated"]["exitCode"] == 0).await;
        let seen = world.log("p", "debug", false).await.unwrap();
        assert!(seen.contains("echo up"), "{seen}");
        let mut last = script("main", "printf DONE; exit 1");
        last["terminationMessagePolicy"] = "FallbackToLogsOnError".into();
        world.pod("last", json!({"containers": [last], "restartPolicy": "Never"})).await;
        let pod = world.until_phase("last", "Failed").await;
        assert_eq!(container(&pod, "main")["state"]["terminated"]["message"], "DONE");
        let mut lost = script("main", SLEEP);
        let field = json!({"fieldRef": {"fieldPath": "metadata.annotations['path']"}});
        lost["env"] = json!([{"name": "NOBODY", "valueFrom": field}]);
        lost["volumeMounts"] = json!([{"name": "disk", "mountPath": "/disk", "subPathExpr": "$(NOBODY)"}]);
        world.pod("lost", json!({"containers": [lost], "volumes": [{"name": "disk", "emptyDir": {}}]})).await;
        world.until_event("lost", "Failed Error: missing value for NOBODY").await;
        let patch = json!({"metadata": {"annotations": {"path": "found"}}});
        let options = WriteOptions::default();
        world.api.patch(&resources::PODS, "default", "lost", PatchKind::Merge, patch, options).await.unwrap();
        world.until_phase("lost", "Running").await;
        world
    });
}
