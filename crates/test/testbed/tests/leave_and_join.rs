//! A machine that joined and was reset is as it was before, any number of times: as a worker, and as a master.
//!
//! `LEAVE_ROUNDS` sets how often; 3 by default.

use std::time::Duration;
use testbed::{Folder, Machine, Switch, join_line, ready_nodes, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);

fn rounds() -> u32 {
    std::env::var("LEAVE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

struct Two {
    master: Machine,
    other: Machine,
    printed: String,
    _switch: Switch,
    // Last: machines are reset when dropped.
    _folder: Folder,
}

impl Two {
    fn new(name: &str) -> Self {
        let folder = Folder::new(name);
        let switch = Switch::new(name);
        let master = Machine::new(&switch, folder.path(), "m1", 1);
        let other = Machine::new(&switch, folder.path(), "m2", 2);
        let made = master.barque(&["init"]);
        assert!(made.ok, "{made}\n{}", master.log());
        Self { master, other, printed: made.stdout, _switch: switch, _folder: folder }
    }

    fn members(&self) -> usize {
        let listed = self.master.run(
            "etcdctl",
            &[
                "--endpoints=https://127.0.0.1:2379",
                "--cacert=/etc/barque/pki/etcd/ca.crt",
                "--cert=/etc/barque/pki/etcd/healthcheck-client.crt",
                "--key=/etc/barque/pki/etcd/healthcheck-client.key",
                "member",
                "list",
            ],
        );
        listed.expect_ok().lines().count()
    }

    #[track_caller]
    fn wait_for_nodes(&self, count: usize) {
        wait_for("so many Ready nodes", PATIENCE, || ready_nodes(&self.master, count));
    }

    /// Joins and is reset, again and again; `left` sees what reset said and leaves nothing of this machine behind.
    fn rounds(&self, master: bool, left: impl Fn(&str)) {
        let before = wait_for("addresses that are no longer tentative", PATIENCE, || {
            let footprint = self.other.footprint();
            if footprint.contains("tentative") { Err(footprint) } else { Ok(footprint) }
        });
        for round in 1..=rounds() {
            self.other.join(&join_line(&self.printed, master));
            self.wait_for_nodes(2);
            left(&self.other.reset());
            let after = self.other.footprint();
            assert!(before == after, "round {round}: {}", difference(&before, &after));
            println!("round {round} is over");
        }
    }
}

/// Lines of one only.
fn difference(before: &str, after: &str) -> String {
    let only = |of: &str, other: &str, sign: char| {
        let other: Vec<&str> = other.lines().collect();
        let lines = of.lines().filter(|line| !other.contains(line)).map(|line| format!("{sign} {line}\n"));
        lines.collect::<String>()
    };
    only(before, after, '-') + &only(after, before, '+')
}

#[test]
fn a_worker_leaves_no_trace_on_its_machine() {
    let two = Two::new("lvw");
    two.rounds(false, |said| {
        // A node may not delete Nodes.
        assert!(said.contains("kubectl delete node m2"), "{said}");
        two.master.kubectl(&["delete", "node", "m2"]).expect_ok();
    });
    two.wait_for_nodes(1);
}

#[test]
fn a_master_leaves_no_trace_and_the_other_goes_on() {
    let two = Two::new("lvm");
    two.rounds(true, |said| {
        assert_eq!(said, "", "all of it was done");
        assert_eq!(two.members(), 1);
        two.master.kubectl(&["get", "node", "m2"]).expect_failure();
        two.master.kubectl(&["create", "namespace", "written"]).expect_ok();
        two.master.kubectl(&["delete", "namespace", "written"]).expect_ok();
    });

    // `leave` lets it come back as it was.
    two.other.join(&join_line(&two.printed, true));
    two.wait_for_nodes(2);
    two.other.barque(&["leave"]).expect_ok();
    assert_eq!(two.members(), 1);
    two.wait_for_nodes(1);
    let refused = two.master.barque(&["leave", "--force"]).expect_failure();
    assert!(refused.contains("last master") && refused.contains("barque reset"), "{refused}");
    two.master.kubectl(&["get", "nodes"]).expect_ok();
}
