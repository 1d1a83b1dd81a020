//! A host for a test: a network namespace with an address of its own and no way out.

use crate::run::run;
use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Command;

/// The address of the host's `eth0`. It exists only inside the namespace.
pub const ADDRESS: &str = "10.0.42.1";

/// Goes, with all its interfaces and rules, when dropped.
pub struct Host {
    name: String,
}

impl Host {
    /// Makes the namespace. Needs root.
    pub fn new(name: &str) -> Self {
        let host = Self { name: format!("barque-{name}-{}", std::process::id()) };
        run(Command::new("ip").args(["netns", "add", &host.name])).expect_ok();
        let set_up = [
            "ip link set lo up".to_owned(),
            // A cable to nowhere; not every kernel has dummy devices.
            "ip link add eth0 type veth peer name nowhere".to_owned(),
            "ip link set nowhere up".to_owned(),
            format!("ip addr add {ADDRESS}/24 dev eth0"),
            "ip link set eth0 up".to_owned(),
            "ip route add default via 10.0.42.254".to_owned(),
        ];
        for line in set_up {
            let mut words = line.split(' ');
            run(host.command(words.next().unwrap_or_default()).args(words)).expect_ok();
        }
        host
    }

    /// A program inside the host.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.namespace().display())).arg("--").arg(program);
        command
    }

    /// This thread, its threads and its programs are inside from now on: servers they start are the host's, and reached by
    /// its pods at [`ADDRESS`].
    pub fn enter(&self) {
        let namespace = std::fs::File::open(self.namespace()).expect("the namespace was made");
        let kind = Some(rustix::thread::LinkNameSpaceType::Network);
        rustix::thread::move_into_link_name_space(namespace.as_fd(), kind).expect("root may enter it");
    }

    fn namespace(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        run(Command::new("ip").args(["netns", "del", &self.name]));
    }
}
