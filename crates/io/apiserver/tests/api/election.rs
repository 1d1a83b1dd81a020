//! A leader election on the real server, over HTTPS: the Lease is taken as the server has it, and handed over.

use crate::world::served;
use client::remote::Remote;
use client::resources::LEASES;
use client::{Api, Election};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn the_lead_is_handed_over() {
    let served = served().await;
    let (begun, mut beginnings) = mpsc::unbounded_channel();
    let take_part = |name: &'static str| {
        let remote = Arc::new(Remote::new(served.remote_options()).unwrap());
        let mut election = Election::new(remote, "boss", name);
        election.timing.retry = Duration::from_millis(100);
        let (stop, begun) = (CancellationToken::new(), begun.clone());
        let running = tokio::spawn(election.run(stop.clone(), move |token| {
            begun.send(name).unwrap();
            async move { token.cancelled().await }
        }));
        (stop, running)
    };
    let mut next = async || tokio::time::timeout(Duration::from_secs(30), beginnings.recv()).await.unwrap().unwrap();
    let lease = async || served.world.api.get(&LEASES, "kube-system", "boss").await.unwrap();
    let (first_stop, first) = take_part("first");
    assert_eq!(next().await, "first");
    let made = lease().await;
    assert_eq!(made.to_value()["spec"]["leaseDurationSeconds"], 15);
    let (second_stop, second) = take_part("second");
    while lease().await.head.revision < made.head.revision + 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(lease().await.to_value()["spec"]["holderIdentity"], "first", "it renews");
    first_stop.cancel();
    first.await.unwrap();
    assert_eq!(next().await, "second");
    let spec = lease().await.to_value()["spec"].take();
    assert_eq!((&spec["holderIdentity"], &spec["leaseTransitions"]), (&"second".into(), &1.into()));
    second_stop.cancel();
    second.await.unwrap();
    let spec = lease().await.to_value()["spec"].take();
    assert_eq!((&spec["holderIdentity"], &spec["leaseDurationSeconds"]), (&"".into(), &1.into()));
}
