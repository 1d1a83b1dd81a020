//! What every backend must do: cases over any [`Store`] that can be opened, and opened again.
//!
//! A backend's test calls [`backend_suite!`] with its factory; each case becomes a test of its own.

pub mod model;

use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use store::{Change, Compare, Op, Outcome, Range, RangeResult, ReadError, Revision, Store, Watch, WatchError};

/// A place where one store lives, for one test.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Opens the store; the first time it is empty. All earlier handles have been dropped.
    async fn open(&self) -> Arc<dyn Store>;
}

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

pub async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("did not happen in time")
}

pub async fn put(store: &dyn Store, key: &str, value: &str) -> Revision {
    done(store, vec![], vec![Op::put(key, value.to_owned())]).await
}

pub async fn delete(store: &dyn Store, key: &str) -> Revision {
    done(store, vec![], vec![Op::delete(key)]).await
}

async fn done(store: &dyn Store, compares: Vec<Compare>, ops: Vec<Op>) -> Revision {
    match in_time(store.txn(compares, ops)).await.expect("the write works") {
        Outcome::Done { revision } => revision,
        Outcome::Refused { .. } => panic!("refused"),
    }
}

/// `a=1@5 b=2@7`.
pub fn shown(result: &RangeResult) -> String {
    let items = result.items.iter();
    let items: Vec<_> =
        items.map(|item| format!("{}={}@{}", item.key, String::from_utf8_lossy(&item.value), item.modified)).collect();
    items.join(" ")
}

async fn list(store: &dyn Store, prefix: &str, at: Option<Revision>) -> Result<String, ReadError> {
    store.range(Range { at, ..Range::under(prefix) }).await.map(|result| shown(&result))
}

/// Reads a watch until `count` changes have come.
pub async fn collect(watch: &mut dyn Watch, count: usize) -> Vec<Change> {
    let mut changes = Vec::new();
    while changes.len() < count {
        let batch = in_time(watch.next()).await.expect("the watch goes on");
        assert!(!batch.is_empty(), "a batch is never empty");
        changes.extend(batch);
    }
    assert_eq!(changes.len(), count, "no more than expected: {changes:?}");
    changes
}

/// `3 a: 1 -> 2`.
fn told(changes: &[Change]) -> String {
    let text = |value: &Option<Bytes>| value.as_ref().map_or("-".into(), |v| String::from_utf8_lossy(v).into_owned());
    let lines = changes.iter();
    let lines: Vec<_> = lines
        .map(|change| {
            format!("{} {}: {} -> {}", change.revision, change.key, text(&change.previous), text(&change.value))
        })
        .collect();
    lines.join(", ")
}

pub async fn revisions_grow_by_one_a_write(backend: &dyn Backend) {
    let store = backend.open().await;
    let start = store.revision().await.unwrap();
    assert_eq!(put(&*store, "/r/a", "1").await, start + 1);
    assert_eq!(put(&*store, "/r/a", "2").await, start + 2);
    assert_eq!(delete(&*store, "/r/missing").await, start + 2, "nothing changed, no revision");
    assert_eq!(delete(&*store, "/r/a").await, start + 3);
    assert_eq!(put(&*store, "/r/a", "3").await, start + 4);
    let item = store.get("/r/a").await.unwrap().unwrap();
    assert_eq!((item.created, item.modified), (start + 4, start + 4), "a deleted key is created anew");
    assert_eq!(put(&*store, "/r/a", "4").await, start + 5);
    let item = store.get("/r/a").await.unwrap().unwrap();
    assert_eq!((item.created, item.modified), (start + 4, start + 5));
    assert_eq!(store.get("/r/missing").await.unwrap(), None);
}

