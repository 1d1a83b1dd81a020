//! The cable between machines: a bridge in a namespace of its own, so that no address of theirs is known outside.

use crate::run::run;
use std::process::Command;

/// Machine N has the address 10.0.42.N.
pub const NETWORK: &str = "10.0.42";

/// Gone, with all cables, when dropped.
pub struct Switch {
    namespace: String,
}

impl Switch {
    /// Needs root.
    pub fn new(name: &str) -> Self {
        let switch = Self { namespace: format!("barque-{name}-switch-{}", std::process::id()) };
        run(Command::new("ip").args(["netns", "add", &switch.namespace])).expect_ok();
        for line in ["link add br0 type bridge", "link set br0 up", "link set lo up"] {
            run(switch.ip().args(line.split(' '))).expect_ok();
        }
        switch
    }

    /// Lays a cable to a machine's namespace: `eth0` there, `port` here.
    pub(super) fn connect(&self, port: &str, namespace: &str) {
        let line = format!("link add {port} type veth peer name eth0 netns {namespace}");
        run(self.ip().args(line.split(' '))).expect_ok();
        for line in [format!("link set {port} master br0"), format!("link set {port} up")] {
            run(self.ip().args(line.split(' '))).expect_ok();
        }
    }

    /// Pulls or plugs a machine's cable.
    pub fn set_cable(&self, port: &str, plugged: bool) {
        let state = if plugged { "up" } else { "down" };
        run(self.ip().args(["link", "set", port, state])).expect_ok();
    }

    fn ip(&self) -> Command {
        let mut command = Command::new("ip");
        command.args(["-n", &self.namespace]);
        command
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        run(Command::new("ip").args(["netns", "del", &self.namespace]));
    }
}
