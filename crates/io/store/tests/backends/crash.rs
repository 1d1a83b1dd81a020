//! kill -9, again and again, in the middle of concurrent writes: what was acknowledged is there, revisions go on.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use store::{Embedded, Op, Options, Outcome, Range, Revision, Store};

const ROUNDS: usize = 8;
const WRITERS: usize = 8;
/// Tells this test, started by itself, to be the one that gets killed.
const VICTIM: &str = "STORE_CRASH_TEST_DATABASE";
const NAME: &str = "crash::acknowledged_writes_survive_kill_9";

#[test]
fn acknowledged_writes_survive_kill_9() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some(path) = std::env::var_os(VICTIM) {
        return runtime.block_on(write_until_killed(Path::new(&path)));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut known = Known::default();
    for round in 0..ROUNDS {
        let acknowledged = run_and_kill(&path, 40 + round * 97);
        runtime.block_on(check(&path, acknowledged, &mut known));
    }
    assert!(known.revision > (ROUNDS * 40) as u64);
}

#[derive(Default)]
struct Known {
    revision: Revision,
    last: BTreeMap<String, u64>,
}

/// `(key, number, revision)` of a write that was acknowledged.
type Acknowledged = (String, u64, Revision);

/// Starts the victim, kills it after `count` acknowledged writes.
fn run_and_kill(path: &Path, count: usize) -> Vec<Acknowledged> {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    for line in BufReader::new(victim.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // The last line may be cut off: then it was not told, and nothing is expected.
        let words: Vec<_> = line.split(' ').collect();
        if let ["ack", key, number, revision, "."] = words[..] {
            acknowledged.push((key.to_owned(), number.parse().unwrap(), revision.parse().unwrap()));
        }
        if acknowledged.len() == count {
            victim.kill().unwrap();
        }
    }
    assert!(!victim.wait().unwrap().success());
    assert!(acknowledged.len() >= count, "the victim was killed, it did not fail: {}", acknowledged.len());
    acknowledged
}

async fn write_until_killed(path: &Path) {
    let store = Embedded::open(Options::new(path)).unwrap();
    let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(write(store.clone(), writer))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

async fn write(store: Arc<Embedded>, writer: usize) {
    let key = format!("/crash/{writer}");
    let start = store.get(&key).await.unwrap().map_or(0, |item| number(&item.value));
    for next in start + 1.. {
        let value = format!("{next} {}", "x".repeat((next as usize * 37) % 3000));
        let outcome = store.txn(vec![], vec![Op::put(key.as_str(), value)]).await.unwrap();
        let Outcome::Done { revision } = outcome else { panic!("{outcome:?}") };
        std::io::stdout().write_all(format!("ack {key} {next} {revision} .\n").as_bytes()).unwrap();
    }
}

fn number(value: &[u8]) -> u64 {
    std::str::from_utf8(value).unwrap().split(' ').next().unwrap().parse().unwrap()
}

async fn check(path: &Path, acknowledged: Vec<Acknowledged>, known: &mut Known) {
    let store = Embedded::open(Options::new(path)).unwrap();
    let newest = store.revision().await.unwrap();
    let mut watch = store.watch("/crash/", 0).await.unwrap();
    let changes = crate::suite::collect(&mut *watch, newest as usize).await;
    assert!(changes.iter().map(|change| change.revision).eq(1..=newest), "no revision is missing or twice");
    let mut counters: BTreeMap<&str, u64> = BTreeMap::new();
    for change in &changes {
        let counter = counters.entry(&change.key).or_default();
        *counter += 1;
        assert_eq!(number(change.value.as_ref().unwrap()), *counter, "no write is missing or twice");
    }
    for (key, written, revision) in acknowledged {
        let change = &changes[revision as usize - 1];
        assert_eq!((&*change.key, number(change.value.as_ref().unwrap())), (key.as_str(), written));
        let last = known.last.entry(key).or_default();
        assert!(written > *last, "{written} after {last}");
        *last = written;
        known.revision = known.revision.max(revision);
    }
    assert!(newest >= known.revision);
    for item in store.range(Range::under("/crash/")).await.unwrap().items {
        assert!(number(&item.value) >= known.last.get(&*item.key).copied().unwrap_or(0));
        let change = &changes[item.modified as usize - 1];
        assert_eq!(change.value.as_ref(), Some(&item.value), "the state is what the history says");
    }
    known.revision = newest;
}
