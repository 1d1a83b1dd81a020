//! Ways that fail at random: never do two work at once (the ledger sees to it), and in the end one does.

use super::world::{Manners, Way, World};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const STORMS: u64 = 200;

#[tokio::test(start_paused = true)]
async fn in_any_storm_at_most_one_works() {
    let mut begun = 0;
    for seed in 0..STORMS {
        begun += storm(seed).await;
    }
    assert!(begun > STORMS as usize * 3, "storms that change nothing test nothing: {begun}");
}

async fn storm(seed: u64) -> usize {
    let mut random = SmallRng::seed_from_u64(seed);
    let (world, start) = (Arc::new(World::default()), Instant::now());
    let members = [("a", Manners::Ends), ("bb", Manners::Stays), ("ccc", Manners::Ends)];
    let members = members.map(|(name, manners)| world.join(name, manners, start));
    for _ in 0..60 {
        let member = &members[random.random_range(0..3)];
        member.set(match random.random_range(0..5) {
            0 => Way::Refused,
            1 => Way::Hangs,
            2 => Way::Late(Duration::from_millis(random.random_range(0..40_000))),
            _ => Way::Open,
        });
        sleep(Duration::from_millis(random.random_range(0..8_000))).await;
    }
    for member in &members {
        member.set(Way::Open);
    }
    sleep(Duration::from_secs(60)).await;
    assert_ne!(world.holder().0, "", "seed {seed}: somebody leads: {:?}", world.log());
    let [first, second, third] = members;
    tokio::join!(first.end(), second.end(), third.end());
    assert_eq!(world.holder().0, "", "seed {seed}");
    let log = world.log();
    assert!(!log.iter().any(|line| line.contains("beside")), "seed {seed}: {log:?}");
    log.iter().filter(|line| line.contains("begins")).count()
}
