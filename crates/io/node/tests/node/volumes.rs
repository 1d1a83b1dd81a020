//! Volumes of every type that needs nothing but this machine.

use crate::world::{SLEEP, container, on_a_node, script};
use client::{Api, PatchKind, WriteOptions, resources};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

pub fn of_objects_follow_changes() {
    on_a_node(async |world| {
        let map =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "1", "b": "2"}});
        world.create(&resources::CONFIG_MAPS, map).await;
        let secret =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "hidden"}});
        world.create(&resources::SECRETS, secret).await;
        let mut main = script("main", SLEEP);
        main["volumeMounts"] = json!([
            {"name": "map", "mountPath": "/map"}, {"name": "secret", "mountPath": "/secret"},
            {"name": "all", "mountPath": "/all"}, {"name": "map", "mountPath": "/one", "subPath": "b"},
        ]);
        let volumes = json!([
            {"name": "map", "configMap": {"name": "m"}},
            {"name": "secret", "secret": {"secretName": "s", "defaultMode": 0o400, "items": [{"key": "key", "path": "deep/file"}]}},
            {"name": "all", "projected": {"sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": 600}},
                {"configMap": {"name": "absent", "optional": true}},
                {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            ]}},
        ]);
        world.pod("p", json!({"containers": [main], "volumes": volumes})).await;
        world.until_phase("p", "Running").await;
        assert_eq!(
            world.exec("p", "cat /map/a /one /secret/deep/file /all/labels; stat -L -c %a /secret/deep/file").await,
            "12hiddenapp=\"p\"400\n"
        );
        let token = world.exec("p", "cat /all/token").await;
        assert_eq!(token.split('.').count(), 3, "{token}");
        assert!(world.exec("p", "touch /map/x 2>&1").await.contains("Read-only"));
        let patch = json!({"data": {"a": "changed"}});
        world
            .api
            .patch(&resources::CONFIG_MAPS, "default", "m", PatchKind::Merge, patch, WriteOptions::default())
            .await
            .unwrap();
        let begun = Instant::now();
        while world.exec("p", "cat /map/a").await != "changed" {
            assert!(begun.elapsed() < Duration::from_secs(10));
        }
        world.delete("p").await;
        world.until_gone("p").await;
        world
    });
}

pub fn of_the_node() {
    on_a_node(async |world| {
        let host = world.folder.join("host");
        let mut main = script("main", SLEEP);
        main["volumeMounts"] = json!([
            {"name": "memory", "mountPath": "/memory"}, {"name": "host", "mountPath": "/host"},
            {"name": "disk", "mountPath": "/sub", "subPathExpr": "of/$(NAME)"}, {"name": "claim", "mountPath": "/claim"},
        ]);
        main["env"] = json!([{"name": "NAME", "value": "me"}]);
        let volume = json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv"},
            "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "",
                     "hostPath": {"path": world.folder.join("pv"), "type": "DirectoryOrCreate"}},
        });
        world.api.create(&resources::PERSISTENT_VOLUMES, "", volume, WriteOptions::default()).await.unwrap();
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c"},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeName": "pv", "resources": {"requests": {"storage": "1Gi"}}},
        });
        world.create(&resources::PERSISTENT_VOLUME_CLAIMS, claim).await;
        let volumes = json!([
            {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}, {"name": "disk", "emptyDir": {}},
            {"name": "host", "hostPath": {"path": host, "type": "DirectoryOrCreate"}},
            {"name": "claim", "persistentVolumeClaim": {"claimName": "c"}},
        ]);
        world.pod("p", json!({"containers": [main], "volumes": volumes, "securityContext": {"fsGroup": 77}})).await;
        world.until_event("p", "FailedMount MountVolume.SetUp failed for volume \"claim\" : PVC is not bound").await;
        let bound = json!({"status": {"phase": "Bound"}});
        let options = WriteOptions { subresource: "status", field_manager: "test" };
        world
            .api
            .patch(&resources::PERSISTENT_VOLUME_CLAIMS, "default", "c", PatchKind::Merge, bound, options)
            .await
            .unwrap();
        world.until_phase("p", "Running").await;
        let text = world.exec("p", "echo x > /host/f; echo y > /claim/f; echo z > /sub/f; stat -c %g /memory; head -c 2000000 /dev/zero > /memory/f 2>&1 || echo full").await;
        assert!(text.starts_with("77\n") && text.ends_with("full\n"), "{text}");
        assert_eq!(std::fs::read_to_string(host.join("f")).unwrap(), "x\n");
        assert_eq!(std::fs::read_to_string(world.folder.join("pv/f")).unwrap(), "y\n");
        world.delete("p").await;
        world.until_gone("p").await;
        assert!(host.join("f").exists());
        let bad = json!([{"name": "host", "hostPath": {"path": host, "type": "Socket"}}]);
        world.pod("bad", json!({"containers": [script("main", SLEEP)], "volumes": bad})).await;
        world.until_event("bad", "is not a socket file").await;
        world
    });
}

pub fn flex_drivers() {
    on_a_node(async |world| {
        let driver = world.folder.join("flex2/example.com~share/share");
        std::fs::create_dir_all(driver.parent().unwrap()).unwrap();
        let log = world.folder.join("calls");
        let text = format!(
            r#"#!/bin/sh
echo "$@" >> {}
case $1 in
  init) echo '{{"status":"Success","capabilities":{{"attach":false}}}}';;
  mount) mount -t tmpfs share $2 && echo flexible > $2/f && echo '{{"status":"Success"}}';;
  unmount) umount $2 && echo '{{"status":"Success"}}';;
  *) echo '{{"status":"Not supported"}}';;
esac
"#,
            log.display()
        );
        std::fs::write(&driver, text).unwrap();
        std::fs::set_permissions(&driver, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut main = script("main", SLEEP);
        main["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
        let volumes = json!([{"name": "v", "flexVolume": {"driver": "example.com/share", "fsType": "nfs", "options": {"server": "s1"}}}]);
        world.pod("p", json!({"containers": [main.clone()], "volumes": volumes})).await;
        world.until_phase("p", "Running").await;
        assert_eq!(world.exec("p", "cat /v/f").await, "flexible\n");
        world.delete("p").await;
        world.until_gone("p").await;
        let calls = std::fs::read_to_string(&log).unwrap();
        assert!(calls.contains("\"server\":\"s1\"") && calls.contains("\"kubernetes.io/fsType\":\"nfs\""), "{calls}");
        assert!(calls.contains("unmount"), "{calls}");
        let volumes = json!([{"name": "v", "flexVolume": {"driver": "example.com/none"}}]);
        world.pod("none", json!({"containers": [main], "volumes": volumes})).await;
        world.until_event("none", "flexVolume driver \"example.com/none\" is not installed: looked for ").await;
        let pod = world.get("none").await.unwrap();
        assert_eq!(container(&pod, "main")["state"]["waiting"]["reason"], "ContainerCreating");
        world
    });
}
