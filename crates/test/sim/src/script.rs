//! What users do and what goes wrong, by the seed: first the storm, then the calm.

use crate::agenda::{Event, Who};
use crate::rng::Rng;
use crate::world::World;
use std::time::Duration;

/// Something that was planned.
#[derive(Debug)]
pub enum Script {
    User,
    Fault,
    Lead,
    StartAgent(usize),
    Heal(usize),
    /// Somebody sees that the machine will not come back, and takes its Node away.
    Remove(usize),
    Calm,
}

/// What a seed is about.
#[derive(Debug)]
pub struct Plot {
    pub rng: Rng,
    pub nodes: usize,
    /// Length of the storm.
    pub storm: Duration,
    /// Claims and volumes; then no machine is lost for good, since its data would be.
    pub has_volumes: bool,
    /// Machines that may be lost for good yet.
    pub removals: usize,
    /// For names and addresses.
    pub count: u64,
}

impl Plot {
    pub fn new(mut rng: Rng) -> Self {
        let nodes = rng.range(2, 5) as usize;
        let has_volumes = rng.permille(300);
        Self {
            nodes,
            storm: Duration::from_secs(rng.range(60, 500)),
            has_volumes,
            removals: if has_volumes { 0 } else { nodes - 1 },
            count: 0,
            rng,
        }
    }
}

impl World {
    /// Makes the cluster and plans the storm.
    pub fn begin(&mut self) {
        self.make_base();
        self.lead();
        for node in 0..self.stations.len() {
            let wait = self.plot.rng.millis(0, 5000);
            self.ctx.agenda.after(wait, Event::Script(Script::StartAgent(node)));
        }
        self.ctx.agenda.after(Duration::from_secs(5), Event::Script(Script::User));
        self.ctx.agenda.after(Duration::from_secs(20), Event::Script(Script::Fault));
        self.ctx.agenda.after(self.plot.storm, Event::Script(Script::Calm));
    }

    pub fn play(&mut self, script: Script) {
        match script {
            Script::User if !self.ctx.calm => {
                self.user();
                let wait = self.plot.rng.millis(1000, 25_000);
                self.ctx.agenda.after(wait, Event::Script(Script::User));
            }
            Script::Fault if !self.ctx.calm => {
                self.fault();
                let wait = self.plot.rng.millis(5000, 60_000);
                self.ctx.agenda.after(wait, Event::Script(Script::Fault));
            }
            Script::User | Script::Fault => {}
            Script::Lead => self.lead(),
            Script::StartAgent(node) => self.start_agent(node),
            Script::Heal(node) => _ = self.ctx.cut.remove(&Who::Node(node)),
            Script::Remove(node) => self.delete_node(node),
            Script::Calm => self.calm(),
        }
    }

    fn after(&mut self, least: u64, end: u64, script: Script) {
        let wait = self.plot.rng.millis(least * 1000, end * 1000);
        self.ctx.agenda.after(wait, Event::Script(script));
    }

    fn fault(&mut self) {
        let node = self.plot.rng.index(self.stations.len());
        match self.plot.rng.range(0, 10) {
            0..=2 => {
                self.lose_leader();
                self.after(5, 25, Script::Lead);
            }
            3..=5 if self.stations[node].agent.is_some() => {
                self.stop_agent(node);
                self.after(1, 90, Script::StartAgent(node));
            }
            6 | 7 if self.stations[node].machine.is_on => self.crash(node),
            _ => {
                self.ctx.note(&format!("node-{node} is cut off"));
                self.ctx.cut.insert(Who::Node(node));
                self.after(3, 420, Script::Heal(node));
            }
        }
    }

    fn crash(&mut self, node: usize) {
        self.stop_agent(node);
        let now = self.ctx.now();
        self.stations[node].machine.crash(now, &mut self.ctx.rng);
        if self.plot.removals > 0 && self.plot.rng.permille(300) {
            self.plot.removals -= 1;
            self.stations[node].is_removed = true;
            self.ctx.note(&format!("node-{node} will not come back"));
            self.after(10, 200, Script::Remove(node));
        } else {
            self.after(10, 500, Script::StartAgent(node));
        }
    }

    /// Faults stop; what people have halted goes on.
    fn calm(&mut self) {
        self.ctx.note("calm");
        self.ctx.calm = true;
        self.ctx.cut.clear();
        self.lead();
        for node in 0..self.stations.len() {
            if self.stations[node].is_removed {
                self.delete_node(node);
            } else {
                self.start_agent(node);
            }
        }
        self.settle_wishes();
    }
}
