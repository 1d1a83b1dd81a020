//! Timelines: what happens to servers, when, and what is said of it. The lines and states are those of HAProxy 2.6
//! under the same events.

use super::*;
use crate::config::model::{Observe, OnError};
use crate::server::Weight;
use expect_test::{Expect, expect};

/// A server of backend `b` and those that track it, each the one before.
struct World {
    now: Millis,
    servers: Vec<Health>,
    said: String,
}

fn settings(name: &str) -> Settings {
    Settings {
        backend: "b".into(),
        server: name.into(),
        backup: false,
        checked: true,
        inter: 2000,
        fastinter: None,
        downinter: None,
        rise: 2,
        fall: 3,
        agent: false,
        agent_inter: 2000,
        observe: Observe::None,
        error_limit: 10,
        on_error: OnError::FailCheck,
        shutdown_sessions: false,
        shutdown_backup_sessions: false,
        tracks: None,
        hostname: None,
        log_health_checks: false,
        weight: Weight { initial: 1, user: 1, slowstart: 0, dynamic: true },
        disabled: false,
    }
}

impl World {
    fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings("s");
        change(&mut settings);
        Self { now: 0, servers: vec![Health::new(settings, 0)], said: String::new() }
    }

    /// One more server, which tracks the last one.
    fn tracked_by(mut self, name: &str) -> Self {
        let tracks = self.servers.last().map(|server| format!("b/{}", server.settings().server));
        self.servers.push(Health::new(Settings { checked: false, tracks, ..settings(name) }, 0));
        self
    }

    /// Runs a method on the first server, carries its effects out, and lets the others follow.
    fn act(&mut self, event: impl FnOnce(&mut Health, Millis) -> Vec<Effect>) {
        let effects = event(&mut self.servers[0], self.now);
        self.carry_out(effects);
        for follower in 1..self.servers.len() {
            let (oper, admin) = (self.servers[follower - 1].oper(), self.servers[follower - 1].admin());
            let effects = self.servers[follower].follow(self.now, oper, admin);
            self.carry_out(effects);
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Log(level, line) => {
                    let around = Around { active: 7, ..Around::default() };
                    let line = line.render(&around).replace(". 7 active and 0 backup servers", ". N");
                    let line = line.replace(" 0 sessions active, 0 requeued, 0 remaining in queue.", "");
                    let line = line.replace(" 0 sessions requeued, 0 total in queue.", "");
                    self.said += &format!("{} <{}> {line}\n", self.now, level as u8);
                }
                Effect::Changed | Effect::MoveQueue => {}
                other => self.said += &format!("{} {other:?}\n", self.now),
            }
        }
    }

    /// The next check runs when it is due and ends so at once.
    fn check(&mut self, status: Status) {
        let due = self.servers[0].next_check(Which::Health).unwrap_or(self.now);
        self.now = self.now.max(due);
        self.servers[0].start_check(self.now, Which::Health);
        self.act(|server, now| server.finish_check(now, Which::Health, Outcome::new(status)));
        self.servers[0].schedule_next(self.now, Which::Health, Noise::default());
        let next = self.servers[0].next_check(Which::Health).unwrap_or(0) - self.now;
        self.said += &format!("{} {} {}, next in {next}\n", self.now, status.code(), self.status());
    }

    fn status(&self) -> String {
        self.servers.iter().map(|server| server.status_text(&self.servers[0])).collect::<Vec<_>>().join(", ")
    }

    fn at(&mut self, now: Millis) -> &mut Self {
        self.now = now;
        self
    }

    #[track_caller]
    fn said(&mut self, expected: Expect) {
        expected.assert_eq(&std::mem::take(&mut self.said));
    }
}

const GOOD: Status = Status::L4Ok;
const BAD: Status = Status::L4Connection;

