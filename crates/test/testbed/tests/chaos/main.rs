//! Five nodes under load: a master is killed, one frozen, one cut off, and then all three restarted one by one.
//!
//! Nothing acknowledged is lost, no watcher misses a change or sees two in another order, pods and their connections do
//! not notice. `CHAOS_ROUNDS` (2; 20 in the long test) and `CHAOS_SEED` (random, printed) say how often and in which order.

mod faults;
mod load;
mod running;
mod stand;

use faults::Dice;
use running::Running;
use stand::Stand;

#[test]
fn nothing_is_lost_whatever_happens_to_a_master() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let rounds = number("CHAOS_ROUNDS").unwrap_or(2);
    let seed = number("CHAOS_SEED").unwrap_or_else(load::seed);
    println!("CHAOS_SEED={seed} CHAOS_ROUNDS={rounds}");
    let mut dice = Dice(seed);
    let mut stand = Stand::new();
    let pods = stand.pods();
    let mut running = Running::start(&stand);
    for round in 1..=rounds {
        faults::round(round, &mut dice, &mut stand, &mut running);
    }
    let records = running.finish(&stand);
    running.judge(&records);
    assert_eq!(stand.pods(), pods, "a pod was restarted or replaced");
}
