//! Three members of etcd: the leader is killed under writes and watches.

use crate::etcd_server::Cluster;
use crate::suite::{in_time, put};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Change, Etcd, EtcdOptions, MemberStatus, Op, Outcome, Range, Revision, Store, Watch, WriteError};
use tokio::sync::watch as state;

/// Writers at each of the two clients.
const WRITERS: usize = 3;
/// Writes each makes before the leader dies, and again after.
const WRITES: usize = 40;
/// How long nobody may be able to write.
const PAUSE: Duration = Duration::from_secs(5);

/// What a writer knows.
#[derive(Default)]
struct Written {
    /// Key and revision of what was acknowledged.
    acknowledged: Vec<(String, Revision)>,
    /// The first acknowledgement after the leader's end.
    resumed: Option<Instant>,
}

/// Writes new keys until it has `WRITES` acknowledgements after the leader's end.
async fn write(
    store: Arc<Etcd>,
    name: String,
    progress: state::Sender<usize>,
    killed: state::Receiver<bool>,
) -> Written {
    let mut written = Written::default();
    let mut after = 0;
    for number in 0.. {
        let key = format!("/c/{name}/{number:05}");
        let after_death = *killed.borrow();
        match in_time(store.txn(vec![], vec![Op::put(key.as_str(), number.to_string())])).await {
            Ok(Outcome::Done { revision }) => written.acknowledged.push((key, revision)),
            Ok(refused) => panic!("{refused:?}"),
            Err(error) => {
                assert!(matches!(error, WriteError::Unknown(_) | WriteError::Io(_)), "{error}");
                continue;
            }
        }
        progress.send_modify(|count| *count += 1);
        if after_death {
            written.resumed.get_or_insert_with(Instant::now);
            after += 1;
        }
        if after == WRITES {
            break;
        }
    }
    written
}

/// Reads up to a change of `/c/end`; `impatient`, it drops the future of `next` again and again.
async fn follow(mut watch: Box<dyn Watch>, impatient: bool) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    while changes.last().is_none_or(|change| &*change.key != "/c/end") {
        let limit = if impatient { Duration::from_millis(1) } else { Duration::from_secs(60) };
        if let Ok(batch) = tokio::time::timeout(limit, watch.next()).await {
            changes.extend(batch.expect("the watch goes on"));
        }
    }
    changes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_leader_dies_under_writes() {
    let mut cluster = Cluster::start(3, None, &[]);
    let endpoints = cluster.endpoints();
    let store = in_time(connect(endpoints.clone())).await;
    let members = store.members().await;
    let leader = leader(&members);
    let rotated = |by: usize| [&endpoints[by..], &endpoints[..by]].concat();
    let at_leader = connect(rotated(leader)).await;
    let at_follower = connect(rotated((leader + 1) % 3)).await;

    let start = put(&*store, "/c/start", "1").await;
    let mut followers = Vec::new();
    for (client, impatient) in [(&at_leader, false), (&at_leader, true), (&at_follower, false)] {
        followers.push(tokio::spawn(follow(client.watch("/c/", start).await.unwrap(), impatient)));
    }
    let (kill, killed) = state::channel(false);
    let mut writers = Vec::new();
    let mut progress = Vec::new();
    for number in 0..WRITERS * 2 {
        let client = if number % 2 == 0 { &at_leader } else { &at_follower };
        let (sender, receiver) = state::channel(0);
        progress.push(receiver);
        writers.push(tokio::spawn(write(client.clone(), format!("w{number}"), sender, killed.clone())));
    }
    for receiver in &mut progress {
        in_time(receiver.wait_for(|count| *count >= WRITES)).await.unwrap();
    }
    cluster.members[leader].kill();
    let death = Instant::now();
    kill.send_replace(true);

    let mut acknowledged = BTreeMap::new();
    let mut count = 0;
    for writer in writers {
        let written = writer.await.unwrap();
        let pause = written.resumed.unwrap() - death;
        assert!(pause < PAUSE, "a writer was held up for {pause:?}");
        count += written.acknowledged.len();
        acknowledged.extend(written.acknowledged.into_iter().map(|(key, revision)| (revision, key)));
    }
    assert_eq!(acknowledged.len(), count, "every acknowledged write has a revision of its own");
    let end = put(&*at_leader, "/c/end", "1").await;
    let items = at_follower.range(Range::under("/c/")).await.unwrap().items;
    let kept: BTreeMap<_, _> = items.into_iter().map(|item| (item.modified, item.key.to_string())).collect();
    assert!(acknowledged.iter().all(|(revision, key)| kept.get(revision) == Some(key)), "no write was lost");
    for follower in followers {
        let changes = in_time(follower).await.unwrap();
        let seen: Vec<_> = changes.iter().map(|change| change.revision).collect();
        assert!(seen.iter().copied().eq(start + 1..=end), "each change once, in order: {seen:?}");
        assert!(changes.iter().all(|change| kept[&change.revision] == *change.key));
    }
}

