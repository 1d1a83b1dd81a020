//! The etcd backend on one real etcd: the suite of every backend, and what is its own.

use crate::backend_suite;
use crate::etcd_server::Cluster;
use crate::suite::{self, Backend, collect, delete, in_time, put};
use async_trait::async_trait;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use std::cell::OnceCell;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use store::{
    AlarmKind, Etcd, EtcdAdmin, EtcdError, EtcdOptions, EtcdTls, Op, Range, ReadError, Store, WatchError, WriteError,
};

thread_local! {
    /// A test is a thread: one etcd for all cases of it, gone with it.
    static ETCD: OnceCell<Rc<Cluster>> = const { OnceCell::new() };
}

/// A part of this test's etcd that is nobody else's.
struct Place(EtcdOptions);

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let endpoints = ETCD.with(|etcd| etcd.get_or_init(|| Rc::new(Cluster::single())).endpoints());
        let prefix = format!("/place-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        Self(EtcdOptions { prefix, ..EtcdOptions::new(endpoints) })
    }
}

#[async_trait]
impl Backend for Place {
    async fn open(&self) -> Arc<dyn Store> {
        Etcd::connect(self.0.clone()).await.unwrap()
    }
}

backend_suite!(Place::new);

async fn connect(cluster: &Cluster) -> Arc<Etcd> {
    Etcd::connect(EtcdOptions::new(cluster.endpoints())).await.unwrap()
}

#[tokio::test]
async fn pages_and_large_answers_come_whole() {
    let store = Place::new().open().await;
    for number in 0..1200 {
        put(&*store, &format!("/a/{number:04}"), "1").await;
    }
    let all = store.range(Range::under("/a/")).await.unwrap();
    assert_eq!((all.items.len(), all.remaining), (1200, 0));
    assert!(all.items.is_sorted_by(|a, b| a.key < b.key));
    let some = store.range(Range { limit: 700, after: Some("/a/0099".into()), ..Range::under("/a/") }).await.unwrap();
    assert_eq!((some.items.len(), some.remaining), (700, 400));
    assert_eq!((&*some.items[0].key, &*some.items[699].key), ("/a/0100", "/a/0799"));
    let value = "x".repeat(1 << 20);
    for number in 0..12 {
        put(&*store, &format!("/large/{number:02}"), &value).await;
    }
    let large = store.range(Range::under("/large/")).await.unwrap();
    assert!(large.items.len() == 12 && large.items.iter().all(|item| item.value == value), "12 MiB in one answer");
}

#[tokio::test]
async fn prefixes_keep_clusters_apart() {
    let (one, other) = (Place::new().open().await, Place::new().open().await);
    let at = put(&*one, "/a", "one").await;
    put(&*other, "/a", "other").await;
    assert_eq!(suite::shown(&one.range(Range::under("")).await.unwrap()), format!("/a=one@{at}"));
    let mut watch = one.watch("", at - 1).await.unwrap();
    put(&*one, "/b", "one").await;
    let keys: Vec<_> = collect(&mut *watch, 2).await.into_iter().map(|change| change.key.to_string()).collect();
    assert_eq!(keys, ["/a", "/b"]);
}

#[tokio::test]
async fn a_restarted_etcd_is_found_again_by_watches_and_calls() {
    let mut cluster = Cluster::single();
    let store = connect(&cluster).await;
    let start = put(&*store, "/a", "0").await;
    let mut watch = store.watch("/a", start).await.unwrap();
    for round in 1..=3 {
        put(&*store, "/a", &format!("{round} before")).await;
        cluster.members[0].kill();
        let waiting = tokio::time::timeout(Duration::from_millis(300), collect(&mut *watch, 2));
        assert!(waiting.await.is_err(), "the second change is not there yet");
        cluster.run(0);
        let written = loop {
            match in_time(store.txn(vec![], vec![Op::put("/a", "after")])).await {
                Ok(written) => break written,
                Err(error) => assert!(matches!(error, WriteError::Unknown(_) | WriteError::Io(_)), "{error}"),
            }
        };
        let now = store.revision().await.unwrap();
        assert!(matches!(written, store::Outcome::Done { revision } if revision == now), "{written:?}");
        let mut last = 0;
        while last < now {
            last = in_time(watch.next()).await.unwrap().last().unwrap().revision;
        }
    }
}

