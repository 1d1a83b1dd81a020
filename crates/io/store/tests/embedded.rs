//! The embedded backend: the suite of every backend, and what is its own.

use store::{Embedded, Op, Options, Outcome, Range, Store as _};

#[tokio::test]
async fn smoke() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("data/store.db"));
    let store = Embedded::open(options.clone()).unwrap();
    let mut watch = store.watch("/a/", 0).await.unwrap();
    let done = store.txn(vec![], vec![Op::put("/a/1", "one")]).await.unwrap();
    assert_eq!(done, Outcome::Done { revision: 1 });
    assert_eq!(watch.next().await.unwrap()[0].revision, 1);
    drop(store);
    let store = Embedded::open(options).unwrap();
    assert_eq!(store.range(Range::under("/a/")).await.unwrap().items.len(), 1);
    let mut watch = store.watch("/a/", 0).await.unwrap();
    assert_eq!(watch.next().await.unwrap()[0].value.as_deref(), Some(&b"one"[..]));
}
