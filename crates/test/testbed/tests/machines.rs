//! The machines that tests of several run on: apart from each other and from the real one, and joined by a switch.

use testbed::{Folder, Machine, Switch};

#[test]
fn machines_see_each_other_and_nothing_else() {
    let folder = Folder::new("mach");
    let switch = Switch::new("mach");
    let mut a = Machine::new(&switch, folder.path(), "a1", 1);
    let b = Machine::new(&switch, folder.path(), "b1", 2);
    assert_eq!(a.run("hostname", &[]).expect_ok(), "a1\n");
    a.run("busybox", &["ping", "-c1", "-W2", &b.address]).expect_ok();
    a.run("sh", &["-c", "echo mine > /etc/barque/mine && echo kept > /var/lib/etcd/kept"]).expect_ok();
    assert!(!std::path::Path::new("/etc/barque/mine").exists());
    b.run("cat", &["/etc/barque/mine"]).expect_failure();
    // Only its own processes, and its init is the first.
    let processes = a.run("ps", &["-e", "-o", "comm="]).expect_ok();
    assert!(processes.starts_with("bash\n") && processes.lines().count() < 6, "{processes}");
    b.set_cable(&switch, false);
    a.run("busybox", &["ping", "-c1", "-W1", &b.address]).expect_failure();
    b.set_cable(&switch, true);
    a.run("sh", &["-c", "setsid sleep 1000 >/dev/null 2>&1 &"]).expect_ok();
    a.cut_power();
    a.turn_on();
    assert!(!a.run("pgrep", &["sleep", "-f", "-x", "sleep 1000"]).ok);
    assert_eq!(a.run("cat", &["/var/lib/etcd/kept"]).expect_ok(), "kept\n");
}
