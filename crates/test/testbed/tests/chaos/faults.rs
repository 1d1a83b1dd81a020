//! What is done to the masters, in an order that a seed decides.

use super::load::now;
use super::running::Running;
use super::stand::{MASTERS, Stand};
use std::thread::sleep;
use std::time::Duration;

/// How long a master is down, frozen, cut off. These are the faults themselves, not waits for something.
const KILLED: Duration = Duration::from_secs(5);
const FROZEN: Duration = Duration::from_secs(10);
const CUT: Duration = Duration::from_secs(10);
/// Time for what a fault left behind to show before the next.
const BETWEEN: Duration = Duration::from_secs(2);

/// SplitMix64: the same numbers for the same seed, here and everywhere.
pub struct Dice(pub u64);

impl Dice {
    /// One of `0..below`.
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % below as u64) as usize
    }

    /// The masters, shuffled.
    fn order(&mut self) -> [usize; MASTERS] {
        let mut order = [0, 1, 2];
        for place in (1..MASTERS).rev() {
            order.swap(place, self.roll(place + 1));
        }
        order
    }
}

/// A time in which something was wrong with a machine.
#[derive(Debug, Clone)]
pub struct Fault {
    pub what: String,
    /// A machine's name: what its own clients notice is not counted.
    pub victim: String,
    pub time: std::ops::Range<u64>,
}

/// Kill, freeze, cut, restart. In odd rounds the one killed is etcd's leader, so that there is an election.
pub fn round(round: u64, dice: &mut Dice, stand: &mut Stand, running: &mut Running) {
    let mut order = dice.order();
    if round % 2 == 1 {
        let leader = stand.leader();
        let place = order.iter().position(|master| *master == leader).expect("it is one of them");
        order.swap(0, place);
    }
    let [killed, frozen, cut] = order;
    fault("kill", killed, stand, running, |stand, running| {
        stand.machines[killed].cut_power();
        running.forget(killed);
        sleep(KILLED);
        stand.machines[killed].turn_on();
        stand.machines[killed].serve();
    });
    running.load(stand, killed);
    fault("freeze", frozen, stand, running, |stand, _| {
        stand.machines[frozen].freeze();
        sleep(FROZEN);
        stand.machines[frozen].thaw();
    });
    fault("cut", cut, stand, running, |stand, _| {
        stand.machines[cut].set_cable(&stand.switch, false);
        sleep(CUT);
        stand.machines[cut].set_cable(&stand.switch, true);
    });
    for master in dice.order() {
        fault("restart", master, stand, running, |stand, _| {
            stand.machines[master].stop_serving();
            stand.machines[master].serve();
        });
    }
    running.check_alive();
}

fn fault(
    what: &str,
    master: usize,
    stand: &mut Stand,
    running: &mut Running,
    act: impl FnOnce(&mut Stand, &mut Running),
) {
    let leader = stand.leader() == master;
    let victim = stand.machines[master].name.clone();
    let from = now();
    act(stand, running);
    let acted = now();
    stand.wait_whole(master);
    sleep(BETWEEN);
    let what = format!("{what} {victim}{}", if leader { " (etcd's leader)" } else { "" });
    println!("{what}: whole {:.1} s after its end", (now() - acted) as f64 / 1e6 - BETWEEN.as_secs_f64());
    running.faults.push(Fault { what, victim, time: from..now() });
}
