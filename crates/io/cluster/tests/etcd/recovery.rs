//! From the data of one member, or from a snapshot, to a cluster again.

use crate::machine::{self, LIMIT, Site, get, kill_and_wait, put, started, within};
use cluster::etcd::{Initial, MemberError, recover, snapshot_restore};
use std::os::unix::fs::PermissionsExt as _;
use store::{AdminError, Store as _};

#[tokio::test]
async fn one_of_two_goes_on_alone() {
    let site = Site::new();
    let [mut a, mut b] = ["a", "b"].map(|name| site.machine(name));
    let all = vec![(a.name.clone(), a.peer_url()), (b.name.clone(), b.peer_url())];
    a.initial = Initial::Together(all.clone());
    b.initial = Initial::Together(all);
    let (first, second) = tokio::join!(started(&a), started(&b));
    let store = site.store(&[&a]).await;
    put(&store, "/a", "1").await;
    within(second.stop()).await.unwrap();
    drop(first);

    let supervisor = within(recover(&machine::binary(), &a, LIMIT)).await.unwrap();
    assert_eq!(supervisor.admin().members().await.unwrap().len(), 1);
    assert_eq!(get(&store, "/a").await.as_deref(), Some("1"));
    put(&store, "/a", "2").await;
    // Restarted by us, it is an ordinary member.
    kill_and_wait(&supervisor).await;
    let line = std::fs::read_to_string(format!("/proc/{}/cmdline", machine::process(&supervisor).0)).unwrap();
    assert!(line.contains("--data-dir") && !line.contains("force-new-cluster"), "{line}");
    assert_eq!(get(&store, "/a").await.as_deref(), Some("2"));

    let empty = site.machine("empty");
    let error = recover(&machine::binary(), &empty, LIMIT).await.err().unwrap();
    assert!(matches!(error, MemberError::NoData(_)), "{error}");
}

#[tokio::test]
async fn a_snapshot_becomes_a_cluster() {
    let site = Site::new();
    let old = site.machine("old");
    let supervisor = started(&old).await;
    let store = site.store(&[&old]).await;
    for number in 0..200 {
        put(&store, "/a", &number.to_string()).await;
    }
    let snapshot = site.path("snapshot");
    supervisor.admin().snapshot_save(&snapshot).await.unwrap();
    let saved = store.revision().await.unwrap();
    put(&store, "/late", "1").await;
    let error = snapshot_restore(&machine::binary(), &snapshot, &old).await.unwrap_err();
    assert!(matches!(error, MemberError::HasData(_)), "{error}");

    let new = site.machine("new");
    let mut bytes = std::fs::read(&snapshot).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(site.path("damaged"), bytes).unwrap();
    let error = snapshot_restore(&machine::binary(), &site.path("damaged"), &new).await.unwrap_err();
    assert!(matches!(error, MemberError::Admin(AdminError::Damaged(_))), "{error}");
    assert!(!new.data_dir.exists(), "nothing was changed");

    within(snapshot_restore(&machine::binary(), &snapshot, &new)).await.unwrap();
    assert_eq!(std::fs::metadata(&new.data_dir).unwrap().permissions().mode() & 0o777, 0o700);
    let supervisor = started(&new).await;
    let members = supervisor.admin().members().await.unwrap();
    assert_eq!((members.len(), members[0].name.as_str()), (1, "new"));
    let store = site.store(&[&new]).await;
    assert_eq!(store.revision().await.unwrap(), saved);
    assert_eq!(get(&store, "/a").await.as_deref(), Some("199"));
    assert_eq!(get(&store, "/late").await, None);
    // The first writes are not taken for some that the snapshot has already, also after a crash.
    put(&store, "/b", "1").await;
    kill_and_wait(&supervisor).await;
    assert_eq!(get(&store, "/b").await.as_deref(), Some("1"));
}
