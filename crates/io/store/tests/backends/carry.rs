//! The embedded store's state in a real etcd: the same keys, values and revisions, and what is asked of older ones.

use crate::etcd_server::Cluster;
use crate::suite::{collect, delete, in_time, put};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use store::{
    Embedded, Etcd, EtcdOptions, Op, Options, Range, RangeResult, ReadError, Revision, Sealer, Store, WatchError,
};

struct Carried {
    embedded: Arc<Embedded>,
    state: RangeResult,
    seal: Arc<Sealer>,
    folder: tempfile::TempDir,
}

impl Carried {
    /// Carries what `fill` writes into a fresh store.
    async fn new(fill: impl AsyncFnOnce(&Embedded)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let seal = Arc::new(Sealer::load_or_create(folder.path().join("key"), vec!["/secrets/".into()]).unwrap());
        let mut options = Options::new(folder.path().join("db"));
        options.seal = Some(seal.clone());
        let embedded = Embedded::open(options).unwrap();
        fill(&embedded).await;
        let state = embedded.carry_to_etcd(&folder.path().join("snapshot"), Some(seal.clone())).await.unwrap();
        Self { embedded, state, seal, folder }
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("snapshot")
    }

    async fn restored(&self) -> (Cluster, Arc<Etcd>) {
        let cluster = Cluster::restored(&self.file());
        let options = EtcdOptions { seal: Some(self.seal.clone()), ..EtcdOptions::new(cluster.endpoints()) };
        let store = Etcd::connect(options).await.unwrap();
        (cluster, store)
    }
}

async fn at(store: &dyn Store, revision: Revision) -> Result<RangeResult, ReadError> {
    store.range(Range { at: Some(revision), ..Range::under("") }).await
}

/// Trees of three levels, values of many pages, transactions of several keys, rewritten and deleted keys.
async fn much(store: &Embedded) {
    for round in 0..60 {
        let ops = (0..100).map(|n| Op::put(format!("/pods/{}", (n * 37 + round * 100) % 5500), "v".repeat(n * 7)));
        store.txn(vec![], ops.collect()).await.unwrap();
    }
    put(store, "/big/a", &"b".repeat(1 << 20)).await;
    for n in 0..300 {
        put(store, &format!("/leases/{}", n % 7), &n.to_string()).await;
    }
    put(store, "/secrets/a", "hunter2").await;
    put(store, "/empty", "").await;
    delete(store, "/pods/7").await;
}

#[tokio::test]
async fn everything_is_there_with_its_revision() {
    let carried = Carried::new(much).await;
    let file = carried.file();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(7).any(|part| part == b"hunter2"), "sealed values stay sealed");
    let again = carried.embedded.carry_to_etcd(&file, None).await.unwrap_err();
    assert!(again.to_string().contains("exists"), "{again}");

    let (mut cluster, store) = carried.restored().await;
    let newest = carried.embedded.revision().await.unwrap();
    assert_eq!(store.revision().await.unwrap(), newest);
    let found = store.range(Range::under("")).await.unwrap();
    assert!(found.items == carried.state.items && found.items.len() > 5000, "{} keys", found.items.len());

    // What etcd itself makes of the database, page by page: it writes all of it anew.
    etcdctl(&cluster, &["defrag"]);
    cluster.members[0].kill();
    cluster.run(0);
    assert_eq!(in_time(store.range(Range::under(""))).await.unwrap().items, carried.state.items);
    assert_eq!(store.revision().await.unwrap(), newest);
}

#[tokio::test]
async fn who_knows_an_older_revision_is_told_and_the_newest_goes_on() {
    let carried = Carried::new(async |store: &Embedded| {
        for n in 0..500 {
            put(store, "/a", &n.to_string()).await;
        }
        put(store, "/b", "b").await;
        // No row of a live key has the newest revision.
        delete(store, "/b").await;
    })
    .await;
    let (_cluster, store) = carried.restored().await;
    let newest = carried.state.revision;
    assert_eq!(newest, 502);
    assert_eq!(at(&*store, newest).await.unwrap().items, carried.state.items);
    assert!(matches!(at(&*store, newest - 1).await, Err(ReadError::Compacted { .. })));
    for old in [1, newest - 1] {
        let ended = match store.watch("/", old).await {
            Err(error) => error,
            Ok(mut watch) => in_time(watch.next()).await.unwrap_err(),
        };
        assert!(matches!(ended, WatchError::Compacted { .. }), "{ended}");
    }
    let mut watch = store.watch("/", newest).await.unwrap();
    assert_eq!(put(&*store, "/a", "new").await, newest + 1);
    let changes = collect(&mut *watch, 1).await;
    assert_eq!((changes[0].revision, changes[0].previous.as_deref()), (newest + 1, Some(&b"499"[..])));
}

#[tokio::test]
async fn what_expires_still_does() {
    let ttl = |key: &str, seconds| Op::Put {
        key: key.into(),
        value: "event".into(),
        ttl: Some(Duration::from_secs(seconds)),
    };
    let carried = Carried::new(async |store: &Embedded| {
        store
            .txn(vec![], vec![ttl("/events/short", 5), ttl("/events/long", 3600), Op::put("/kept", "")])
            .await
            .unwrap();
    })
    .await;
    let (cluster, store) = carried.restored().await;
    let newest = carried.state.revision;
    assert_eq!(at(&*store, newest).await.unwrap().items, carried.state.items);
    let mut watch = store.watch("/", newest).await.unwrap();
    let changes = tokio::time::timeout(Duration::from_secs(40), watch.next()).await.expect("it expires").unwrap();
    assert_eq!((&*changes[0].key, changes[0].value.as_ref()), ("/events/short", None));
    let listed = etcdctl(&cluster, &["lease", "list"]);
    assert!(listed.contains("found 1 leases"), "{listed}");
}

#[tokio::test]
async fn etcds_own_tool_takes_it_for_a_snapshot() {
    let carried = Carried::new(much).await;
    let status = etcdctl_on(&["snapshot", "status", "--write-out=simple"], &carried.file());
    let words: Vec<&str> = status.split(", ").collect();
    // Its "revision" is that of the last row, its keys are all that is in all buckets.
    assert_eq!(words[2].parse::<usize>().unwrap(), carried.state.items.len() + 2, "{status}");
}

fn etcdctl(cluster: &Cluster, arguments: &[&str]) -> String {
    run(Command::new("etcdctl").arg(format!("--endpoints={}", cluster.endpoints()[0])).args(arguments))
}

fn etcdctl_on(arguments: &[&str], file: &Path) -> String {
    run(Command::new("etcdctl").args(arguments).arg(file))
}

fn run(command: &mut Command) -> String {
    let output = command.env("ETCDCTL_API", "3").output().expect("install it: apt-get install etcd-client");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