pub async fn a_transaction_is_all_or_nothing(backend: &dyn Backend) {
    let store = backend.open().await;
    let a = put(&*store, "/t/a", "1").await;
    let both = done(
        &*store,
        vec![Compare::unchanged("/t/a", a), Compare::missing("/t/b")],
        vec![Op::put("/t/a", "2"), Op::put("/t/b", "2"), Op::delete("/t/none")],
    )
    .await;
    assert_eq!(both, a + 1, "one revision for all");
    assert_eq!(list(&*store, "/t/", None).await.unwrap(), format!("/t/a=2@{both} /t/b=2@{both}"));
    let compares = vec![Compare::unchanged("/t/a", both), Compare::unchanged("/t/b", a), Compare::missing("/t/c")];
    let outcome = store.txn(compares, vec![Op::put("/t/a", "3"), Op::put("/t/c", "3")]).await.unwrap();
    let Outcome::Refused { revision, current } = outcome else { panic!("{outcome:?}") };
    assert_eq!(revision, both);
    let current: Vec<_> = current.iter().map(|item| item.as_ref().map(|item| item.modified)).collect();
    assert_eq!(current, [Some(both), Some(both), None], "as they are, in the order compared");
    assert_eq!(list(&*store, "/t/", None).await.unwrap(), format!("/t/a=2@{both} /t/b=2@{both}"));
}

pub async fn ranges_come_in_order_and_pages(backend: &dyn Backend) {
    let store = backend.open().await;
    for key in ["/p/b", "/p/a/x", "/p/a", "/p/c", "/q/a", "/p", "/p/a-b"] {
        put(&*store, key, "1").await;
    }
    let page = |after: Option<&str>, limit| Range { after: after.map(Into::into), limit, ..Range::under("/p/") };
    let keys = |result: &RangeResult| result.items.iter().map(|item| item.key.to_string()).collect::<Vec<_>>();
    let all = store.range(page(None, 0)).await.unwrap();
    assert_eq!(keys(&all), ["/p/a", "/p/a-b", "/p/a/x", "/p/b", "/p/c"], "in byte order");
    assert_eq!((all.remaining, all.revision), (0, store.revision().await.unwrap()));
    let first = store.range(page(None, 2)).await.unwrap();
    assert_eq!((keys(&first), first.remaining), (vec!["/p/a".into(), "/p/a-b".into()], 3));
    let second = store.range(page(Some("/p/a-b"), 2)).await.unwrap();
    assert_eq!((keys(&second), second.remaining), (vec!["/p/a/x".into(), "/p/b".into()], 1));
    let last = store.range(page(Some("/p/b"), 2)).await.unwrap();
    assert_eq!((keys(&last), last.remaining), (vec!["/p/c".to_string()], 0));
    assert!(store.range(page(Some("/p/zz"), 2)).await.unwrap().items.is_empty());
    assert_eq!(keys(&store.range(page(Some("/a"), 1)).await.unwrap()), ["/p/a"], "after something before the prefix");
}

pub async fn the_past_can_be_read(backend: &dyn Backend) {
    let store = backend.open().await;
    let one = put(&*store, "/h/a", "1").await;
    let two = put(&*store, "/h/b", "1").await;
    let three = put(&*store, "/h/a", "2").await;
    let four = delete(&*store, "/h/b").await;
    let five = put(&*store, "/h/b", "3").await;
    let expected = [
        (one, format!("/h/a=1@{one}")),
        (two, format!("/h/a=1@{one} /h/b=1@{two}")),
        (three, format!("/h/a=2@{three} /h/b=1@{two}")),
        (four, format!("/h/a=2@{three}")),
        (five, format!("/h/a=2@{three} /h/b=3@{five}")),
    ];
    for (at, state) in &expected {
        assert_eq!(&list(&*store, "/h/", Some(*at)).await.unwrap(), state);
    }
    let page = store.range(Range { at: Some(two), limit: 1, ..Range::under("/h/") }).await.unwrap();
    assert_eq!((shown(&page), page.remaining, page.revision), (format!("/h/a=1@{one}"), 1, five));
    let future = list(&*store, "/h/", Some(five + 1)).await;
    assert!(matches!(future, Err(ReadError::Future { asked, newest }) if asked == five + 1 && newest == five));
    drop(store);
    let store = backend.open().await;
    for (at, state) in &expected {
        assert_eq!(&list(&*store, "/h/", Some(*at)).await.unwrap(), state, "after reopening");
    }
}

