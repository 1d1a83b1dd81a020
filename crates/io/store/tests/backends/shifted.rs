//! A store that goes on from another's revisions: the suite of every backend over it, and what is its own.

use crate::backend_suite;
use crate::suite::{self, Backend, collect, put};
use async_trait::async_trait;
use std::sync::Arc;
use store::{
    BASE_KEY, Compare, Embedded, Op, Options, Outcome, Range, ReadError, Revision, Shifted, Store, WatchError,
};

const BASE: Revision = 1000;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

#[async_trait]
impl Backend for Folder {
    async fn open(&self) -> Arc<dyn Store> {
        let inner = Embedded::open(Options::new(self.0.path().join("store.db"))).unwrap();
        let base = Op::put(BASE_KEY, BASE.to_string());
        inner.txn(vec![Compare::missing(BASE_KEY)], vec![base]).await.unwrap();
        Shifted::over(inner).await.unwrap()
    }
}

backend_suite!(Folder::new);

#[tokio::test]
async fn what_was_read_before_is_compacted_and_conflicts() {
    let folder = Folder::new();
    let store = folder.open().await;
    let first = put(&*store, "/a", "1").await;
    assert_eq!(first, BASE + 2, "the base itself was the first write");
    for old in [1, BASE - 1, BASE] {
        let watched = store.watch("/", old).await.map(drop);
        assert!(matches!(watched, Err(WatchError::Compacted { asked, oldest }) if asked == old && oldest == BASE + 1));
        let read = store.range(Range { at: Some(old), ..Range::under("/") }).await;
        assert!(matches!(read, Err(ReadError::Compacted { asked, .. }) if asked == old));
        let write = store.txn(vec![Compare::unchanged("/a", old)], vec![Op::put("/a", "2")]).await.unwrap();
        let Outcome::Refused { revision, current } = write else { panic!("{write:?}") };
        assert_eq!((revision, current[0].as_ref().map(|item| item.modified)), (first, Some(first)));
    }
    let mut watch = store.watch("/", first).await.unwrap();
    let second = put(&*store, "/a", "3").await;
    assert_eq!(collect(&mut *watch, 1).await[0].revision, second);
}

#[tokio::test]
async fn a_store_without_a_base_is_not_shifted() {
    let folder = tempfile::tempdir().unwrap();
    let inner: Arc<dyn Store> = Embedded::open(Options::new(folder.path().join("store.db"))).unwrap();
    let store = Shifted::over(inner.clone()).await.unwrap();
    assert!(Arc::ptr_eq(&store, &inner));
}