#[test]
fn three_failures_and_two_successes() {
    let mut world = World::new(|_| {});
    world.servers[0].schedule_first(Which::Health, 350);
    for status in [GOOD, GOOD, BAD, GOOD, BAD, BAD, BAD, BAD, GOOD, BAD, GOOD, GOOD] {
        world.check(status);
    }
    world.said(expect![[r#"
        350 L4OK UP, next in 2000
        2350 L4OK UP, next in 2000
        4350 L4CON UP 2/3, next in 2000
        6350 L4OK UP, next in 2000
        8350 L4CON UP 2/3, next in 2000
        10350 L4CON UP 1/3, next in 2000
        12350 <1> Server b/s is DOWN, reason: Layer4 connection problem, check duration: 0ms. N left.
        12350 L4CON DOWN, next in 2000
        14350 L4CON DOWN, next in 2000
        16350 L4OK DOWN 1/2, next in 2000
        18350 L4CON DOWN, next in 2000
        20350 L4OK DOWN 1/2, next in 2000
        22350 <5> Server b/s is UP, reason: Layer4 check passed, check duration: 0ms. N online.
        22350 L4OK UP, next in 2000
    "#]]);
}

#[test]
fn the_first_failure_takes_an_unchecked_server_down() {
    let mut world = World::new(|_| {});
    world.servers[0].schedule_first(Which::Health, 0);
    world.check(BAD);
    world.said(expect![[r#"
        0 <1> Server b/s is DOWN, reason: Layer4 connection problem, check duration: 0ms. N left.
        0 L4CON DOWN, next in 2000
    "#]]);
}

#[test]
fn intervals_follow_the_state() {
    let mut world = World::new(|settings| {
        (settings.fastinter, settings.downinter, settings.fall) = (Some(500), Some(5000), 2);
    });
    for status in [GOOD, GOOD, BAD, BAD, BAD, GOOD, GOOD] {
        world.check(status);
    }
    world.said(expect![[r#"
        0 L4OK UP, next in 2000
        2000 L4OK UP, next in 2000
        4000 L4CON UP 1/2, next in 500
        4500 <1> Server b/s is DOWN, reason: Layer4 connection problem, check duration: 0ms. N left.
        4500 L4CON DOWN, next in 5000
        9500 L4CON DOWN, next in 5000
        14500 L4OK DOWN 1/2, next in 500
        15000 <5> Server b/s is UP, reason: Layer4 check passed, check duration: 0ms. N online.
        15000 L4OK UP, next in 2000
    "#]]);
}

#[test]
fn soft_stop() {
    let mut world = World::new(|_| {}).tracked_by("t");
    for status in [GOOD, Status::L7OkConditional, BAD, BAD, BAD, GOOD, GOOD] {
        world.check(status);
    }
    world.said(expect![[r#"
        0 L4OK UP, UP, next in 2000
        2000 <5> Server b/s is stopping, reason: Layer7 check conditionally passed, code: 0, check duration: 0ms. N online.
        2000 <5> Server b/t is stopping via b/s. N online.
        2000 L7OKC NOLB, NOLB, next in 2000
        4000 L4CON NOLB 2/3, NOLB 2/3, next in 2000
        6000 L4CON NOLB 1/3, NOLB 1/3, next in 2000
        8000 <5> Server b/s is DOWN, reason: Layer4 connection problem, check duration: 0ms. N left.
        8000 <5> Server b/t is DOWN via b/s. N left.
        8000 L4CON DOWN, DOWN, next in 2000
        10000 L4OK DOWN 1/2, DOWN 1/2, next in 2000
        12000 <5> Server b/s is UP, reason: Layer4 check passed, check duration: 0ms. N online.
        12000 <5> Server b/t is UP via b/s. N online.
        12000 L4OK UP, UP, next in 2000
    "#]]);
}

#[test]
fn every_check_is_told_where_asked() {
    let mut world = World::new(|settings| settings.log_health_checks = true);
    for status in [GOOD, GOOD, BAD, Status::L4Timeout, BAD, GOOD, GOOD] {
        world.check(status);
    }
    world.said(expect![[r#"
        0 <5> Health check for server b/s succeeded, reason: Layer4 check passed, check duration: 0ms, status: 3/3 UP.
        0 L4OK UP, next in 2000
        2000 L4OK UP, next in 2000
        4000 <5> Health check for server b/s failed, reason: Layer4 connection problem, check duration: 0ms, status: 2/3 UP.
        4000 L4CON UP 2/3, next in 2000
        6000 <5> Health check for server b/s failed, reason: Layer4 timeout, check duration: 0ms, status: 1/3 UP.
        6000 L4TOUT UP 1/3, next in 2000
        8000 <5> Health check for server b/s failed, reason: Layer4 connection problem, check duration: 0ms, status: 0/2 DOWN.
        8000 <1> Server b/s is DOWN. N left.
        8000 L4CON DOWN, next in 2000
        10000 <5> Health check for server b/s succeeded, reason: Layer4 check passed, check duration: 0ms, status: 1/2 DOWN.
        10000 L4OK DOWN 1/2, next in 2000
        12000 <5> Health check for server b/s succeeded, reason: Layer4 check passed, check duration: 0ms, status: 3/3 UP.
        12000 <5> Server b/s is UP. N online.
        12000 L4OK UP, next in 2000
    "#]]);
}

#[test]
fn administrators_and_those_who_track() {
    let mut world = World::new(|settings| settings.fall = 2).tracked_by("t");
    world.check(GOOD);
    for wish in [Wish::Drain, Wish::Maint, Wish::Drain, Wish::Ready, Wish::Maint, Wish::Ready] {
        world.said += &format!("== {wish:?}\n");
        world.act(|server, now| server.wish(now, wish));
        let state = world.status();
        world.said += &format!("{state}\n");
    }
    world.said(expect![[r#"
        0 L4OK UP, UP, next in 2000
        == Drain
        0 <5> Server b/s enters drain state. N online.
        0 <5> Server b/t enters drain state via b/s. N online.
        DRAIN, DRAIN
        == Maint
        0 <5> Server b/s is going DOWN for maintenance. N left.
        0 <5> Server b/t is going DOWN for maintenance via b/s. N left.
        MAINT, MAINT (via b/s)
        == Drain
        0 <5> Server b/s is UP/DRAIN (leaving forced maintenance).
        0 <5> Server b/s remains in forced drain mode.
        0 <5> Server b/t is UP/DRAIN (leaving maintenance).
        0 <5> Server b/t is leaving forced drain but remains in drain mode via b/s.
        DRAIN 1/2, DRAIN 1/2
        == Ready
        0 <5> Server b/s is UP (leaving forced drain).
        0 <5> Server b/t is UP (leaving forced drain).
        UP 1/2, UP 1/2
        == Maint
        0 <1> Server b/s is going DOWN for maintenance. N left.
        0 <1> Server b/t is going DOWN for maintenance via b/s. N left.
        MAINT, MAINT (via b/s)
        == Ready
        0 <5> Server b/s is UP/READY (leaving forced maintenance).
        0 <5> Server b/t is UP/READY (leaving maintenance).
        UP 1/2, UP 1/2
    "#]]);
}

#[test]
fn wishes_for_a_server_that_is_down() {
    let mut world = World::new(|_| {}).tracked_by("t");
    world.check(BAD);
    for wish in [Wish::Maint, Wish::Ready, Wish::Drain] {
        world.act(|server, now| server.wish(now, wish));
    }
    world.check(BAD);
    world.said(expect![[r#"
        0 <1> Server b/s is DOWN, reason: Layer4 connection problem, check duration: 0ms. N left.
        0 <1> Server b/t is DOWN via b/s. N left.
        0 L4CON DOWN, DOWN, next in 2000
        0 <5> Server b/s was DOWN and now enters maintenance.
        0 <5> Server b/t was DOWN and now enters maintenance via b/s.
        0 <5> Server b/s is UP/READY (leaving forced maintenance).
        0 <5> Server b/t is UP/READY (leaving maintenance).
        0 <5> Server b/s enters drain state. N online.
        0 <5> Server b/t enters drain state via b/s. N online.
        2000 <5> Server b/s is DOWN, reason: Layer4 connection problem, check duration: 0ms. N left.
        2000 <5> Server b/t is DOWN via b/s. N left.
        2000 L4CON DOWN, DOWN, next in 2000
    "#]]);
}

#[test]
fn own_wish_of_a_follower_outlives_the_inherited_one() {
    let mut world = World::new(|_| {}).tracked_by("t");
    world.act(|server, now| server.wish(now, Wish::Maint));
    let effects = world.servers[1].wish(0, Wish::Maint);
    world.carry_out(effects);
    world.act(|server, now| server.wish(now, Wish::Ready));
    let effects = world.servers[1].wish(0, Wish::Ready);
    world.carry_out(effects);
    world.said(expect![[r#"
        0 <1> Server b/s is going DOWN for maintenance. N left.
        0 <1> Server b/t is going DOWN for maintenance via b/s. N left.
        0 <5> Server b/s is UP/READY (leaving forced maintenance).
        0 <5> Server b/t remains in forced maintenance.
        0 <5> Server b/t is UP/READY (leaving forced maintenance).
    "#]]);
}

#[test]
fn forced_health() {
    let mut world = World::new(|_| {});
    for health in [ForcedHealth::Stopping, ForcedHealth::Up, ForcedHealth::Down, ForcedHealth::Up] {
        world.act(|server, now| server.force_health(now, health));
    }
    world.said(expect![[r#"
        0 <5> Server b/s is stopping, changed from CLI. N online.
        0 <5> Server b/s is UP, changed from CLI. N online.
        0 <1> Server b/s is DOWN, changed from CLI. N left.
        0 <5> Server b/s is UP, changed from CLI. N online.
    "#]]);
}

#[test]
fn slow_start() {
    let mut world = World::new(|settings| {
        settings.weight = Weight { initial: 100, user: 100, slowstart: 4, dynamic: true };
    });
    world.check(BAD);
    world.check(GOOD);
    world.check(GOOD);
    let begin = world.now;
    for second in 0..=4 {
        world.at(begin + second * 1000).act(|server, now| server.warm_up(now));
        let server = &world.servers[0];
        world.said += &format!("{}: {} {:?}\n", world.now, server.weight_shown(), server.throttle());
    }
    world.said(expect![[r#"
        0 <1> Server b/s is DOWN, reason: Layer4 connection problem, check duration: 0ms. N left.
        0 L4CON DOWN, next in 2000
        2000 L4OK DOWN 1/2, next in 2000
        4000 <5> Server b/s is UP, reason: Layer4 check passed, check duration: 0ms. N online.
        4000 L4OK UP, next in 2000
        4000: 7 Some(6)
        5000: 32 Some(31)
        6000: 57 Some(56)
        7000: 82 Some(81)
        8000 <5> Server b/s is UP. N online.
        8000: 100 None
    "#]]);
}

#[test]
fn traffic_tells() {
    for (on_error, limit) in
        [(OnError::Fastinter, 2), (OnError::FailCheck, 2), (OnError::SuddenDeath, 2), (OnError::MarkDown, 1)]
    {
        let mut world = World::new(|settings| {
            (settings.observe, settings.error_limit, settings.on_error) = (Observe::Layer4, limit, on_error);
            (settings.fastinter, settings.shutdown_sessions) = (Some(100), true);
        });
        world.check(GOOD);
        world.check(GOOD);
        world.at(2010);
        for seen in [Observed::ConnectFailed, Observed::Connected, Observed::ConnectFailed, Observed::ConnectFailed] {
            world.act(|server, now| server.observe(now, seen));
        }
        let (next, state) = (world.servers[0].next_check(Which::Health), world.status());
        world.said += &format!("{on_error:?}: {state}, next at {next:?}\n");
        world.check(BAD);
        let expected = match on_error {
            OnError::Fastinter => expect![[r#"
                0 L4OK UP, next in 2000
                2000 L4OK UP, next in 2000
                Fastinter: UP, next at Some(2110)
                2110 L4CON UP 2/3, next in 100
            "#]],
            OnError::FailCheck => expect![[r#"
                0 L4OK UP, next in 2000
                2000 L4OK UP, next in 2000
                FailCheck: UP 2/3, next at Some(2110)
                2110 L4CON UP 1/3, next in 100
            "#]],
            OnError::SuddenDeath => expect![[r#"
                0 L4OK UP, next in 2000
                2000 L4OK UP, next in 2000
                SuddenDeath: UP 1/3, next at Some(2110)
                2110 ShutdownSessions
                2110 <1> Server b/s is DOWN, reason: Layer4 connection problem, check duration: 0ms. N left.
                2110 L4CON DOWN, next in 2000
            "#]],
            OnError::MarkDown => expect![[r#"
                0 L4OK UP, next in 2000
                2000 L4OK UP, next in 2000
                2010 ShutdownSessions
                2010 <1> Server b/s is DOWN, reason: Health analyze, info: "Detected 1 consecutive errors, last one was: L4 unsuccessful connection". N left.
                MarkDown: DOWN, next at Some(2110)
                2110 L4CON DOWN, next in 2000
            "#]],
        };
        world.said(expected);
    }
}

#[test]
fn agents() {
    let mut world = World::new(|settings| {
        settings.agent = true;
        settings.weight = Weight { initial: 50, user: 50, slowstart: 0, dynamic: true };
    });
    world.check(GOOD);
    for line in [
        "up\n",
        "75%\n",
        "0%\n",
        "600%\n",
        "down # why\n",
        "up foo\n",
        "75x% down\n",
        "foo\n",
        "maint\n",
        "ready up\n",
        "drain maxconn:30\n",
        "maxconn:x\n",
    ] {
        let agent = crate::check::agent::read(line.as_bytes(), true).unwrap().unwrap();
        world.act(|server, now| server.finish_agent(now, agent));
        let server = &world.servers[0];
        world.said += &format!(
            "{line:?}: {}, weight {}, {} {}\n",
            world.status(),
            server.weight_shown(),
            server.code_text(Which::Agent),
            server.agent.last.info
        );
    }
    world.act(|server, now| server.finish_check(now, Which::Agent, Outcome::new(BAD)));
    world.said(expect![[r#"
        0 L4OK UP, next in 2000
        "up\n": UP, weight 50, L7OK via agent : up
        "75%\n": UP, weight 37, CHECKED 
        "0%\n": UP, weight 0, CHECKED 
        "600%\n": UP, weight 256, CHECKED 
        0 <1> Server b/s is DOWN, reason: Layer7 wrong status, code: 0, info: "via agent : down (why)". N left.
        "down # why\n": DOWN (agent), weight 256, L7STS via agent : down (why)
        0 <5> Server b/s is UP, reason: Layer7 check passed, code: 0, info: "via agent : up (foo)". N online.
        "up foo\n": UP, weight 256, L7OK via agent : up (foo)
        0 <1> Server b/s is DOWN, reason: Layer7 wrong status, code: 0, info: "via agent : down (Trailing garbage in weight string)". N left.
        "75x% down\n": DOWN (agent), weight 256, L7STS via agent : down (Trailing garbage in weight string)
        "foo\n": DOWN (agent), weight 256, CHECKED agent reports an error : foo
        0 <5> Server b/s was DOWN and now enters maintenance.
        "maint\n": MAINT, weight 256, CHECKED 
        0 <5> Server b/s is DOWN/READY (leaving forced maintenance).
        0 <5> Server b/s is UP, reason: Layer7 check passed, code: 0, info: "via agent : up". N online.
        "ready up\n": UP 1/3, weight 256, L7OK via agent : up
        0 <5> Server b/s enters drain state. N online.
        0 Maxconn(30)
        "drain maxconn:30\n": DRAIN (agent), weight 256, CHECKED 
        "maxconn:x\n": DRAIN (agent), weight 256, CHECKED agent warns : maxconn string empty or preceded by garbage
    "#]]);
}

#[test]
fn sessions_are_cut() {
    let mut world = World::new(|settings| {
        (settings.shutdown_sessions, settings.shutdown_backup_sessions) = (true, true);
    });
    world.check(BAD);
    world.check(GOOD);
    world.check(GOOD);
    world.said(expect![[r#"
        0 ShutdownSessions
        0 <1> Server b/s is DOWN, reason: Layer4 connection problem, check duration: 0ms. N left.
        0 L4CON DOWN, next in 2000
        2000 L4OK DOWN 1/2, next in 2000
        4000 ShutdownBackupSessions
        4000 <5> Server b/s is UP, reason: Layer4 check passed, check duration: 0ms. N online.
        4000 L4OK UP, next in 2000
    "#]]);
}

#[test]
fn a_disabled_server_waits_and_skipped_checks_keep_their_beat() {
    let mut world = World::new(|settings| settings.disabled = true);
    world.servers[0].schedule_first(Which::Health, 100);
    assert!(!world.servers[0].may_check(Which::Health));
    world.servers[0].skip_check(6500, Which::Health);
    assert_eq!(world.servers[0].next_check(Which::Health), Some(8100));
    world.act(|server, now| server.wish(now, Wish::Ready));
    world.check(BAD);
    world.said(expect![[r#"
        0 <5> Server b/s is UP/READY (leaving forced maintenance).
        8100 <1> Server b/s is DOWN, reason: Layer4 connection problem, check duration: 0ms. N left.
        8100 L4CON DOWN, next in 2000
    "#]]);
}

#[test]
fn first_checks_are_spread() {
    let delays = |max| (0..4).map(|place| first_delay(place, 4, 2000, max)).collect::<Vec<_>>();
    assert_eq!(delays(None), [0, 500, 1000, 1500]);
    assert_eq!(delays(Some(1000)), [0, 250, 500, 750]);
}

proptest::proptest! {
    /// Whatever comes, health stays in its bounds and a server in maintenance is stopped.
    #[test]
    fn invariants(events in proptest::collection::vec(0..12u8, 0..200)) {
        let mut server = Health::new(Settings { agent: true, ..settings("s") }, 0);
        for (now, event) in events.into_iter().enumerate() {
            let now = now as Millis * 100;
            match event {
                0..=2 => drop(server.finish_check(now, Which::Health, Outcome::new(BAD))),
                3..=5 => drop(server.finish_check(now, Which::Health, Outcome::new(GOOD))),
                6 => drop(server.wish(now, Wish::Maint)),
                7 => drop(server.wish(now, Wish::Drain)),
                8 => drop(server.wish(now, Wish::Ready)),
                9 => drop(server.force_health(now, ForcedHealth::Stopping)),
                10 => drop(server.force_agent(now, now.is_multiple_of(200))),
                _ => drop(server.follow(now, Oper::Stopped, Admin::READY)),
            }
            proptest::prop_assert!(server.check.health <= server.check.top());
            proptest::prop_assert!(!server.admin().maint() || server.oper() == Oper::Stopped);
        }
    }
}