pub async fn watches_tell_past_and_present(backend: &dyn Backend) {
    let store = backend.open().await;
    let start = store.revision().await.unwrap();
    put(&*store, "/w/a", "1").await;
    put(&*store, "/other", "1").await;
    put(&*store, "/w/a", "2").await;
    let mut all = store.watch("/w/", start).await.unwrap();
    let mut later = store.watch("/w/", start + 3).await.unwrap();
    let mut future = store.watch("/w/", start + 4).await.unwrap();
    delete(&*store, "/w/a").await;
    put(&*store, "/w/b", "3").await;
    let r = |n: u64| start + n;
    let past = format!("{} /w/a: - -> 1, {} /w/a: 1 -> 2, ", r(1), r(3));
    let present = format!("{} /w/a: 2 -> -", r(4));
    let last = format!("{} /w/b: - -> 3", r(5));
    assert_eq!(told(&collect(&mut *all, 4).await), format!("{past}{present}, {last}"));
    assert_eq!(told(&collect(&mut *later, 2).await), format!("{present}, {last}"));
    assert_eq!(told(&collect(&mut *future, 1).await), last);
    drop((all, later, future, store));
    let store = backend.open().await;
    let mut again = store.watch("/w/", start).await.unwrap();
    put(&*store, "/w/c", "4").await;
    let expected = format!("{past}{present}, {last}, {} /w/c: - -> 4", r(6));
    assert_eq!(told(&collect(&mut *again, 5).await), expected, "after reopening");
}

/// Many writers count up one key each and one together; every watch, begun whenever, sees each change once, in order.
pub async fn concurrent_writes_are_ordered(backend: &dyn Backend) {
    const WRITERS: usize = 16;
    const WRITES: usize = 40;
    let store = backend.open().await;
    let start = store.revision().await.unwrap();
    let mut early = store.watch("/c/", start).await.unwrap();
    let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(count_up(store.clone(), writer, WRITES))).collect();
    let mut listed = Vec::new();
    for _ in 0..10 {
        let range = store.range(Range::under("/c/")).await.unwrap();
        let watch = store.watch("/c/", range.revision).await.unwrap();
        listed.push((range, watch));
        tokio::task::yield_now().await;
    }
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    acknowledged.sort_unstable();
    let changes = collect(&mut *early, WRITERS * WRITES * 2).await;
    let seen: Vec<_> = changes.iter().step_by(2).map(|change| change.revision).collect();
    assert_eq!(seen, acknowledged, "each acknowledged revision, once, in order");
    assert!(changes.chunks(2).all(|pair| pair[0].revision == pair[1].revision), "transactions stay whole");
    let total = store.get("/c/total").await.unwrap().unwrap();
    assert_eq!(total.value, (WRITERS * WRITES).to_string().as_bytes(), "no increment was lost");
    for (range, mut watch) in listed {
        let expected: Vec<_> = changes.iter().filter(|change| change.revision > range.revision).collect();
        let changes = collect(&mut *watch, expected.len()).await;
        assert_eq!(
            told(&changes),
            expected.into_iter().map(|c| told(std::slice::from_ref(c))).collect::<Vec<_>>().join(", ")
        );
    }
}

async fn count_up(store: Arc<dyn Store>, writer: usize, writes: usize) -> Vec<Revision> {
    let mut revisions = Vec::new();
    let own = format!("/c/{writer:02}");
    while revisions.len() < writes {
        let total = store.get("/c/total").await.unwrap();
        let (at, value) = total.map_or((0, 0), |item| (item.modified, parse(&item.value)));
        let ops = vec![
            Op::put(own.as_str(), (revisions.len() + 1).to_string()),
            Op::put("/c/total", (value + 1usize).to_string()),
        ];
        let outcome = in_time(store.txn(vec![Compare::unchanged("/c/total", at)], ops)).await.unwrap();
        let Outcome::Done { revision } = outcome else { continue };
        let read = store.get(&own).await.unwrap().unwrap();
        assert_eq!(read.modified, revision, "an acknowledged write is read at once");
        revisions.push(revision);
    }
    revisions
}

