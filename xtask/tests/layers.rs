//! Keeps the tree true to its promise: the folder a crate lies in says what it may import.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::collections::BTreeSet;

/// Lowest first. A crate imports from lower layers freely, from its own only as [`SIBLINGS`] says.
const LAYERS: [&str; 6] = ["base", "model", "core", "io", "app", "test"];

/// Imports inside a layer, each with the reason it is needed. Shorter is better.
const SIBLINGS: &[(&str, &str, &str)] = &[
    ("telemetry", "stdx", "std extensions are for everybody"),
    ("apimachinery", "schema", "patches and field managers ask for merge keys and list types"),
    ("kinds", "schema", "decodes and describes its types by the facts table"),
    ("kinds", "apimachinery", "every kind is written in its vocabulary"),
    ("apiserver", "store", "serves what the store holds"),
    ("cluster", "store", "runs the members of etcd that a store lives on, and asks them"),
    ("apiserver", "client", "in-process API and doors to nodes are its traits"),
    ("reconciler", "client", "reads views, writes actions"),
    ("network", "client", "follows services and endpoints"),
    ("node", "client", "follows its pods, reports their status"),
    ("node", "runtime", "starts containers"),
    ("node", "network", "plugs pods in"),
    ("bench", "testbed", "measures the clusters that tests start"),
    ("cli", "daemon", "`server` starts it, the others ask it"),
    ("bench", "testbed", "measures the clusters that the tests start"),
];

/// What `model` and `core` must not reach, however indirectly: they decide, others act.
const ACTS: [&str; 6] = ["tokio", "mio", "hyper", "socket2", "rusqlite", "rustls"];

#[test]
fn crates_import_downwards() {
    let metadata = metadata();
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        let Some(layer) = layer(package) else { continue };
        for dependency in imports(&metadata, package) {
            let below = self::layer(dependency);
            if below > Some(layer) || (below == Some(layer) && !is_listed(package, dependency)) {
                wrong.push(format!("{} must not import {}", package.name, dependency.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_decides_does_not_act() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        if ![rank("model"), rank("core")].contains(&layer(package)) {
            continue;
        }
        let reached = reachable(&metadata, package);
        let acts: Vec<&str> = ACTS.into_iter().filter(|name| reached.contains(*name)).collect();
        assert!(acts.is_empty(), "{} decides, so it must not reach {acts:?}", package.name);
        // Indirectly it comes with the DNS message format, which does not log in what we use of it.
        let logs = imports(&metadata, package).iter().any(|dependency| *dependency.name == *"tracing");
        assert!(!logs, "{} decides and returns its reasons; drivers log them", package.name);
    }
}

#[test]
fn listed_siblings_are_imported() {
    let metadata = metadata();
    for (from, to, _) in SIBLINGS {
        let package = metadata.packages.iter().find(|package| *package.name == **from);
        let package = package.unwrap_or_else(|| panic!("SIBLINGS names {from}, which is no crate"));
        let used = imports(&metadata, package).iter().any(|dependency| *dependency.name == **to);
        assert!(used, "{from} no longer imports {to}: take it off the list");
    }
}

/// The graph of what is built here: other platforms' dependencies are not reached.
fn metadata() -> Metadata {
    let here = "--filter-platform=x86_64-unknown-linux-gnu".to_owned();
    MetadataCommand::new().other_options(["--offline".to_owned(), here]).exec().expect("cargo metadata works here")
}

fn is_listed(from: &Package, to: &Package) -> bool {
    SIBLINGS.iter().any(|(a, b, _)| *from.name == **a && *to.name == **b)
}

/// The place of a layer in [`LAYERS`].
fn rank(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| *layer == name)
}

/// The layer of a crate under `crates/<layer>/`; none for `xtask` and crates of others.
fn layer(package: &Package) -> Option<usize> {
    let mut folders = package.manifest_path.as_str().rsplit('/').skip(2);
    let layer = folders.next()?;
    if package.source.is_some() || folders.next()? != "crates" {
        return None;
    }
    assert!(rank(layer).is_some(), "crates/{layer} is no layer; layers are {LAYERS:?}");
    rank(layer)
}

/// What a package is really linked with, by the resolved graph (features and platform counted in).
fn imports<'a>(metadata: &'a Metadata, package: &Package) -> Vec<&'a Package> {
    let resolved = metadata.resolve.as_ref().expect("cargo metadata resolves");
    let node = resolved.nodes.iter().find(|node| node.id == package.id);
    let linked = |dependency: &&cargo_metadata::NodeDep| {
        dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
    };
    node.into_iter().flat_map(|node| node.deps.iter().filter(linked)).map(|dep| &metadata[&dep.pkg]).collect()
}

fn reachable(metadata: &Metadata, package: &Package) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut open = vec![package];
    while let Some(package) = open.pop() {
        for dependency in imports(metadata, package) {
            if seen.insert(dependency.name.to_string()) {
                open.push(dependency);
            }
        }
    }
    seen
}
