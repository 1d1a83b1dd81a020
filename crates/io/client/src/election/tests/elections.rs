//! Elections that go well and that do not.

use super::world::{Manners, Way, World};
use crate::election::Election;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

async fn seconds(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

fn world() -> (Arc<World>, Instant) {
    (Arc::new(World::default()), Instant::now())
}

#[tokio::test(start_paused = true)]
async fn one_leads_and_gives_it_back() {
    let (world, start) = world();
    let first = world.join("a", Manners::Ends, start);
    seconds(1).await;
    let second = world.join("bb", Manners::Ends, start);
    seconds(60).await;
    assert_eq!((world.log(), world.holder()), (vec!["a begins at 0".to_owned()], ("a".to_owned(), 0)));
    let spec = &world.lease()["spec"];
    assert_eq!(
        (&spec["leaseDurationSeconds"], &spec["acquireTime"]),
        (&15.into(), &"1973-03-03T09:46:40.000000Z".into())
    );
    first.end().await;
    assert_eq!(world.holder(), (String::new(), 0));
    seconds(3).await;
    assert_eq!(world.holder(), ("bb".to_owned(), 1), "no longer than a try takes");
    second.end().await;
    assert_eq!(world.holder(), (String::new(), 1));
    assert_eq!(world.log()[1..3], ["a ends at 61", "bb begins at 61"].map(str::to_owned));
}

#[tokio::test(start_paused = true)]
async fn a_leader_who_is_cut_off_ends_before_the_next_begins() {
    for way in [Way::Refused, Way::Hangs, Way::Late(Duration::from_secs(30))] {
        let (world, start) = world();
        let first = world.join("a", Manners::Ends, start);
        seconds(1).await;
        let second = world.join("bb", Manners::Ends, start);
        seconds(30).await;
        first.set(way);
        seconds(30).await;
        let log = world.log();
        let expected = ["a begins at 0", "a ends at 40", "bb begins at 47"].map(str::to_owned);
        assert_eq!(log, expected, "{way:?}");
        first.set(Way::Open);
        seconds(60).await;
        assert_eq!(world.log().len(), 3, "it waits for its turn");
        second.end().await;
        seconds(5).await;
        assert_eq!(world.holder(), ("a".to_owned(), 2));
        first.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn short_breaks_cost_nothing() {
    let (world, start) = world();
    let first = world.join("a", Manners::Ends, start);
    let second = world.join("bb", Manners::Ends, start);
    seconds(10).await;
    let holder = world.holder();
    for way in [Way::Refused, Way::Hangs, Way::Late(Duration::from_millis(10))] {
        for member in [&first, &second] {
            member.set(way);
        }
        seconds(6).await;
        for member in [&first, &second] {
            member.set(Way::Open);
        }
        seconds(10).await;
        assert_eq!((world.log().len(), world.holder()), (1, holder.clone()), "{way:?}");
    }
    first.end().await;
    second.end().await;
}

#[tokio::test(start_paused = true)]
async fn work_that_does_not_end_is_killed() {
    let (world, start) = world();
    let first = world.join("a", Manners::Stays, start);
    seconds(1).await;
    let second = world.join("bb", Manners::Stays, start);
    seconds(19).await;
    first.set(Way::Refused);
    seconds(30).await;
    assert_eq!(world.log(), ["a begins at 0", "a ends at 32", "bb begins at 35"].map(str::to_owned));
    second.end().await;
    assert_eq!(world.log().last().unwrap(), "bb ends at 63");
    assert_eq!(world.holder(), (String::new(), 1));
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_got_without_an_answer_is_used_or_given_back() {
    let (world, start) = world();
    let first = world.join("a", Manners::Ends, start);
    first.set(Way::Late(Duration::from_millis(1)));
    seconds(3).await;
    // It was only looked for: there was none to get.
    assert_eq!(world.holder().0, "");
    first.set(Way::Open);
    seconds(6).await;
    first.end().await;
    let second = world.join("bb", Manners::Ends, start);
    // The answer to the read comes, that to the write does not.
    sleep(Duration::from_millis(10)).await;
    second.set(Way::Late(Duration::from_millis(1)));
    sleep(Duration::from_millis(10)).await;
    assert_eq!(world.holder(), ("bb".to_owned(), 1));
    second.set(Way::Open);
    let log = world.log();
    assert_eq!(log.len(), 2, "it does not know yet: {log:?}");
    second.end().await;
    assert_eq!(world.holder(), (String::new(), 1));
    assert_eq!(world.log(), log);
}

#[tokio::test(start_paused = true)]
async fn who_is_deposed_ends_at_once() {
    let (world, start) = world();
    let first = world.join("a", Manners::Ends, start);
    seconds(5).await;
    let mut lease = world.lease();
    lease["spec"]["holderIdentity"] = "somebody".into();
    world.put(Some(lease));
    seconds(3).await;
    assert_eq!(world.log(), ["a begins at 0", "a ends at 6"].map(str::to_owned));
    seconds(20).await;
    assert_eq!(world.holder(), ("a".to_owned(), 1), "somebody did not renew");
    first.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_lease_is_made_again() {
    let (world, start) = world();
    let first = world.join("a", Manners::Ends, start);
    seconds(5).await;
    world.put(None);
    seconds(3).await;
    assert_eq!((world.holder().0, world.log().len()), ("a".to_owned(), 1));
    first.end().await;
}

#[tokio::test(start_paused = true)]
async fn work_that_ends_by_itself_gives_the_lead_away() {
    let (world, _) = world();
    let (runs, counter) = tokio::sync::watch::channel(0);
    let stop = CancellationToken::new();
    let election = Election::new(world.door(), "boss", "short");
    let running = tokio::spawn(election.run(stop.clone(), move |_| {
        runs.send_modify(|count| *count += 1);
        let count = *runs.borrow();
        async move { assert!(count % 2 == 0, "a panic is an end too") }
    }));
    seconds(20).await;
    let count = *counter.borrow();
    assert!((5..=10).contains(&count), "again after a pause: {count}");
    stop.cancel();
    running.await.unwrap();
    assert_eq!(world.holder().0, "");
}

#[tokio::test(start_paused = true)]
async fn who_is_dropped_works_no_more() {
    let (world, start) = world();
    let first = world.join("a", Manners::Ends, start);
    seconds(5).await;
    first.running.abort();
    seconds(1).await;
    assert_eq!(world.log(), ["a begins at 0", "a ends at 5"].map(str::to_owned));
    assert_eq!(world.holder().0, "a", "the lease runs out");
}
