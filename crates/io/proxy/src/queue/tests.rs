//! Who joins the queue while the place they found taken is given back: nobody else would wake them.

use super::*;
use crate::backend::{Backend, Choice};
use crate::disk::Disk;
use crate::engine::Engine;
use crate::logs::Logs;
use crate::setup::Setup;
use balance::config::{self, Source};
use balance::pick::Seed;
use futures_util::FutureExt;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::{Duration, Instant};

/// How the tests come to the queue: by the algorithm, for any server, or bound to one.
#[derive(Debug, Clone, Copy)]
enum Way {
    Any,
    Bound,
}

/// A backend whose only server serves one at a time, and is free.
struct Scene {
    backend: Arc<Backend>,
    server: Arc<Server>,
}

impl Scene {
    fn new() -> Self {
        let text = "backend b\n timeout connect 1s\n timeout server 1s\n server s 127.0.0.1:1 maxconn 1\n";
        let source = Source { name: "a.cfg".to_owned(), text: text.into() };
        let parsed = config::parse(&[source], &Default::default(), &Disk).expect("a configuration");
        let (logs, _sender) = Logs::start().expect("a thread");
        let setup = Setup::load(Arc::new(parsed.config), &Disk, &logs, None).expect("what can be set up");
        let running = Engine::prepare(setup, logs).expect("an engine").running();
        let (backend, server) = (running.backend("b").expect("it"), running.server("b", "s").expect("it"));
        Self { backend: backend.clone(), server }
    }

    fn choose(&self, way: Way) -> Choice {
        match way {
            Way::Any => self.backend.choose(Seed { key: None, source: None, random: 0 }, None, 0),
            Way::Bound => self.backend.choose_this(&self.server, 0),
        }
    }

    fn take_the_place(&self) {
        assert!(matches!(self.choose(Way::Any), Choice::Server(_)), "the place is not free");
    }

    /// How many wait, as those who join say before they do.
    fn queued(&self, way: Way) -> u64 {
        match way {
            Way::Any => self.backend.counters.queued.get(),
            Way::Bound => self.server.counters.queued.get(),
        }
    }

    /// The place that this choice led to, if it led to one without another's help, is given back.
    fn was_served(&self, choice: &Choice) -> bool {
        let served = match choice {
            Choice::Server(_) => true,
            Choice::Wait(waiter) => {
                let outcome = waiter.wait().now_or_never();
                self.backend.queue.leave(waiter, &self.backend.counters);
                matches!(outcome, Some(Outcome::Server(_)))
            }
            Choice::QueueFull(_) | Choice::None => panic!("a queue without a limit, before a server that is usable"),
        };
        if served {
            self.backend.release(&self.server);
        }
        served
    }
}

#[test]
fn a_place_given_back_before_the_queue_is_joined_is_not_lost() {
    for way in [Way::Any, Way::Bound] {
        let scene = Scene::new();
        scene.take_the_place();
        std::thread::scope(|scope| {
            // Whoever joins found the server full, said that it waits, and comes no further.
            let gate = scene.backend.queue.lock();
            let joins = scope.spawn(|| scene.choose(way));
            wait("the one who joins", || scene.queued(way) == 1);
            scene.backend.release(&scene.server);
            drop(gate);
            let choice = joins.join().expect("a choice");
            assert!(matches!(choice, Choice::Wait(_)), "{way:?}: it was to find the server full");
            assert!(scene.was_served(&choice), "{way:?}: the place is free, and who waits for it is left asleep");
        });
        assert_eq!((scene.server.served(), scene.queued(way)), (0, 0));
    }
}

#[test]
fn who_chooses_while_a_place_is_given_back_gets_it() {
    const ROUNDS: usize = 20_000;
    let scene = Scene::new();
    let turn = AtomicUsize::new(0);
    let mut asleep = 0;
    std::thread::scope(|scope| {
        // Both act at once in each round: one gives the place back, the other one chooses.
        scope.spawn(|| {
            for round in 0..ROUNDS {
                spin_until(&turn, 2 * round + 1);
                scene.backend.release(&scene.server);
                turn.fetch_add(1, Release);
            }
        });
        for round in 0..ROUNDS {
            scene.take_the_place();
            turn.fetch_add(1, Release);
            let choice = scene.choose(if round % 2 == 0 { Way::Any } else { Way::Bound });
            spin_until(&turn, 2 * round + 2);
            asleep += u32::from(!scene.was_served(&choice));
        }
    });
    assert_eq!(asleep, 0, "rounds of {ROUNDS} that left the place free, and who waits for it asleep");
}

/// `turn` has come to this place, or beyond.
fn spin_until(turn: &AtomicUsize, place: usize) {
    while turn.load(Acquire) < place {
        std::thread::yield_now();
    }
}

#[track_caller]
fn wait(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what} did not come");
        std::thread::sleep(Duration::from_millis(1));
    }
}
