//! Ranges given, kept, freed and used up.

use super::*;
use crate::world::World;

const NOW: Timestamp = Timestamp(std::time::Duration::ZERO);

fn ipam(cluster: &str) -> NodeIpam {
    let (base, prefix) = cluster.split_once('/').unwrap();
    NodeIpam::new(Some((base.parse().unwrap(), prefix.parse().unwrap())))
}

fn node(world: &World, name: &str, range: &str) {
    let spec = if range.is_empty() { json!({}) } else { json!({"podCIDR": range, "podCIDRs": [range]}) };
    world.put(&NODES, json!({"metadata": {"name": name}, "spec": spec}));
}

fn range(world: &World, name: &str) -> String {
    let spec = world.get(&NODES, name).unwrap().to_value()["spec"].clone();
    if spec["podCIDR"].is_string() {
        assert_eq!(json!([spec["podCIDR"]]), spec["podCIDRs"]);
    }
    spec["podCIDR"].as_str().unwrap_or("none").to_owned()
}

#[track_caller]
fn lowest(cluster: &str, taken: &[&str], expected: &str) {
    let taken = taken.iter().map(|range| range.parse().unwrap()).collect();
    let found = range::lowest_free(cluster.parse().unwrap(), taken);
    assert_eq!(found.map_or("none".to_owned(), |range| range.to_string()), expected);
}

#[test]
fn the_lowest_free_range_is_found_whatever_sizes_are_taken() {
    lowest("10.42.0.0/16", &[], "10.42.0.0/24");
    lowest("10.42.7.9/16", &["10.42.0.0/24", "10.42.2.0/24"], "10.42.1.0/24");
    lowest("10.42.0.0/16", &["10.42.0.0/22", "10.42.1.0/24", "10.42.4.128/25"], "10.42.5.0/24");
    lowest("10.42.0.0/16", &["10.0.0.0/15", "192.0.2.0/24"], "10.42.0.0/24");
    lowest("10.42.0.0/16", &["10.0.0.0/8"], "none");
    lowest("10.42.0.0/25", &[], "none");
    lowest("255.255.255.0/24", &["255.255.255.7/32"], "none");
    lowest("0.0.0.0/0", &["0.0.0.0/1"], "128.0.0.0/24");
}

#[test]
fn every_node_gets_its_own_and_keeps_it() {
    let (world, ipam) = (World::default(), ipam("10.42.0.0/16"));
    node(&world, "old", "10.42.1.0/24");
    node(&world, "a", "");
    node(&world, "b", "");
    let given = r#"patch nodes a {"podCIDR":"10.42.0.0/24","podCIDRs":["10.42.0.0/24"]}"#;
    assert_eq!(world.round(&ipam, "a", NOW), given);
    world.round(&ipam, "b", NOW);
    for name in ["old", "a", "b", "nobody"] {
        assert_eq!(world.round(&ipam, name, NOW), "", "peace");
    }
    assert_eq!((&*range(&world, "a"), &*range(&world, "b")), ("10.42.0.0/24", "10.42.2.0/24"));
}

#[test]
fn rounds_that_do_not_see_each_others_writes_promise_different_ranges() {
    let (world, ipam) = (World::default(), ipam("10.42.0.0/16"));
    node(&world, "a", "");
    node(&world, "b", "");
    let (of_a, of_b) = (ipam.reconcile("a", &world, NOW), ipam.reconcile("b", &world, NOW));
    let again = ipam.reconcile("a", &world, NOW);
    world.execute(of_b);
    world.execute(of_a);
    assert_eq!((&*range(&world, "a"), &*range(&world, "b")), ("10.42.0.0/24", "10.42.1.0/24"));
    world.execute(again);
    assert_eq!(range(&world, "a"), "10.42.0.0/24");
}

#[test]
fn who_finds_no_range_is_told_once_and_gets_the_next_that_comes_free() {
    let (world, ipam) = (World::default(), ipam("10.42.0.0/23"));
    node(&world, "a", "10.42.0.0/24");
    node(&world, "b", "10.42.1.0/24");
    node(&world, "c", "");
    assert_eq!(world.round(&ipam, "c", NOW), "event CIDRNotAvailable: Node c status is now: CIDRNotAvailable");
    assert_eq!(world.round(&ipam, "c", NOW), "");
    let gone = world.get(&NODES, "b").unwrap();
    world.remove(&NODES, "b");
    let change = Change { of: &NODES, old: Some(&gone), new: None };
    assert_eq!(ipam.affected(change, &world), ["c"]);
    world.round(&ipam, "c", NOW);
    assert_eq!(range(&world, "c"), "10.42.1.0/24");
}

#[test]
fn without_a_cluster_range_and_for_nodes_that_go_nothing_is_given() {
    let world = World::default();
    node(&world, "a", "");
    assert_eq!(world.round(&NodeIpam::default(), "a", NOW), "");
    world.patch(&NODES, "a", &json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}));
    assert_eq!(world.round(&ipam("10.42.0.0/16"), "a", NOW), "");
}

#[test]
fn a_refusal_is_told() {
    let (world, ipam) = (World::default(), ipam("10.42.0.0/16"));
    node(&world, "a", "");
    let told = ipam.refused("a", &world, NOW, "no");
    assert_eq!(crate::world::brief(&told[0]), "event CIDRAssignmentFailed: Node a status is now: CIDRAssignmentFailed");
}
