//! The embedded backend: the suite of every backend, and what is its own.

use crate::backend_suite;
use crate::suite::{self, Backend, collect, put};
use async_trait::async_trait;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{Embedded, Op, OpenError, Options, Range, ReadError, SealError, Sealer, Store, WatchError, WriteError};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn options(&self) -> Options {
        Options::new(self.0.path().join("data/store.db"))
    }

    fn sealed(&self) -> Options {
        let sealer = Sealer::load_or_create(self.0.path().join("seal.key"), vec!["/secrets/".into()]).unwrap();
        Options { seal: Some(Arc::new(sealer)), ..self.options() }
    }

    fn files(&self) -> Vec<PathBuf> {
        let folder = std::fs::read_dir(self.0.path().join("data")).unwrap();
        folder.map(|entry| entry.unwrap().path()).collect()
    }
}

#[async_trait]
impl Backend for Folder {
    async fn open(&self) -> Arc<dyn Store> {
        Embedded::open(self.options()).unwrap()
    }
}

backend_suite!(Folder::new);

fn contains(file: &Path, text: &[u8]) -> bool {
    std::fs::read(file).unwrap().windows(text.len()).any(|window| window == text)
}

#[tokio::test]
async fn secrets_are_not_on_disk_in_plain() {
    let folder = Folder::new();
    let store = Embedded::open(folder.sealed()).unwrap();
    put(&*store, "/secrets/a", "hunter2-hunter2").await;
    put(&*store, "/pods/a", "in-plain-sight").await;
    put(&*store, "/secrets/a", "hunter2-again").await;
    assert_eq!(&store.get("/secrets/a").await.unwrap().unwrap().value[..], b"hunter2-again");
    assert!(folder.files().iter().any(|file| contains(file, b"in-plain-sight")), "the search works");
    assert!(folder.files().iter().all(|file| !contains(file, b"hunter2")));
    drop(store);
    assert!(folder.files().iter().all(|file| !contains(file, b"hunter2")));
    let store = Embedded::open(folder.sealed()).unwrap();
    assert_eq!(&store.get("/secrets/a").await.unwrap().unwrap().value[..], b"hunter2-again");
    let past = store.range(Range { at: Some(1), ..Range::under("/secrets/") }).await.unwrap();
    assert_eq!(&past.items[0].value[..], b"hunter2-hunter2", "the past is opened too");
    let mut watch = store.watch("/secrets/", 0).await.unwrap();
    let changes = collect(&mut *watch, 2).await;
    assert_eq!(changes[1].previous.as_deref(), Some(&b"hunter2-hunter2"[..]));
}

#[tokio::test]
async fn without_its_key_the_store_does_not_open_and_says_why() {
    let folder = Folder::new();
    put(&*Embedded::open(folder.sealed()).unwrap(), "/secrets/a", "hunter2").await;
    let error = Embedded::open(folder.options()).err().unwrap();
    assert!(matches!(error, OpenError::Seal { source: SealError::NoKeyFile { .. }, .. }), "{error}");
    std::fs::remove_file(folder.0.path().join("seal.key")).unwrap();
    let error = Embedded::open(folder.sealed()).err().unwrap().to_string();
    assert!(error.contains("seal.key") && error.contains("/secrets/a"), "{error}");
}