fn parse(value: &[u8]) -> usize {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

pub async fn compaction_forgets_the_past_only(backend: &dyn Backend) {
    let mut store = backend.open().await;
    let start = store.revision().await.unwrap();
    put(&*store, "/k/a", "1").await;
    put(&*store, "/k/b", "1").await;
    delete(&*store, "/k/b").await;
    put(&*store, "/k/a", "2").await;
    put(&*store, "/k/a", "3").await;
    let (kept, newest) = (start + 4, start + 5);
    store.compact(kept).await.unwrap();
    store.compact(start + 1).await.unwrap();
    for reopened in [false, true] {
        if reopened {
            drop(store);
            store = backend.open().await;
        }
        let compacted = list(&*store, "/k/", Some(kept - 1)).await;
        assert!(
            matches!(compacted, Err(ReadError::Compacted { asked, oldest }) if asked == kept - 1 && oldest == kept),
            "{compacted:?}"
        );
        assert!(matches!(
            store.watch("/k/", kept - 1).await.map(drop),
            Err(WatchError::Compacted { oldest, .. }) if oldest == kept
        ));
        assert_eq!(list(&*store, "/k/", Some(kept)).await.unwrap(), format!("/k/a=2@{kept}"));
        assert_eq!(list(&*store, "/k/", None).await.unwrap(), format!("/k/a=3@{newest}"));
        let mut watch = store.watch("/k/", kept).await.unwrap();
        assert_eq!(told(&collect(&mut *watch, 1).await), format!("{newest} /k/a: 2 -> 3"));
    }
    store.compact(newest + 100).await.unwrap();
    delete(&*store, "/k/a").await;
    store.compact(newest + 1).await.unwrap();
    drop(store);
    let store = backend.open().await;
    assert_eq!(store.revision().await.unwrap(), newest + 1, "revisions go on when nothing is left");
    assert_eq!(list(&*store, "/k/", None).await.unwrap(), "");
}

pub async fn keys_expire(backend: &dyn Backend) {
    let store = backend.open().await;
    let start = store.revision().await.unwrap();
    let brief =
        |key: &str, seconds| Op::Put { key: key.into(), value: "1".into(), ttl: Some(Duration::from_secs(seconds)) };
    done(&*store, vec![], vec![brief("/x/goes", 1)]).await;
    done(&*store, vec![], vec![brief("/x/kept", 1)]).await;
    put(&*store, "/x/kept", "2").await;
    done(&*store, vec![], vec![brief("/x/later", 3)]).await;
    let mut watch = store.watch("/x/", start + 4).await.unwrap();
    let change = collect(&mut *watch, 1).await;
    assert_eq!(told(&change), format!("{} /x/goes: 1 -> -", start + 5));
    drop((watch, store));
    let store = backend.open().await;
    let mut watch = store.watch("/x/", start + 5).await.unwrap();
    let change = collect(&mut *watch, 1).await;
    assert_eq!(told(&change), format!("{} /x/later: 1 -> -", start + 6), "the expiry outlives a restart");
    assert_eq!(list(&*store, "/x/", None).await.unwrap(), format!("/x/kept=2@{}", start + 3));
}

pub async fn a_reader_who_stops_is_cut_or_served(backend: &dyn Backend) {
    let store = backend.open().await;
    let start = store.revision().await.unwrap();
    let mut watch = store.watch("/s/", start).await.unwrap();
    let value = Bytes::from(vec![b'x'; 1 << 20]);
    for _ in 0..40 {
        done(&*store, vec![], vec![Op::put("/s/large", value.clone())]).await;
    }
    let mut last = start;
    let ended = loop {
        match in_time(watch.next()).await {
            Ok(batch) => {
                for change in batch {
                    assert_eq!(change.revision, last + 1, "no gap before the cut");
                    last = change.revision;
                }
                if last == start + 40 {
                    break None;
                }
            }
            Err(error) => break Some(error),
        }
    };
    assert!(matches!(ended, None | Some(WatchError::Cut(_))), "{ended:?}");
    let mut watch = store.watch("/s/", last).await.unwrap();
    if last < start + 40 {
        let rest = collect(&mut *watch, (start + 40 - last) as usize).await;
        assert!(rest.windows(2).all(|pair| pair[0].revision + 1 == pair[1].revision));
    }
}

/// Makes each case a test: `backend_suite!(factory)`, where `factory()` gives a [`Backend`] with an empty place.
#[macro_export]
macro_rules! backend_suite {
    ($factory:expr) => {
        $crate::backend_suite!(
            $factory,
            revisions_grow_by_one_a_write,
            a_transaction_is_all_or_nothing,
            ranges_come_in_order_and_pages,
            the_past_can_be_read,
            watches_tell_past_and_present,
            concurrent_writes_are_ordered,
            compaction_forgets_the_past_only,
            keys_expire,
            a_reader_who_stops_is_cut_or_served
        );

        #[test]
        fn behaves_like_a_map() {
            suite::model::check(|| Box::new($factory()));
        }
    };
    ($factory:expr, $($case:ident),*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                suite::$case(&$factory()).await;
            }
        )*
    };
}
