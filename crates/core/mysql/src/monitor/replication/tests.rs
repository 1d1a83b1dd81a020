//! Worlds of servers, round by round, a second each: `m1 rw, r1 ro <- m1 lag 3 / m1 down, r1 rw`.
//!
//! `m1` has the row of the writer hostgroup, the others those of the reader hostgroup with `max_replication_lag=5`. A
//! server that a round does not name is not asked.

use std::fmt::Write;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

#[test]
fn a_pair_that_is_well() {
    check(
        "m1 rw, r1 ro <- m1 lag 0",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Usable |
    "#]],
    );
}

#[test]
fn nobody_is_the_writer_before_all_have_answered() {
    check(
        "m1 rw / r1 down",
        expect![[r#"
        1: - None | m1 Out(NotReplica), r1 Out(NotSeen) |
        2: writer None -> m1 FirstSeen
        2: m1 Usable | r1 Out(NotSeen) | no_reader
    "#]],
    );
}

#[test]
fn a_replica_that_is_writable_gets_no_writes() {
    check(
        "m1 rw, r1 rw <- m1 / m1 down, r1 rw <- m1 / m1 rw, r1 rw <- m1",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Usable | writable_replica
    "#]],
    );
    // It waits for its master: nobody has promoted it.
    check(
        "m1 rw, r1 rw <- m1 / m1 down, r1 rw <- m1 connecting x5 / m1 rw, r1 rw <- m1",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Usable | writable_replica
        4: dead m1
        4: m1 Dead | r1 Usable | writer_dead,writable_replica
        7: alive m1
        7: m1 Usable | r1 Usable | writable_replica
    "#]],
    );
}

#[test]
fn a_promotion_is_taken_with_the_first_answer() {
    check(
        "m1 rw, r1 ro <- m1 / m1 down, r1 rw <- m1 stopped",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Usable |
        2: writer m1 -> r1 WriterUnreachable
        2: r1 Usable | m1 Out(NotReplica), r1 Usable |
    "#]],
    );
    check(
        "m1 rw, r1 ro <- m1 / m1 down / r1 rw",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Usable |
        3: writer m1 -> r1 WriterUnreachable
        3: r1 Usable | m1 Out(NotReplica), r1 Usable |
    "#]],
    );
    // A network that is cut: the replica does not know it yet.
    check(
        "m1 rw, r1 ro <- m1 / m1 down, r1 rw <- m1 x3",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Usable |
        2: m1 Usable | r1 Usable | writable_replica
        4: dead m1
        4: writer m1 -> r1 WriterDead
        4: r1 Usable | m1 Out(Dead), r1 Usable |
    "#]],
    );
}

#[test]
fn a_switchover() {
    check(
        "m1 rw, r1 ro <- m1 / m1 ro / r1 rw / m1 ro <- r1 / r1 ro / m1 rw",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Usable |
        2: m1 ReadOnly | r1 Usable | writer_read_only
        3: writer m1 -> r1 WriterReadOnly
        3: r1 Usable | m1 Out(NotReplica), r1 Usable | old_writer
        4: rejoined m1
        4: r1 Usable | m1 Usable, r1 Usable |
        5: r1 ReadOnly | m1 Usable, r1 Usable | writer_read_only
        6: writer r1 -> m1 WriterReadOnly
        6: m1 Usable | r1 Out(NotReplica) | old_writer,no_reader
    "#]],
    );
    // The new writer's tool forgot read_only on the old one, which follows already.
    check(
        "m1 rw, r1 ro <- m1 / m1 rw, r1 rw / m1 rw <- r1",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Usable |
        2: m1 Usable | r1 Out(NotReplica) | second_writer,no_reader
        3: writer m1 -> r1 WriterFollows
        3: rejoined m1
        3: r1 Usable | m1 Usable, r1 Usable | writable_replica
    "#]],
    );
}

#[test]
fn an_old_writer_returns_as_a_reader() {
    check(
        "m1 rw, r1 ro <- m1 pos 0-1-9 / m1 down, r1 rw pos 0-1-9 / m1 rw pos 0-1-12 / m1 rw pos 0-1-8 / r1 down x4",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Usable |
        2: writer m1 -> r1 WriterUnreachable
        2: r1 Usable | m1 Out(NotReplica), r1 Usable |
        3: r1 Usable | m1 Out(NotReplica), r1 Usable | old_writer:Diverged
        4: r1 Usable | m1 Out(NotReplica), r1 Usable | old_writer:Older
        7: dead r1
        7: r1 Dead | m1 Out(NotReplica), r1 Out(Dead) | writer_dead,old_writer:Older,no_reader
    "#]],
    );
    // It may lead again once it has what the new one had.
    check(
        "m1 rw, r1 ro <- m1 / m1 down, r1 rw pos 0-1-9 / m1 ro <- r1 pos 0-1-5 / m1 ro <- r1 pos 0-1-9",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Usable |
        2: writer m1 -> r1 WriterUnreachable
        2: r1 Usable | m1 Out(NotReplica), r1 Usable |
        3: r1 Usable | m1 Usable, r1 Usable | old_writer:Older
        4: rejoined m1
        4: r1 Usable | m1 Usable, r1 Usable |
    "#]],
    );
}

#[test]
fn a_single_writer_comes_back_by_itself() {
    check(
        "m1 rw, r1 ro <- m1 / m1 down, r1 ro <- m1 connecting x4 / m1 rw, r1 ro <- m1",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Usable |
        4: dead m1
        4: m1 Dead | r1 Usable | writer_dead
        6: alive m1
        6: m1 Usable | r1 Usable |
    "#]],
    );
}

#[test]
fn who_led_while_the_proxy_was_away() {
    check(
        "m1 ro <- r1, r1 rw",
        expect![[r#"
        1: writer None -> r1 FirstSeen
        1: rejoined m1
        1: r1 Usable | m1 Usable, r1 Usable |
    "#]],
    );
    check(
        "m1 down, r1 rw",
        expect![[r#"
        1: writer None -> r1 FirstSeen
        1: r1 Usable | m1 Out(NotSeen), r1 Usable |
    "#]],
    );
    check(
        "m1 rw pos 0-1-5, r1 rw pos 0-2-9",
        expect![[r#"
        1: writer None -> r1 FirstSeen
        1: r1 Usable | m1 Out(NotReplica), r1 Usable | old_writer:Older
    "#]],
    );
    check(
        "m1 rw pos 0-1-5, r1 rw",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Out(NotReplica) | second_writer,no_reader
    "#]],
    );
    check(
        "m1 rw, r1 rw, r2 ro <- r1",
        expect![[r#"
        1: writer None -> r1 FirstSeen
        1: r1 Usable | m1 Out(NotReplica), r1 Usable, r2 Usable | old_writer
    "#]],
    );
    check(
        "m1 ro, r1 ro <- m1",
        expect![[r#"
        1: writer None -> m1 Configured
        1: m1 ReadOnly | r1 Usable | writer_read_only
    "#]],
    );
}

#[test]
fn lag_drains() {
    check(
        "m1 rw, r1 ro <- m1 lag 6 / r1 ro <- m1 lag 5",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Draining(6) | no_reader
        2: m1 Usable | r1 Usable |
    "#]],
    );
}

#[test]
fn replicas_that_do_not_replicate() {
    check(
        "m1 rw, r1 ro <- m1 stopped, r2 ro <- m1 sqlstopped",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Out(IoStopped), r2 Out(SqlStopped) | replication_stopped,replication_stopped,no_reader
    "#]],
    );
    check(
        "m1 rw, r1 ro <- m1 connecting x7",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Usable |
        7: m1 Usable | r1 Out(Connecting) | no_reader
    "#]],
    );
    check(
        "m1 rw, r1 ro, r2 ro nopriv",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Out(NotReplica), r2 Usable | not_a_replica,missing_privilege
    "#]],
    );
    // The chain's end counts.
    check(
        "m1 rw, r1 ro <- m1, r2 ro <- r1",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Usable, r2 Usable |
    "#]],
    );
    check(
        "m1 rw, r1 ro <- m1, r2 ro <- m1 / m1 down, r1 rw, r2 ro <- m1 connecting",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Usable, r2 Usable |
        2: writer m1 -> r1 WriterUnreachable
        2: r1 Usable | m1 Out(NotReplica), r1 Usable, r2 Out(OtherMaster) | other_master
    "#]],
    );
}

#[test]
fn refused_is_not_dead() {
    check(
        "m1 rw, r1 ro <- m1 / m1 refused x4",
        expect![[r#"
        1: writer None -> m1 FirstSeen
        1: m1 Usable | r1 Usable |
        2: m1 Usable | r1 Usable | check_refused
    "#]],
    );
}

/// Where nobody made the monitor's account, the rows say who is written to. What may be behind is not read from.
#[test]
fn refused_from_the_start_is_as_the_rows_say() {
    check(
        "m1 refused, r1 refused / m1 rw, r1 ro <- m1",
        expect![[r#"
        1: writer None -> m1 Configured
        1: m1 Usable | r1 Out(NotSeen) | check_refused,check_refused,no_reader
        2: m1 Usable | r1 Usable |
    "#]],
    );
    check(
        "m1 refused, r1 rw <- m1",
        expect![[r#"
        1: writer None -> m1 Configured
        1: m1 Usable | r1 Usable | check_refused,writable_replica
    "#]],
    );
    check(
        "m1 refused, r1 rw / r1 ro <- m1",
        expect![[r#"
        1: writer None -> r1 FirstSeen
        1: r1 Usable | m1 Out(NotSeen), r1 Usable | check_refused
        2: r1 ReadOnly | m1 Out(NotSeen), r1 Usable | writer_read_only,check_refused
    "#]],
    );
}

#[test]
fn alarms_name_the_cure() {
    let mut group = group(OnMultipleWriters::Keep, 3);
    run(&mut group, "m1 rw, r1 rw <- m1, r2 ro nopriv", &mut String::new());
    let text: Vec<_> = group.view(0).alarms.iter().map(ToString::to_string).collect();
    expect![[r#"
        r1:3306 replicates from m1:3306 but has read_only=0. Nothing is written to it through the proxy; others could. Run SET GLOBAL read_only=1 on it
        r2:3306 does not tell how far behind it is: the monitor's user may not ask (error 1227). Run GRANT SLAVE MONITOR ON *.* TO watcher@'%' on the writer (before MariaDB 10.5: GRANT REPLICATION CLIENT)"#]].assert_eq(&text.join("\n"));
}

#[test]
fn other_ways_with_two_writers() {
    let world = "m1 rw, r1 rw, r2 ro <- m1";
    let mut stopped = group(OnMultipleWriters::Stop, 3);
    run(&mut stopped, world, &mut String::new());
    assert_eq!(stopped.view(0).writer_state, WriterState::Stopped);
    let mut all = group(OnMultipleWriters::Proxysql, 3);
    run(&mut all, world, &mut String::new());
    assert_eq!(all.view(0).more_writers, [address("r1")]);
}

#[test]
fn new_settings_keep_the_writer_and_the_old_one() {
    let mut group = group(OnMultipleWriters::Keep, 2);
    // It comes back with what the new one never got.
    let world = "m1 rw pos 0-1-5, r1 ro <- m1 pos 0-1-4 / m1 down, r1 rw pos 0-2-6 / m1 rw pos 0-1-9";
    run(&mut group, world, &mut String::new());
    assert_eq!(group.reconfigure(group.config().clone()), []);
    assert_eq!(group.view(0).writer, Some(address("r1")));
    run(&mut group, "r1 down / r1 down / r1 down / r1 down", &mut String::new());
    assert_eq!(group.view(0).writer, Some(address("r1")), "the old one was not forgiven");

    // Put into the writer hostgroup anew, it is one like others.
    let mut config = group.config().clone();
    let writer_row = |config: &mut Config, is: bool| config.members[0].writer_row = is;
    writer_row(&mut config, false);
    group.reconfigure(config.clone());
    assert_eq!(group.view(0).writer, Some(address("r1")));
    writer_row(&mut config, true);
    group.reconfigure(config);
    assert_eq!(group.view(0).writer, Some(address("m1")));
}

#[test]
fn a_new_process_knows_the_old_writer() {
    let mut before = group(OnMultipleWriters::Keep, 2);
    assert_eq!(before.memory(), None);
    let world = "m1 rw pos 0-1-5, r1 ro <- m1 pos 0-1-4 / m1 down, r1 rw pos 0-2-6 / m1 rw pos 0-1-9";
    run(&mut before, world, &mut String::new());
    let memory = before.memory().unwrap();
    let memory = Memory::from_json(&memory.to_json()).unwrap();
    assert_eq!(Some(&memory), before.memory().as_ref());
    let writer_of = |memory: Option<&Memory>, world: &str| {
        let mut group = group(OnMultipleWriters::Keep, 2);
        if let Some(memory) = memory {
            group.recall(memory);
        }
        run(&mut group, world, &mut String::new());
        group.view(0).writer
    };
    // By its row and its numbers it would be the old one.
    let both = "m1 rw pos 0-1-9, r1 rw pos 0-2-6";
    assert_eq!(writer_of(None, both), Some(address("m1")));
    assert_eq!(writer_of(Some(&memory), both), Some(address("r1")));
    assert_eq!(writer_of(Some(&memory), "m1 rw pos 0-1-9, r1 down"), Some(address("r1")));
    // It follows, and is one like others.
    let follows = "m1 ro <- r1 pos 0-2-6, r1 rw pos 0-2-6 / r1 down / m1 rw pos 0-1-7";
    assert_eq!(writer_of(Some(&memory), follows), Some(address("m1")));
    // Other rows are a newer word.
    let mut group = group(OnMultipleWriters::Keep, 2);
    let mut config = group.config().clone();
    config.members.iter_mut().for_each(|member| member.writer_row = true);
    group.reconfigure(config);
    group.recall(&memory);
    run(&mut group, both, &mut String::new());
    assert_eq!(group.view(0).writer, Some(address("m1")));
    for broken in ["null", "{}", r#"{"writer":{"hostname":"a","port":70000},"writer_rows":[],"retired":[]}"#] {
        assert_eq!(Memory::from_json(&serde_json::from_str(broken).unwrap()), None, "{broken}");
    }
}

#[test]
fn without_the_writer_all_is_as_at_the_start() {
    let mut group = group(OnMultipleWriters::Keep, 2);
    run(&mut group, "m1 rw, r1 ro <- m1 / m1 down, r1 rw / m1 rw", &mut String::new());
    let mut config = group.config().clone();
    config.members.retain(|member| member.address != address("r1"));
    let told = group.reconfigure(config);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(group.view(0).writer, Some(address("m1")));
}

const NAMES: [&str; 3] = ["m1", "r1", "r2"];

prop_compose! {
    /// One server's part of a round.
    fn any_part()(
        name in 0..3usize, kind in 0..8u8, master in 0..3usize, thread in 0..4usize, sequence in 1..6u64,
    ) -> String {
        let slave = match master {
            master if master == name => String::new(),
            master => format!(" <- {} {}", NAMES[master], ["", "connecting", "stopped", "lag 9"][thread]),
        };
        let state = match kind {
            0 | 1 => return format!("{} down", NAMES[name]),
            2 => return format!("{} refused", NAMES[name]),
            3..=5 => "rw",
            _ => "ro",
        };
        format!("{} {state}{slave} pos 0-{}-{sequence}", NAMES[name], name + 1)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever is answered: the invariants of the module.
    #[test]
    fn never_two_writers(parts in prop::collection::vec(any_part(), 0..60)) {
        let mut group = group(OnMultipleWriters::Keep, 3);
        for (now, part) in parts.iter().enumerate() {
            let before = group.incumbent;
            let well = before.map(|at| group.servers[at].answers() && group.servers[at].writable());
            let (server, answer) = parse(part);
            let events = group.handle_answer(now as Millis, &address(&server), answer);
            let changes: Vec<_> = events.iter().filter(|event| matches!(event, Event::Writer { .. })).collect();
            prop_assert_eq!(changes.len(), usize::from(before != group.incumbent));
            let view = group.view(now as Millis);
            prop_assert!(view.more_writers.is_empty());
            if before != group.incumbent && let Some(at) = group.incumbent {
                let Event::Writer { reason, .. } = changes[0] else { unreachable!() };
                let writer = &group.servers[at];
                prop_assert!(*reason == Reason::Configured || writer.answers() && writer.writable());
                let master = group.master_of(at).map(|master| &group.servers[master]);
                let held = master.is_some_and(|master| master.answers() && master.writable());
                prop_assert!(!held || matches!(reason, Reason::WriterFollows | Reason::Configured));
                // The one that just spoke may be the old writer itself, saying what it is now.
                let still_well = before.is_some_and(|old| group.servers[old].answers() && group.servers[old].writable());
                prop_assert!(!(well == Some(true) && still_well) || *reason == Reason::WriterFollows);
            }
        }
    }
}

#[track_caller]
fn check(world: &str, expected: Expect) {
    let count = if world.contains("r2") { 3 } else { 2 };
    let mut text = String::new();
    run(&mut group(OnMultipleWriters::Keep, count), world, &mut text);
    expected.assert_eq(&text);
}

/// Writes what is told, and what holds after each round if it is not what held before.
fn run(group: &mut Group, world: &str, text: &mut String) {
    let mut number = 0;
    let mut last = String::new();
    for round in world.split(" / ") {
        let (round, count) = round.rsplit_once(" x").unwrap_or((round, "1"));
        for _ in 0..count.parse().unwrap() {
            number += 1;
            let now = number * 1000;
            for part in round.split(", ") {
                let (server, answer) = parse(part);
                for event in group.handle_answer(now, &address(&server), answer) {
                    writeln!(text, "{number}: {}", tell(&event)).unwrap();
                }
            }
            let shown = show(&group.view(now));
            if shown != last {
                writeln!(text, "{number}: {shown}").unwrap();
                last = shown;
            }
        }
    }
}

fn tell(event: &Event) -> String {
    let name = |address: &Option<Address>| address.as_ref().map_or("None".to_owned(), |one| one.hostname.clone());
    match event {
        Event::Writer { from, to, reason } => format!("writer {} -> {} {reason:?}", name(from), name(to)),
        Event::Dead { server } => format!("dead {}", server.hostname),
        Event::Alive { server } => format!("alive {}", server.hostname),
        Event::Rejoined { server } => format!("rejoined {}", server.hostname),
    }
}

fn show(view: &View) -> String {
    let writer = view.writer.as_ref().map_or("-", |writer| &writer.hostname);
    let readers: Vec<_> = view.readers.iter().map(|(one, state)| format!("{} {state:?}", one.hostname)).collect();
    let alarm = |alarm: &Alarm| match alarm {
        Alarm::OldWriter { history, .. } if *history != History::Unknown => {
            format!("{}:{history:?}", alarm.code())
        }
        _ => alarm.code().to_owned(),
    };
    let alarms: Vec<_> = view.alarms.iter().map(alarm).collect();
    format!("{writer} {:?} | {} | {}", view.writer_state, readers.join(", "), alarms.join(",")).trim_end().to_owned()
}

fn group(on_multiple_writers: OnMultipleWriters, members: usize) -> Group {
    let member = |name: &&str| Member {
        address: address(name),
        writer_row: *name == "m1",
        reader_row: *name != "m1",
        max_replication_lag: 5,
    };
    Group::new(Config {
        writer_hostgroup: 10,
        reader_hostgroup: 20,
        writer_is_also_reader: true,
        dead_after: 3,
        on_multiple_writers,
        monitor_username: "watcher".into(),
        members: NAMES[..members].iter().map(member).collect(),
    })
}

fn address(name: &str) -> Address {
    Address { hostname: name.into(), port: 3306 }
}

fn parse(part: &str) -> (String, Answer) {
    let mut words = part.split_whitespace();
    let name = words.next().unwrap().to_owned();
    let mut seen = Observation { slave: SlaveStatus::NotReplica, ..<_>::default() };
    let mut replica: Option<ReplicaOf> = None;
    let mut position = None;
    while let Some(word) = words.next() {
        match word {
            "down" => return (name, Answer::Unreachable),
            "refused" => return (name, Answer::Refused("1045".into())),
            "rw" | "ro" => seen.read_only = Some(word == "ro"),
            "nopriv" => seen.slave = SlaveStatus::MissingPrivilege,
            "pos" => position = Some(words.next().unwrap().parse::<Position>().unwrap()),
            "<-" => {
                replica = Some(ReplicaOf {
                    master: address(words.next().unwrap()),
                    master_server_id: None,
                    io: Io::Running,
                    sql_running: true,
                    seconds_behind: Some(0),
                    gtid_pos: None,
                    last_error: String::new(),
                });
            }
            "lag" => replica.as_mut().unwrap().seconds_behind = words.next().unwrap().parse().ok(),
            word => {
                let replica = replica.as_mut().unwrap();
                replica.seconds_behind = None;
                match word {
                    "connecting" => replica.io = Io::Connecting,
                    "stopped" => replica.io = Io::Stopped,
                    "sqlstopped" => replica.sql_running = false,
                    _ => panic!("unknown word {word}"),
                }
            }
        }
    }
    match replica {
        Some(replica) => seen.slave = SlaveStatus::Replica(ReplicaOf { gtid_pos: position, ..replica }),
        None => seen.gtid_binlog_pos = position,
    }
    (name, Answer::Seen(seen))
}