#[tokio::test]
async fn files_are_private() {
    let folder = Folder::new();
    let store = Embedded::open(folder.options()).unwrap();
    put(&*store, "/a", "1").await;
    store.snapshot_to(&folder.0.path().join("data/copy.db")).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.0.path().join("data")), 0o700);
    assert!(folder.files().len() >= 5);
    for file in folder.files() {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_second_process_is_told_who_holds_the_store() {
    let folder = Folder::new();
    let first = Embedded::open(folder.options()).unwrap();
    let error = Embedded::open(folder.options()).err().unwrap();
    assert!(matches!(error, OpenError::Locked { .. }) && error.to_string().contains("store.db"), "{error}");
    drop(first);
    Embedded::open(folder.options()).unwrap();
}

#[tokio::test]
async fn a_damaged_or_foreign_file_is_named() {
    let folder = Folder::new();
    let store = Embedded::open(folder.options()).unwrap();
    for number in 0..200 {
        put(&*store, &format!("/a/{number}"), &"x".repeat(500)).await;
    }
    drop(store);
    let path = folder.options().path;
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[3 * 4096..8 * 4096].fill(0xa5);
    std::fs::write(&path, bad).unwrap();
    let error = Embedded::open(folder.options()).err().unwrap();
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains("store.db") && error.to_string().contains("restore a snapshot"), "{error}");
    std::fs::write(&path, "this is no database, ".repeat(100)).unwrap();
    assert!(matches!(Embedded::open(folder.options()).err().unwrap(), OpenError::Corrupt { .. }));
    std::fs::write(&path, good).unwrap();
    assert_eq!(Embedded::open(folder.options()).unwrap().revision().await.unwrap(), 200);
}

#[tokio::test]
async fn a_snapshot_is_a_whole_store() {
    let folder = Folder::new();
    let store = Embedded::open(folder.options()).unwrap();
    for number in 0..50 {
        put(&*store, "/a", &number.to_string()).await;
    }
    let copy = folder.0.path().join("copy.db");
    store.snapshot_to(&copy).await.unwrap();
    put(&*store, "/a", "later").await;
    let refused = store.snapshot_to(&copy).await.unwrap_err();
    assert!(matches!(&refused, ReadError::Io(text) if text.contains("copy.db")), "{refused}");
    let restored = Embedded::open(Options::new(copy)).unwrap();
    assert_eq!(restored.revision().await.unwrap(), 50);
    assert_eq!(&restored.get("/a").await.unwrap().unwrap().value[..], b"49");
}

#[tokio::test]
async fn history_is_bounded_and_what_is_kept_is_right() {
    let folder = Folder::new();
    let options = Options { keep_revisions: 100, keep_age: std::time::Duration::ZERO, ..folder.options() };
    let store = Embedded::open(options.clone()).unwrap();
    for number in 0..1500 {
        put(&*store, &format!("/a/{}", number % 7), &number.to_string()).await;
    }
    drop(store);
    let store = Embedded::open(options).unwrap();
    let compacted = store.compacted();
    assert!((1200..=1400).contains(&compacted), "kept from {compacted}");
    assert!(matches!(store.watch("/a/", compacted - 1).await.err().unwrap(), WatchError::Compacted { .. }));
    for at in compacted..=1500 {
        let past = store.range(Range { at: Some(at), ..Range::under("/a/") }).await.unwrap();
        let mut values: Vec<u64> =
            past.items.iter().map(|item| String::from_utf8_lossy(&item.value).parse().unwrap()).collect();
        values.sort_unstable();
        assert!(values.iter().copied().eq(at - 7..at), "at {at}: {values:?}");
    }
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let folder = Folder::new();
    let store = Embedded::open(folder.options()).unwrap();
    put(&*store, "/a", "1").await;
    let mut watch = store.watch("/a", 1).await.unwrap();
    store.close();
    let refused = store.txn(vec![], vec![Op::put("/a", "2")]).await.unwrap_err();
    assert!(matches!(refused, WriteError::Closed), "{refused}");
    assert!(matches!(watch.next().await.unwrap_err(), WatchError::Cut(_)));
}

#[tokio::test]
async fn a_slow_reader_is_cut_and_goes_on_from_the_log() {
    let folder = Folder::new();
    let store = Embedded::open(folder.options()).unwrap();
    let mut slow = store.watch("/a", 0).await.unwrap();
    let value = "x".repeat(1 << 20);
    for _ in 0..24 {
        put(&*store, "/a", &value).await;
    }
    let cut = slow.next().await.unwrap_err();
    assert!(matches!(&cut, WatchError::Cut(reason) if reason.contains("too slow")), "{cut}");
    let mut again = store.watch("/a", 0).await.unwrap();
    let changes = collect(&mut *again, 24).await;
    assert!(changes.iter().map(|change| change.revision).eq(1..=24));
}