/// The end that followers wait for, written as soon as there is a leader.
async fn end_at_last(store: &Etcd) -> Revision {
    loop {
        match in_time(store.txn(vec![], vec![Op::put("/c/end", "1")])).await {
            Ok(Outcome::Done { revision }) => return revision,
            other => assert!(matches!(other, Err(WriteError::Unknown(_) | WriteError::Io(_))), "{other:?}"),
        }
    }
}

/// Nothing is closed, nothing answers: calls move on by their deadline, watches by the probe of their connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_leader_is_left() {
    let cluster = Cluster::start(3, None, &[]);
    let endpoints = cluster.endpoints();
    let members = in_time(connect(endpoints.clone())).await.members().await;
    let leader = leader(&members);
    let store = connect([&endpoints[leader..], &endpoints[..leader]].concat()).await;
    let start = put(&*store, "/c/start", "1").await;
    let watch = store.watch("/c/", start).await.unwrap();
    let follower = tokio::spawn(follow(watch, false));
    put(&*store, "/c/before", "1").await;
    cluster.members[leader].freeze(true);
    let error = in_time(store.txn(vec![], vec![Op::put("/c/lost", "1")])).await.unwrap_err();
    assert!(matches!(error, WriteError::Unknown(_)), "it was sent: {error}");
    let key = in_time(store.get("/c/before")).await.unwrap();
    assert!(key.is_some(), "reads ask another member");
    let end = end_at_last(&store).await;
    let changes = in_time(follower).await.unwrap();
    assert!(changes.iter().map(|change| change.revision).eq(start + 1..=end), "{changes:?}");
    cluster.members[leader].freeze(false);
    put(&*store, "/c/after", "1").await;
}

fn leader(members: &[(String, Result<MemberStatus, String>)]) -> usize {
    members.iter().position(|(_, status)| status.as_ref().is_ok_and(|status| status.is_leader)).expect("a leader")
}

/// The members are still starting.
async fn connect(endpoints: Vec<String>) -> Arc<Etcd> {
    loop {
        match Etcd::connect(EtcdOptions::new(endpoints.clone())).await {
            Ok(store) => return store,
            Err(error) => eprintln!("{error}"),
        }
    }
}

/// As the first master's server does: it was started beside nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_came_later_stand_in() {
    let mut cluster = Cluster::start(3, None, &[]);
    let endpoints = cluster.endpoints();
    let store = in_time(connect(endpoints[..1].to_vec())).await;
    let start = put(&*store, "/c/start", "1").await;
    let follower = tokio::spawn(follow(store.watch("/c/", start).await.unwrap(), false));
    in_time(store.learn_members(&endpoints[0])).await.unwrap();
    let known: Vec<String> = store.members().await.into_iter().map(|(endpoint, _)| endpoint).collect();
    assert_eq!(known[0], endpoints[0], "the first one stays home");
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(sorted(known), sorted(endpoints));
    cluster.members[0].kill();
    let end = end_at_last(&store).await;
    let changes = in_time(follower).await.unwrap();
    assert!(changes.iter().map(|change| change.revision).eq(start + 1..=end), "{changes:?}");
}

/// A follower that passed a write on to a leader who froze does not say so for seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_at_a_follower_of_a_frozen_leader_ends_with_the_election() {
    let cluster = Cluster::start(3, None, &[]);
    let endpoints = cluster.endpoints();
    let members = in_time(connect(endpoints.clone())).await.members().await;
    let leader = leader(&members);
    let mut options = EtcdOptions::new([endpoints[(leader + 1) % 3].clone()]);
    // The test is whether it is told before this.
    options.attempt_timeout = Duration::from_secs(30);
    options.timeout = Duration::from_secs(60);
    let store = in_time(Etcd::connect(options)).await.unwrap();
    put(&*store, "/c/before", "1").await;
    cluster.members[leader].freeze(true);
    let frozen = Instant::now();
    let read = tokio::spawn({
        let store = store.clone();
        async move { (store.get("/c/before").await.map(|found| found.is_some()), frozen.elapsed()) }
    });
    let lost = in_time(store.txn(vec![], vec![Op::put("/c/lost", "1")])).await;
    let told = frozen.elapsed();
    assert!(matches!(lost, Err(WriteError::Unknown(_))), "{lost:?}");
    let (found, answered) = in_time(read).await.unwrap();
    assert!(found.unwrap(), "the read is repeated");
    println!("the write is told after {told:?}, the read answered after {answered:?}");
    // An election takes at most twice `--election-timeout`, 1 s, and begins after one.
    assert!(told < Duration::from_millis(4500) && answered < Duration::from_millis(4500), "{told:?} {answered:?}");
    put(&*store, "/c/after", "1").await;
    cluster.members[leader].freeze(false);
}
