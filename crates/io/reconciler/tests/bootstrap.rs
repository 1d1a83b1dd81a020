//! A token's life: `cluster-info` is signed with it, and both end when it does.

mod world;

use client::Api;
use client::resources::{CONFIG_MAPS, SECRETS};
use cluster::bootstrap::{MASTER_GROUP, NODE_GROUP, Token, cluster_info, sign, verify};
use controllers::Settings;
use controllers::bootstrap::ClusterInfo;
use reconciler::Metrics;
use std::sync::Arc;
use stdx::{Clock, SystemClock};
use world::world;

#[tokio::test]
async fn a_token_signs_the_cluster_until_it_expires() {
    let world = world().await;
    let kubeconfig = cluster_info("https://192.0.2.1:6443", "a CA");
    let settings =
        Settings { cluster_info: Some(ClusterInfo { kubeconfig: kubeconfig.clone(), sign }), ..Settings::default() };
    let (api, clock) = (Arc::clone(&world.api) as Arc<dyn Api>, Arc::new(SystemClock) as Arc<dyn Clock>);
    reconciler::run_controllers(&settings, &api, &world.informers, &clock, &Metrics::default(), &world.stop);

    let (kept, ending) = (Token::generate().unwrap(), Token::generate().unwrap());
    let end = jiff::Timestamp::from_second(SystemClock.now().secs() + 2).unwrap().to_string();
    for (token, end) in [(&kept, None), (&ending, Some(end.as_str()))] {
        let secret = token.object("a test's", end, &["signing", "authentication"], &[NODE_GROUP, MASTER_GROUP]);
        world.create(&SECRETS, "kube-system", secret).await;
    }
    let signed_by = |objects: &[Arc<apimachinery::Object>], token: &Token| {
        let info = objects.iter().find(|object| object.head.name == "cluster-info")?.to_value();
        let signature = info["data"][format!("jws-kubeconfig-{}", token.id)].as_str()?.to_owned();
        let text = info["data"]["kubeconfig"].as_str()?;
        assert_eq!(text, kubeconfig);
        Some(verify(text, &token.id, &token.secret, &signature))
    };
    let both = |all: &[_]| signed_by(all, &kept) == Some(true) && signed_by(all, &ending) == Some(true);
    world.until(&CONFIG_MAPS, "kube-public", "signed by both", both).await;
    let one = |all: &[_]| signed_by(all, &kept) == Some(true) && signed_by(all, &ending).is_none();
    world.until(&CONFIG_MAPS, "kube-public", "signed by the one that lasts", one).await;
    let left = world.until(&SECRETS, "kube-system", "one token", |all| all.len() == 1).await;
    assert_eq!(left[0].head.name, kept.secret_name());
}