#[tokio::test]
async fn a_watch_that_is_dropped_ends_in_etcd() {
    const WATCHERS: &str = "etcd_debugging_mvcc_watcher_total";
    let cluster = Cluster::single();
    let store = connect(&cluster).await;
    let start = put(&*store, "/a", "1").await;
    let mut watches = Vec::new();
    for _ in 0..150 {
        watches.push(store.watch("/a", start).await.unwrap());
    }
    assert_eq!(cluster.members[0].metric(WATCHERS), 150);
    watches.truncate(1);
    in_time(async {
        while cluster.members[0].metric(WATCHERS) > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    put(&*store, "/a", "2").await;
    assert_eq!(collect(&mut *watches[0], 1).await.len(), 1);
}

#[tokio::test]
async fn readers_who_stop_do_not_stop_others() {
    let store = Place::new().open().await;
    let start = put(&*store, "/a", "1").await;
    let mut stopped = Vec::new();
    for _ in 0..20 {
        stopped.push(store.watch("/a", start).await.unwrap());
    }
    let value = "x".repeat(1 << 20);
    for _ in 0..8 {
        put(&*store, "/a", &value).await;
    }
    let mut reader = store.watch("/a", start).await.unwrap();
    assert_eq!(collect(&mut *reader, 8).await.len(), 8);
    assert_eq!(collect(&mut *stopped[0], 8).await.len(), 8, "served later");
}

/// With old and new values, the events of this transaction are more than etcd sends in one message (2 MiB).
#[tokio::test]
async fn a_transaction_in_fragments_is_told_whole() {
    let store = Place::new().open().await;
    let start = store.revision().await.unwrap();
    let mut live = store.watch("/a/", start).await.unwrap();
    let write = async |letter: &str| {
        let ops = (0..3).map(|number| Op::put(format!("/a/{number}"), letter.repeat(470_000))).collect();
        in_time(store.txn(vec![], ops)).await.unwrap();
    };
    for letter in ["a", "b", "c", "d"] {
        write(letter).await;
    }
    let late = store.watch("/a/", start).await.unwrap();
    for watch in [&mut live, &mut { late }] {
        let mut revisions = Vec::new();
        while revisions.len() < 4 {
            let batch = in_time(watch.next()).await.unwrap();
            for changes in batch.chunk_by(|a, b| a.revision == b.revision) {
                assert_eq!(changes.len(), 3, "a transaction is not split");
                assert!(revisions.is_empty() || changes.iter().all(|change| change.previous.is_some()));
                revisions.push(changes[0].revision);
            }
        }
        assert!(revisions.into_iter().eq(start + 1..=start + 4));
    }
}

#[tokio::test]
async fn a_watch_whose_history_was_compacted_while_it_was_broken_says_so() {
    let mut cluster = Cluster::single();
    let store = connect(&cluster).await;
    let start = put(&*store, "/a", "1").await;
    let mut watch = store.watch("/a", start).await.unwrap();
    cluster.members[0].kill();
    cluster.run(0);
    let store = connect(&cluster).await;
    // A delete at the compacted revision itself is one that etcd forgets, and would not miss.
    let newest = delete(&*store, "/a").await;
    store.compact(newest).await.unwrap();
    let error = in_time(watch.next()).await.unwrap_err();
    assert!(matches!(error, WatchError::Compacted { asked, oldest } if asked == start && oldest == newest), "{error}");
}

#[tokio::test]
async fn a_slow_reader_is_told_the_truth_or_that_it_is_compacted() {
    let store = Place::new().open().await;
    let start = put(&*store, "/a", "1").await;
    let mut watch = store.watch("/a", start).await.unwrap();
    for number in 0..60 {
        put(&*store, "/a", &format!("{number}{}", "x".repeat(1 << 20))).await;
    }
    let newest = store.revision().await.unwrap();
    store.compact(newest).await.unwrap();
    let mut last = start;
    let error = loop {
        match in_time(watch.next()).await {
            Ok(batch) => {
                for change in batch {
                    assert_eq!(change.revision, last + 1, "no gap");
                    assert!(change.previous.is_some(), "an old value is not left out");
                    last = change.revision;
                }
            }
            Err(error) => break error,
        }
        assert!(last < newest, "etcd cannot have kept 60 MiB for this reader");
    };
    let WatchError::Compacted { asked, oldest } = error else { panic!("{error}") };
    assert!(asked == last && (last + 1..=newest).contains(&oldest), "{asked} {oldest}");
}

#[tokio::test]
async fn an_endpoint_that_is_silent_is_left() {
    let cluster = Cluster::single();
    // Takes connections (the kernel does), never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoints = [
        format!("http://{dead}"),
        format!("http://{}", silent.local_addr().unwrap()),
        cluster.members[0].endpoint.clone(),
    ];
    let options = EtcdOptions { attempt_timeout: Duration::from_millis(500), ..EtcdOptions::new(endpoints) };
    let store = Etcd::connect(options).await.unwrap();
    put(&*store, "/a", "1").await;
    let members = store.members().await;
    assert!(members[0].1.is_err() && members[1].1.is_err(), "{members:?}");
    let status = members[2].1.as_ref().unwrap();
    assert!(status.is_leader && status.version.starts_with("3.") && status.database_bytes > 0, "{status:?}");
}

#[tokio::test]
async fn without_etcd_every_call_ends_and_says_why() {
    let mut cluster = Cluster::single();
    let options = EtcdOptions { timeout: Duration::from_millis(500), ..EtcdOptions::new(cluster.endpoints()) };
    let store = connect(&cluster).await;
    drop(store);
    let store = Etcd::connect(options.clone()).await.unwrap();
    cluster.members[0].kill();
    let read = in_time(store.get("/a")).await.unwrap_err();
    assert!(matches!(&read, ReadError::Io(text) if text.contains(&cluster.members[0].endpoint)), "{read}");
    let written = in_time(store.txn(vec![], vec![Op::put("/a", "1")])).await.unwrap_err();
    assert!(matches!(&written, WriteError::Io(_)), "it cannot have been written: {written}");
    assert!(matches!(in_time(store.watch("/a", 0)).await.map(drop).unwrap_err(), WatchError::Cut(_)));
    let error = in_time(Etcd::connect(options)).await.err().unwrap();
    assert!(matches!(error, EtcdError::Unreachable(_)), "{error}");
    for (endpoint, reason) in [("localhost:1", "http"), ("https://localhost", "tls")] {
        let error = Etcd::connect(EtcdOptions::new([endpoint])).await.err().unwrap();
        assert!(matches!(error, EtcdError::Endpoint(_)) && error.to_string().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn a_full_database_accepts_deletes_only() {
    let cluster = Cluster::start(1, None, &["--quota-backend-bytes=4000000"]);
    let store = connect(&cluster).await;
    let value = "x".repeat(200_000);
    let mut known = Vec::new();
    let error = loop {
        let key = format!("/a/{:03}", known.len());
        assert!(known.len() < 100, "it never got full");
        match in_time(store.txn(vec![], vec![Op::put(key.as_str(), value.clone())])).await {
            Ok(_) => known.push(key),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, WriteError::Full(_)) && error.to_string().contains("quota"), "{error}");
    assert_eq!(store.range(Range::under("/a/")).await.unwrap().items.len(), known.len());
    delete(&*store, &known[0]).await;
    let again = store.txn(vec![], vec![Op::put("/b", "1")]).await.unwrap_err();
    assert!(matches!(again, WriteError::Full(_)), "{again}");
    let brief = Op::Put { key: "/b".into(), value: "1".into(), ttl: Some(Duration::from_secs(9)) };
    assert!(matches!(store.txn(vec![], vec![brief]).await.unwrap_err(), WriteError::Full(_)));

    let admin = EtcdAdmin::new(EtcdOptions::new(cluster.endpoints())).unwrap();
    for key in &known[1..] {
        delete(&*store, key).await;
    }
    store.compact(store.revision().await.unwrap()).await.unwrap();
    assert_eq!(admin.alarms().await.unwrap()[0].kind, AlarmKind::NoSpace, "compaction alone is not enough");
    admin.make_room().await.unwrap();
    assert_eq!(admin.alarms().await.unwrap(), []);
    put(&*store, "/b", "1").await;
    let status = admin.statuses().await.remove(0).1.unwrap();
    assert!(status.database_bytes < 1_000_000, "{status:?}");
}

#[tokio::test]
async fn what_etcd_refuses_is_said() {
    let store = Place::new().open().await;
    let twice = store.txn(vec![], vec![Op::put("/a", "1"), Op::put("/a", "2")]).await.unwrap_err();
    assert!(matches!(&twice, WriteError::Io(text) if text.contains("duplicate key")), "{twice}");
    let large = store.txn(vec![], vec![Op::put("/a", vec![0; 3 << 20])]).await.unwrap_err();
    assert!(matches!(&large, WriteError::Io(text) if text.contains("larger")), "{large}");
    assert_eq!(store.get("/a").await.unwrap(), None);
}

#[tokio::test]
async fn tls_with_client_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let leaf = || {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        (params.signed_by(&key, &ca).unwrap().pem(), key.serialize_pem())
    };
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (certificate, key) = leaf();
    let files = (file("ca.pem", &ca.pem()), file("server.pem", &certificate), file("server.key", &key));
    let cluster = Cluster::start(1, Some(&files), &[]);
    let (certificate, key) = leaf();
    let tls = EtcdTls { ca: ca.pem().into(), client: Some((certificate.into(), key.into())) };
    let options = |tls| EtcdOptions { tls: Some(tls), ..EtcdOptions::new(cluster.endpoints()) };
    let store = Etcd::connect(options(tls.clone())).await.unwrap();
    let at = put(&*store, "/a", "1").await;
    let mut watch = store.watch("/a", at).await.unwrap();
    put(&*store, "/a", "2").await;
    assert_eq!(collect(&mut *watch, 1).await[0].value.as_deref(), Some(&b"2"[..]));
    let timeout = Duration::from_millis(300);
    let nobody = EtcdOptions { timeout, ..options(EtcdTls { client: None, ..tls.clone() }) };
    let error = Etcd::connect(nobody).await.err().unwrap();
    assert!(matches!(error, EtcdError::Unreachable(_)), "{error}");
    let other = CertificateParams::new(Vec::new()).unwrap().self_signed(&KeyPair::generate().unwrap()).unwrap();
    let stranger = EtcdOptions { timeout, ..options(EtcdTls { ca: other.pem().into(), ..tls }) };
    let error = Etcd::connect(stranger).await.err().unwrap();
    assert!(matches!(&error, EtcdError::Unreachable(text) if text.contains("certificate")), "{error}");
}
