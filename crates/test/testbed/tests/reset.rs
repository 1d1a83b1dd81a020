//! `barque reset` takes away everything: processes, mounts, namespaces, interfaces, rules, cgroups, files.

use testbed::Cluster;
use testbed::images::{BUSYBOX, Image};
use testbed::run::run;

const IMAGES: &[Image] = &[Image { name: "library/busybox:1", recipe: BUSYBOX }];

const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: stays}
spec:
  containers:
  - name: c
    image: busybox:1
    command: [sleep, '104729']
    volumeMounts: [{name: shared, mountPath: /shared}]
  volumes:
  - name: shared
    flexVolume: {driver: ceph.rook.io/rook, options: {path: /kept}}
";

#[test]
fn reset_leaves_nothing_but_the_users_own() {
    let mut cluster = Cluster::start_with_images("rst", IMAGES);
    cluster.apply(POD).expect_ok();
    cluster.kubectl(&["wait", "pod/stays", "--for=condition=Ready", "--timeout=300s"]).expect_ok();
    cluster.kubectl(&["exec", "stays", "--", "sh", "-c", "echo mine > /shared/file"]).expect_ok();
    let folder = cluster.folder().to_owned();
    let instance = format!("bq{}", std::process::id() % 100_000);
    let refused = cluster.barque(&["reset", "--yes"]).expect_failure();
    assert!(refused.contains("still runs"), "{refused}");
    cluster.kill();
    assert!(!processes("sleep 104729").is_empty(), "the pod outlives its server");
    cluster.barque(&["reset", "--yes"]).expect_ok();

    // The registry beside it is the test's own.
    let left = [processes("sleep 104729"), processes(&folder.join("run").to_string_lossy())].concat();
    assert!(left.is_empty(), "processes: {left:?}");
    let mounts = std::fs::read_to_string("/proc/mounts").expect("the mount table");
    assert!(!mounts.contains(&*folder.to_string_lossy()), "mounts: {mounts}");
    let links = run(cluster.host.command("ip").args(["-o", "link"])).expect_ok();
    assert!(!links.contains(&instance), "interfaces: {links}");
    let rules = run(cluster.host.command("nft").args(["list", "tables"])).expect_ok();
    assert!(!rules.contains(&instance), "rules: {rules}");
    let groups = run(std::process::Command::new("find").args(["/sys/fs/cgroup", "-type", "d", "-name", &instance]));
    assert_eq!(groups.stdout, "", "cgroups");
    for gone in ["data", "run", "etc/admin.conf", "etc/pki"] {
        assert!(!folder.join(gone).exists(), "{gone} is still there");
    }
    let kept = std::fs::read_to_string(cluster.shared("/kept").join("file")).expect("the user's own file");
    assert_eq!(kept, "mine\n", "what a volume held is not ours");
    assert!(folder.join("config.yaml").exists());
}

/// Command lines with this text, other than this test's own.
fn processes(text: &str) -> Vec<String> {
    let all = std::fs::read_dir("/proc").expect("the process table").flatten();
    let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
    lines.filter(|line| line.contains(text)).collect()
}
