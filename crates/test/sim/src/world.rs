//! Everything that acts, and the loop that lets it.

use crate::actor::Actor;
use crate::agenda::{Event, Who};
use crate::controller::Driver;
use crate::ctx::{Ctx, Me};
use crate::garbage::Collector;
use crate::namespaces::Emptier;
use crate::node::{Agent, Machine};
use crate::rng::Rng;
use crate::scheduling::Scheduler;
use crate::script::Plot;
use crate::view::delay;
use apimachinery::GroupVersionResource as Gvr;
use controllers::Settings;
use kinds::resources::{LEASES, NODES};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;
use stdx::Timestamp;

/// An actor that lives on the leader.
struct Slot {
    actor: Box<dyn Actor>,
    wake_at: Option<Timestamp>,
}

/// A machine and the agent on it, if one runs.
pub struct Station {
    pub machine: Machine,
    pub agent: Option<Agent>,
    pub life: u32,
    /// Taken out of the cluster for good.
    pub is_removed: bool,
    wake_at: Option<Timestamp>,
}

pub struct World {
    pub ctx: Ctx,
    leader: BTreeMap<Who, Slot>,
    leader_life: u32,
    pub stations: Vec<Station>,
    pub plot: Plot,
    /// When something was last written that was no heartbeat.
    pub last_write: Timestamp,
}

impl World {
    pub fn new(seed: u64, shown: bool) -> Self {
        let mut ctx = Ctx::new(seed, shown);
        let plot = Plot::new(Rng::new(ctx.rng.next()));
        let stations = (0..plot.nodes).map(|place| Station::new(Machine::new(place))).collect();
        let last_write = ctx.now();
        Self { ctx, leader: BTreeMap::new(), leader_life: 0, stations, plot, last_write }
    }

    /// The next event; None when nothing is planned any more.
    pub fn step(&mut self) -> Option<()> {
        let event = self.ctx.agenda.next()?;
        self.ctx.api.now = self.ctx.now();
        match event {
            Event::Deliver { who, life, feed } => self.deliver(Me { who, life }, feed),
            Event::Wake { who, life } => self.wake(Me { who, life }),
            Event::Step { job } => {
                let alive = self.ctx.job(job).is_some_and(|job| self.is_alive(job.me));
                self.ctx.step(job, alive);
            }
            Event::Done { job } => self.done(job),
            Event::Local { node, life, uid, done } => {
                let me = Me { who: Who::Node(node), life };
                if self.is_alive(me)
                    && let Station { machine, agent: Some(agent), .. } = &mut self.stations[node]
                {
                    agent.local(&uid, done, machine, &mut self.ctx, me);
                }
            }
            Event::Exit { node, boot, ended } => self.exit(node, boot, &ended),
            Event::Heartbeat { node, life } => self.heartbeat(Me { who: Who::Node(node), life }, node),
            Event::Script(script) => self.play(script),
        }
        self.spread();
        Some(())
    }

    fn is_alive(&self, me: Me) -> bool {
        match me.who {
            Who::Node(node) => self.stations[node].agent.is_some() && self.stations[node].life == me.life,
            _ => !self.leader.is_empty() && self.leader_life == me.life,
        }
    }

    fn deliver(&mut self, me: Me, feed: usize) {
        if !self.is_alive(me) {
            return;
        }
        if self.ctx.cut.contains(&me.who) {
            let event = Event::Deliver { who: me.who, life: me.life, feed };
            return self.ctx.agenda.after(Duration::from_secs(1), event);
        }
        let Ctx { api, rng, calm, .. } = &mut self.ctx;
        let (feeds, inbox) = match me.who {
            Who::Node(node) => match &mut self.stations[node].agent {
                Some(agent) => (&mut agent.feeds, &mut agent.inbox),
                None => return,
            },
            _ => match self.leader.get_mut(&me.who) {
                // Two borrows of one actor, one after the other.
                Some(slot) => {
                    let one = &mut slot.actor.feeds().0[feed];
                    one.is_due = false;
                    let (of, deltas) = (one.of, one.deliver(api, rng, *calm));
                    slot.actor.inbox().add(of, deltas);
                    self.watch(me, None);
                    return self.wake_soon(me);
                }
                None => return,
            },
        };
        let one = &mut feeds.0[feed];
        one.is_due = false;
        let deltas = one.deliver(api, rng, *calm);
        inbox.add(one.of, deltas);
        self.watch(me, None);
        self.wake_soon(me);
    }

    /// Plans deliveries of what the actor has not seen.
    fn watch(&mut self, me: Me, of: Option<&Gvr>) {
        let Some(feeds) = (match me.who {
            Who::Node(node) => self.stations[node].agent.as_mut().map(|agent| &mut agent.feeds),
            _ => self.leader.get_mut(&me.who).map(|slot| slot.actor.feeds()),
        }) else {
            return;
        };
        for feed in feeds.overdue(&self.ctx.api, of) {
            let wait = delay(&mut self.ctx.rng, me.who, self.ctx.calm);
            self.ctx.agenda.after(wait, Event::Deliver { who: me.who, life: me.life, feed });
        }
    }

    fn wake_soon(&mut self, me: Me) {
        let is_slow = !self.ctx.calm && self.ctx.rng.permille(30);
        let wait = if is_slow { self.ctx.rng.millis(50, 2000) } else { self.ctx.rng.millis(0, 3) };
        self.wake_at(me, Some(self.ctx.now() + wait));
    }

