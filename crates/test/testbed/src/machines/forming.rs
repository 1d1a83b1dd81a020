//! A cluster of machines, formed as a person would: `barque init`, then the lines it prints.

use super::{Machine, join_line};
use std::path::Path;

/// Makes the first machine a master with etcd by this kubeadm file, and the others join it: the first `masters` of all
/// as masters. What `init` printed.
pub fn form(machines: &[Machine], masters: usize, kubeadm: &Path) -> String {
    let made = machines[0].barque(&["init", "--config", kubeadm.to_str().expect("a path in UTF-8")]);
    assert!(made.ok, "{made}\n{}", machines[0].log());
    for (machine, number) in machines.iter().zip(1..).skip(1) {
        machine.join(&join_line(&made.stdout, number <= masters));
    }
    made.stdout
}
