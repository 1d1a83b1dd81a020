//! Machines join a cluster, die, are installed anew, and leave.

use crate::machine::{self, LIMIT, Site, get, kill_and_wait, put, started, within};
use cluster::etcd::{MemberConfig, MemberError, Supervisor, join, leave, open};
use std::time::Duration;
use store::{Etcd, EtcdAdmin, Member};

async fn joined(config: &MemberConfig, through: &[&MemberConfig]) -> Supervisor {
    let admin = admin(config, through);
    within(join(&admin, &machine::binary(), config, LIMIT)).await.unwrap()
}

fn admin(config: &MemberConfig, through: &[&MemberConfig]) -> EtcdAdmin {
    config.admin(through.iter().map(|machine| machine.client_url())).unwrap()
}

/// Joins, and is dropped after this time as if we had been killed. Whether it was done by then.
async fn join_for(config: &MemberConfig, through: &[&MemberConfig], time: Duration) -> bool {
    let (admin, binary) = (admin(config, through), machine::binary());
    tokio::time::timeout(time, join(&admin, &binary, config, LIMIT)).await.is_ok()
}

/// `a b c?`, where `?` has no vote.
fn names(mut members: Vec<Member>) -> String {
    members.sort_by(|a, b| a.name.cmp(&b.name));
    let names = members.iter().map(|member| format!("{}{}", member.name, if member.is_learner { "?" } else { "" }));
    names.collect::<Vec<_>>().join(" ")
}

