//! The agent goes, containers stay.

use crate::world::{SLEEP, container, on_a_node, script};
use client::{Api, DeleteOptions, resources};
use serde_json::json;

pub fn agent_restarts() {
    on_a_node(async |mut world| {
        let mut stays = script("main", SLEEP);
        stays["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
        let volumes = json!([{"name": "v", "emptyDir": {"medium": "Memory"}}]);
        world.pod("stays", json!({"containers": [stays], "volumes": volumes})).await;
        world.pod("goes", json!({"containers": [script("main", SLEEP)]})).await;
        world.pod("leaves", json!({"containers": [script("main", SLEEP)]})).await;
        let before = world.until_phase("stays", "Running").await;
        world.until_phase("goes", "Running").await;
        world.until_phase("leaves", "Running").await;
        world.exec("stays", "echo kept > /v/f").await;
        world
            .restart_agent(async |world| {
                let now = DeleteOptions { grace_seconds: Some(0), ..Default::default() };
                world.api.delete(&resources::PODS, "default", "goes", &now).await.unwrap();
                world.delete("leaves").await;
            })
            .await;
        world.until_gone("leaves").await;
        assert_eq!(world.exec("stays", "cat /v/f").await, "kept\n");
        let after = world.until_phase("stays", "Running").await;
        assert_eq!(container(&before, "main"), container(&after, "main"));
        assert_eq!(before["status"]["podIP"], after["status"]["podIP"]);
        let pods = std::fs::read_dir(world.folder.join("node/pods")).unwrap().count();
        assert_eq!(pods, 1, "folders of deleted pods are left");
        // It is still looked after: a crash is noticed, the volume is found again.
        world.exec("stays", "kill -TERM 1").await;
        let pod = world
            .until("stays", "restarted", |pod| {
                container(pod, "main")["restartCount"] == 1 && container(pod, "main")["state"]["running"].is_object()
            })
            .await;
        assert_eq!(pod["status"]["podIP"], before["status"]["podIP"]);
        assert_eq!(world.exec("stays", "cat /v/f").await, "kept\n");
        world.delete("stays").await;
        world.until_gone("stays").await;
        world
    });
}