    fn wake_at(&mut self, me: Me, at: Option<Timestamp>) {
        let Some(at) = at.map(|at| at.max(self.ctx.agenda.now + Duration::from_micros(1))) else { return };
        let planned = match me.who {
            Who::Node(node) => &mut self.stations[node].wake_at,
            _ => match self.leader.get_mut(&me.who) {
                Some(slot) => &mut slot.wake_at,
                None => return,
            },
        };
        if planned.is_none_or(|planned| at < planned) {
            *planned = Some(at);
            self.ctx.agenda.at(at, Event::Wake { who: me.who, life: me.life });
        }
    }

    fn wake(&mut self, me: Me) {
        if !self.is_alive(me) {
            return;
        }
        let again = match me.who {
            Who::Node(node) => {
                let station = &mut self.stations[node];
                station.wake_at = None;
                match &mut station.agent {
                    Some(agent) => agent.wake(&mut station.machine, &mut self.ctx, me),
                    None => None,
                }
            }
            _ => self.leader.get_mut(&me.who).and_then(|slot| {
                slot.wake_at = None;
                slot.actor.wake(&mut self.ctx, me)
            }),
        };
        self.wake_at(me, again);
    }

    fn done(&mut self, id: u64) {
        let Some(job) = self.ctx.finish(id).filter(|job| self.is_alive(job.me)) else { return };
        let me = job.me;
        match me.who {
            Who::Node(node) => {
                if let Station { machine, agent: Some(agent), .. } = &mut self.stations[node] {
                    agent.done(job, machine, &mut self.ctx, me);
                }
            }
            _ => {
                if let Some(slot) = self.leader.get_mut(&me.who) {
                    slot.actor.done(job, &mut self.ctx, me);
                }
            }
        }
        self.wake_soon(me);
    }

    fn exit(&mut self, node: usize, boot: u32, ended: &crate::node::Ended) {
        let Station { machine, agent, life, .. } = &mut self.stations[node];
        if machine.boot != boot || !machine.end(ended, self.ctx.agenda.now) {
            return;
        }
        if let Some(agent) = agent {
            agent.news(&ended.uid, machine, &mut self.ctx, Me { who: Who::Node(node), life: *life });
        }
    }

    fn heartbeat(&mut self, me: Me, node: usize) {
        if !self.is_alive(me) {
            return;
        }
        if let Station { machine, agent: Some(agent), .. } = &mut self.stations[node] {
            agent.heart.beat(machine, &mut self.ctx, me);
        }
        self.ctx.agenda.after(crate::node::RENEW, Event::Heartbeat { node, life: me.life });
    }

    /// Tells the watches of what was written.
    fn spread(&mut self) {
        for wrote in std::mem::take(&mut self.ctx.api.wrote) {
            self.ctx.note(&wrote.line);
            let is_heartbeat = *wrote.of == LEASES || (*wrote.of == NODES && wrote.line.starts_with("kubelet"));
            if !is_heartbeat {
                self.last_write = self.ctx.now();
            }
            let leaders: Vec<Who> = self.leader.keys().copied().collect();
            for who in leaders {
                self.watch(Me { who, life: self.leader_life }, Some(wrote.of));
            }
            for node in 0..self.stations.len() {
                self.watch(Me { who: Who::Node(node), life: self.stations[node].life }, Some(wrote.of));
            }
        }
    }

    /// A new leader: everything is read anew.
    pub fn lead(&mut self) {
        if !self.leader.is_empty() {
            return;
        }
        self.leader_life += 1;
        self.ctx.note("a new leader");
        let settings = Settings {
            root_ca: "certificate".to_owned(),
            cluster_cidr: Some((Ipv4Addr::new(10, 0, 0, 0), 16)),
            cluster_info: None,
        };
        let mut slots: Vec<(Who, Box<dyn Actor>)> = vec![
            (Who::Garbage, Box::new(Collector::default())),
            (Who::Namespaces, Box::new(Emptier::default())),
            (Who::Scheduler, Box::new(Scheduler::default())),
        ];
        for (at, controller) in controllers::all(&settings).into_iter().enumerate() {
            slots.push((Who::Controller(at), Box::new(Driver::new(controller))));
        }
        for (who, actor) in slots {
            self.leader.insert(who, Slot { actor, wake_at: None });
            self.watch(Me { who, life: self.leader_life }, None);
        }
    }

    /// The leader is gone; what it sent last may still arrive.
    pub fn lose_leader(&mut self) {
        self.ctx.note("the leader is lost");
        self.leader.clear();
    }

    pub fn start_agent(&mut self, node: usize) {
        let station = &mut self.stations[node];
        if station.agent.is_some() || station.is_removed {
            return;
        }
        station.machine.is_on = true;
        station.life += 1;
        station.wake_at = None;
        station.agent = Some(Agent::new(&station.machine));
        let me = Me { who: Who::Node(node), life: station.life };
        self.ctx.note(&format!("agent of node-{node} starts"));
        self.watch(me, None);
        let wait = self.ctx.rng.millis(10, 500);
        self.ctx.agenda.after(wait, Event::Heartbeat { node, life: me.life });
    }

    pub fn stop_agent(&mut self, node: usize) {
        self.ctx.note(&format!("agent of node-{node} is gone"));
        self.stations[node].agent = None;
    }
}

impl Station {
    fn new(machine: Machine) -> Self {
        Self { machine, agent: None, life: 0, is_removed: false, wake_at: None }
    }
}