/// A write that may meet an election: it is tried until it is known to be done.
async fn put_at_last(store: &Etcd, key: &str, value: &str) {
    let ops = || vec![store::Op::put(key, value.to_owned())];
    within(async { while store::Store::txn(store, vec![], ops()).await.is_err() {} }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_members_by_joining() {
    let site = Site::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| site.machine(name));
    let first = started(&a).await;
    let store = site.store(&[&a]).await;
    put(&store, "/early", "1").await;

    // Somebody added us and died before anything was started. Then we die, wherever we are by then.
    first.admin().add_learner(&b.peer_url()).await.unwrap();
    for milliseconds in [5, 20, 50, 100, 200, 400] {
        if join_for(&b, &[&a], Duration::from_millis(milliseconds)).await {
            break;
        }
    }
    // There is room for one learner at a time.
    let through = [&a];
    let (second, third) = tokio::join!(joined(&b, &through), joined(&c, &through));
    assert_eq!(names(first.admin().members().await.unwrap()), "a b c");
    assert!(!third.status().await.unwrap().is_learner);
    let all = site.store(&[&c, &b, &a]).await;
    assert_eq!(get(&all, "/early").await.as_deref(), Some("1"));
    // Joining again finds all done.
    drop(second);
    let second = joined(&b, &[&a]).await;
    assert!(machine::process(&second).1, "it runs already");

    kill_and_wait(&second).await;
    put_at_last(&all, "/after", "1").await;

    within(leave(third, false)).await.unwrap();
    assert_eq!(names(first.admin().members().await.unwrap()), "a b");
    assert!(!c.data_dir.exists(), "its data are gone");
    assert_eq!(site.running().len(), 2);

    // The other one is down: alone it would not be a majority.
    within(second.stop()).await.unwrap();
    let error = within(leave(first, false)).await.unwrap_err();
    assert!(!matches!(error, MemberError::Last), "{error}");
    assert!(a.data_dir.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_installed_anew_takes_its_place() {
    let site = Site::new();
    let machines = together(&site);
    let [a, b, c] = &machines;
    let supervisors = (started_all(a, b, c)).await;
    let [first, second, third] = supervisors;
    let store = site.store(&[a, b]).await;
    put(&store, "/a", "1").await;

    within(third.stop()).await.unwrap();
    std::fs::remove_dir_all(&c.data_dir).unwrap();
    let error = Supervisor::start(machine::binary(), c.clone()).await.err().unwrap();
    assert!(matches!(error, MemberError::DataLost { .. }), "{error}");
    std::fs::remove_file(site.path("c.member")).unwrap();
    let third = joined(c, &[a, b]).await;
    assert_eq!(names(first.admin().members().await.unwrap()), "a b c");
    let status = third.status().await.unwrap();
    assert_eq!((status.is_learner, status.has_leader), (false, true));

    // Removed by the others while its data are still there: they are put aside.
    // As soon as etcd finds the others connected for long enough.
    within(async { while first.admin().remove(status.member_id).await.is_err_and(|error| error.is_passing()) {} })
        .await;
    within(third.stop()).await.unwrap();
    let third = joined(c, &[a, b]).await;
    assert!(site.path("c.old").join("member").is_dir());
    assert_eq!(names(second.admin().members().await.unwrap()), "a b c");
    assert_eq!(get(&*site.store(&[c]).await, "/a").await.as_deref(), Some("1"));
    drop(third);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_needed_does_not_leave() {
    let site = Site::new();
    let [a, b, c] = &together(&site);
    let [first, second, third] = started_all(a, b, c).await;
    within(third.stop()).await.unwrap();
    let error = within(leave(first, false)).await.unwrap_err();
    assert!(matches!(error, MemberError::Quorum { left: 1, voters: 2, needed: 2 }), "{error}");
    assert_eq!(names(second.admin().members().await.unwrap()), "a b c");

    // Forced, it goes whatever the others say.
    let first = started(a).await;
    within(leave(first, true)).await.unwrap();
    assert!(!a.data_dir.exists());

    let lonely = site.machine("lonely");
    let supervisor = started(&lonely).await;
    let error = within(leave(supervisor, false)).await.unwrap_err();
    assert!(matches!(error, MemberError::Last), "{error}");
    assert!(lonely.data_dir.exists());
}

/// Three machines that begin a cluster together.
fn together(site: &Site) -> [MemberConfig; 3] {
    let mut machines = ["a", "b", "c"].map(|name| site.machine(name));
    let all: Vec<_> = machines.iter().map(|machine| (machine.name.clone(), machine.peer_url())).collect();
    for machine in &mut machines {
        machine.initial = cluster::etcd::Initial::Together(all.clone());
    }
    machines
}

async fn started_all(a: &MemberConfig, b: &MemberConfig, c: &MemberConfig) -> [Supervisor; 3] {
    let (a, b, c) = tokio::join!(started(a), started(b), started(c));
    [a, b, c]
}

/// As a server starts its own. `others` as the machine knew them when it joined.
async fn opened(config: &MemberConfig, others: &[&MemberConfig]) -> Supervisor {
    let others: Vec<String> = others.iter().map(|machine| machine.client_url()).collect();
    within(open(&machine::binary(), config, &others, LIMIT)).await.unwrap()
}

/// The first one burnt; the second knows of nobody else, the third of it and of the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_three_start_together_after_a_power_cut() {
    let site = Site::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| site.machine(name));
    let first = opened(&a, &[]).await;
    let second = opened(&b, &[&a]).await;
    let third = opened(&c, &[&a, &b]).await;
    put(&*site.store(&[&a]).await, "/a", "1").await;
    for supervisor in [first, second, third] {
        within(supervisor.stop()).await.unwrap();
    }
    let (of_b, of_c) = ([&a], [&a, &b]);
    let (_second, _third) = tokio::join!(opened(&b, &of_b), opened(&c, &of_c));
    assert_eq!(get(&*site.store(&[&b]).await, "/a").await.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_removed_joins_anew_when_it_starts() {
    let site = Site::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| site.machine(name));
    let first = opened(&a, &[]).await;
    let _second = opened(&b, &[&a]).await;
    let third = opened(&c, &[&a, &b]).await;
    let id = third.status().await.unwrap().member_id;
    within(third.stop()).await.unwrap();
    within(async { while first.admin().remove(id).await.is_err_and(|error| error.is_passing()) {} }).await;
    let third = opened(&c, &[&a, &b]).await;
    assert_ne!(third.status().await.unwrap().member_id, id);
    assert_eq!(names(first.admin().members().await.unwrap()), "a b c");
}

/// Ports stand for addresses here: all machines of the test have one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_whose_address_changes_tells_the_others() {
    let site = Site::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| site.machine(name));
    let first = opened(&a, &[]).await;
    let second = opened(&b, &[&a]).await;
    let _third = opened(&c, &[&a, &b]).await;
    for (moved, others, supervisor) in [(&a, vec![], first), (&b, vec![&a], second)] {
        within(supervisor.stop()).await.unwrap();
        let moved = MemberConfig { peer_port: machine::ports()[1], ..moved.clone() };
        let again = opened(&moved, &others).await;
        let members = again.admin().members().await.unwrap();
        let own = members.iter().find(|member| member.name == moved.name).unwrap();
        assert_eq!(own.peer_urls, [moved.peer_url()]);
        put_at_last(&*site.store(&[&moved]).await, "/a", "1").await;
        within(again.stop()).await.unwrap();
        let _again = opened(&moved, &others).await;
    }
}
