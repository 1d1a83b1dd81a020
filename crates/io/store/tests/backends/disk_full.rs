//! A full disk: clear errors, nothing acknowledged is lost, deletes work, writing resumes. Needs root (mounts a tmpfs).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use store::{Embedded, Op, Options, Outcome, Range, Store as _, WriteError};

/// A disk of 56 MB, 24 of them taken by something else.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = std::ffi::CString::new("size=56m").unwrap();
        let flags = rustix::mount::MountFlags::NOEXEC;
        rustix::mount::mount("tmpfs", folder.path(), "tmpfs", flags, data.as_c_str()).expect("needs root");
        let disk = Self(folder);
        std::fs::write(disk.other(), vec![0; 24 << 20]).unwrap();
        disk
    }

    fn other(&self) -> PathBuf {
        self.0.path().join("other")
    }

    fn options(&self) -> Options {
        Options::new(self.0.path().join("store.db"))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Err(error) = rustix::mount::unmount(self.0.path(), rustix::mount::UnmountFlags::DETACH) {
            eprintln!("{}: {error}", self.0.path().display());
        }
    }
}

type Values = BTreeMap<String, Vec<u8>>;

/// Writes until the disk is full; remembers what was acknowledged.
async fn fill(store: &Embedded, known: &mut Values) -> WriteError {
    for number in 0..2000 {
        let key = format!("/full/{number:05}");
        let value = vec![number as u8; 60_000];
        match store.txn(vec![], vec![Op::put(key.as_str(), value.clone())]).await {
            Ok(_) => _ = known.insert(key, value),
            Err(error) => return error,
        }
    }
    panic!("the disk never got full");
}

async fn check(store: &Embedded, known: &Values) {
    let items = store.range(Range::under("/full/")).await.unwrap().items;
    let items: Values = items.into_iter().map(|item| (item.key.to_string(), item.value.to_vec())).collect();
    assert!(items == *known, "{} of {} keys", items.len(), known.len());
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_recovers() {
    let disk = SmallDisk::new();
    let mut store = Embedded::open(disk.options()).unwrap();
    let mut known = Values::new();
    let error = fill(&store, &mut known).await;
    assert!(matches!(&error, WriteError::Full(_)) && error.to_string().contains("store.db"), "{error}");
    assert!(store.is_full() && known.len() > 100);
    check(&store, &known).await;
    let revision = store.revision().await.unwrap();
    let again = store.txn(vec![], vec![Op::put("/full/small", "1")]).await.unwrap_err();
    assert!(matches!(again, WriteError::Full(_)), "{again}");
    assert_eq!(store.revision().await.unwrap(), revision, "a refused write has no revision");

    delete_some(&store, &mut known, 20).await;
    drop(store);
    store = Embedded::open(disk.options()).expect("a store on a full disk opens");
    check(&store, &known).await;

    std::fs::remove_file(disk.other()).unwrap();
    for number in 0..100 {
        let key = format!("/full/after-{number}");
        store.txn(vec![], vec![Op::put(key.as_str(), "1")]).await.expect("there is space");
        known.insert(key, b"1".to_vec());
    }
    assert!(!store.is_full());
    check(&store, &known).await;
    assert!(exists(&disk.options().path, "-reserve"), "the reserve is taken again");
}

#[tokio::test]
async fn deleting_makes_room() {
    let disk = SmallDisk::new();
    let store = Embedded::open(disk.options()).unwrap();
    let mut known = Values::new();
    for round in 0..3 {
        let error = fill(&store, &mut known).await;
        assert!(matches!(error, WriteError::Full(_)), "{error}");
        let count = known.len() - 10;
        delete_some(&store, &mut known, count).await;
        let key = format!("/full/round-{round}");
        crate::suite::in_time(put_when_there_is_room(&store, &key)).await;
        known.insert(key, b"1".to_vec());
        check(&store, &known).await;
    }
}

/// The space of what was deleted is free a moment later: swept between writes.
async fn put_when_there_is_room(store: &Embedded, key: &str) {
    while let Err(error) = store.txn(vec![], vec![Op::put(key, "1")]).await {
        assert!(matches!(error, WriteError::Full(_)), "{error}");
        tokio::task::yield_now().await;
    }
}

async fn delete_some(store: &Embedded, known: &mut Values, count: usize) {
    for _ in 0..count {
        let key = known.pop_first().unwrap().0;
        let outcome = store.txn(vec![], vec![Op::delete(key)]).await.expect("deletes work on a full disk");
        assert!(matches!(outcome, Outcome::Done { .. }));
    }
}

fn exists(path: &Path, suffix: &str) -> bool {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    Path::new(&name).exists()
}
