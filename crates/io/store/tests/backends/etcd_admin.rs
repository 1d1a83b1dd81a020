//! Values sealed before etcd has them; members, leases and snapshots of a real etcd.

use crate::etcd_server::Cluster;
use crate::suite::{collect, delete, in_time, put};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use store::{
    AdminError, Compare, Etcd, EtcdAdmin, EtcdOptions, Op, Outcome, ReadError, Sealer, SnapshotInfo, Store, WatchError,
};

fn admin(cluster: &Cluster) -> EtcdAdmin {
    EtcdAdmin::new(EtcdOptions::new(cluster.endpoints())).unwrap()
}

async fn sealing(cluster: &Cluster, key: &Path) -> Arc<Etcd> {
    let seal = Some(Arc::new(Sealer::load_or_create(key, vec!["/secrets/".into()]).unwrap()));
    Etcd::connect(EtcdOptions { seal, ..EtcdOptions::new(cluster.endpoints()) }).await.unwrap()
}

#[tokio::test]
async fn what_is_sealed_is_plain_to_those_with_the_key_only() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::single();
    let key = folder.path().join("key");
    let (one, other) = (sealing(&cluster, &key).await, sealing(&cluster, &key).await);
    let start = put(&*one, "/pods/a", "a pod").await;
    let mut watch = other.watch("/", start).await.unwrap();
    let first = put(&*one, "/secrets/a", "hunter2").await;
    put(&*other, "/secrets/a", "hunter3").await;
    let changes = collect(&mut *watch, 2).await;
    assert_eq!(changes[0].value.as_deref(), Some(&b"hunter2"[..]));
    assert_eq!(changes[1].previous.as_deref(), Some(&b"hunter2"[..]));
    assert_eq!(one.get("/secrets/a").await.unwrap().unwrap().value, "hunter3");
    let refused = one.txn(vec![Compare::unchanged("/secrets/a", first)], vec![Op::delete("/secrets/a")]).await.unwrap();
    let Outcome::Refused { current, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(current[0].as_ref().unwrap().value, "hunter3");

    let keyless = Etcd::connect(EtcdOptions::new(cluster.endpoints())).await.unwrap();
    assert_eq!(keyless.get("/pods/a").await.unwrap().unwrap().value, "a pod");
    let error = keyless.get("/secrets/a").await.unwrap_err();
    assert!(matches!(&error, ReadError::Io(text) if text.contains("encryption key file")), "{error}");
    let error = in_time(keyless.watch("/secrets/", start).await.unwrap().next()).await.unwrap_err();
    assert!(matches!(error, WatchError::Cut(_)), "{error}");
    delete(&*keyless, "/secrets/a").await;

    let saved = folder.path().join("snapshot");
    admin(&cluster).snapshot_save(&saved).await.unwrap();
    let bytes = std::fs::read(&saved).unwrap();
    let has = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
    assert!(has(b"a pod") && !has(b"hunter"), "its history too is sealed");
}

#[tokio::test]
async fn a_snapshot_is_whole_private_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::single();
    let admin = admin(&cluster);
    let store = Etcd::connect(EtcdOptions::new(cluster.endpoints())).await.unwrap();
    for number in 0..8 {
        put(&*store, &format!("/a/{number}"), &"x".repeat(1 << 20)).await;
    }
    let path = folder.path().join("snapshot");
    std::fs::write(&path, "an older one").unwrap();
    let info = admin.snapshot_save(&path).await.unwrap();
    assert!(info.bytes > 8 << 20, "{info:?}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(SnapshotInfo::check(&path).unwrap(), info);
    let status = std::process::Command::new("etcdctl").args(["snapshot", "status"]).arg(&path).output();
    assert!(status.expect("install it: apt-get install etcd-client").status.success(), "etcdctl accepts it");

    let mut bytes = std::fs::read(&path).unwrap();
    bytes[5000] ^= 1;
    let damaged = folder.path().join("damaged");
    std::fs::write(&damaged, &bytes).unwrap();
    assert!(matches!(SnapshotInfo::check(&damaged), Err(AdminError::Damaged(_))));
    std::fs::write(&damaged, &bytes[..bytes.len() - 100]).unwrap();
    assert!(matches!(SnapshotInfo::check(&damaged), Err(AdminError::Damaged(_))));
    std::fs::remove_file(&damaged).unwrap();

    cluster.members[0].kill();
    let error = in_time(admin.snapshot_save(&path)).await.unwrap_err();
    assert!(matches!(error, AdminError::Unreachable(_)), "{error}");
    assert_eq!(SnapshotInfo::check(&path).unwrap(), info, "the one before is still there");
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["snapshot"], "nothing is left over");
}

#[tokio::test]
async fn members_come_and_go() {
    let cluster = Cluster::single();
    let admin = admin(&cluster);
    let first = admin.members().await.unwrap().remove(0);
    assert_eq!((first.name.as_str(), first.is_learner), ("m0", false));
    let (added, all) = admin.add_learner("http://127.0.0.1:1").await.unwrap();
    assert!(added.is_learner && added.name.is_empty() && all.len() == 2, "{all:?}");
    let error = admin.add_learner("http://127.0.0.1:2").await.unwrap_err();
    assert!(error.is_passing(), "one learner at a time: {error}");
    let error = admin.promote(added.id).await.unwrap_err();
    assert!(error.is_passing(), "it has not caught up: {error}");
    admin.update(added.id, "http://127.0.0.1:3").await.unwrap();
    let known = admin.members().await.unwrap();
    assert!(known.iter().any(|member| member.peer_urls == ["http://127.0.0.1:3"]), "{known:?}");
    admin.remove(added.id).await.unwrap();
    assert_eq!(admin.members().await.unwrap(), [first]);
    let error = admin.remove(added.id).await.unwrap_err();
    assert!(matches!(&error, AdminError::Refused(_)) && !error.is_passing(), "{error}");
    admin.revoke_lease(17).await.unwrap();
}
