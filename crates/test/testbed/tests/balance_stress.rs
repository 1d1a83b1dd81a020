//! Thousands of connections while the configuration changes; servers and clients that behave badly; no leaks.
//!
//! `BALANCE_STRESS_SECONDS=60` lets the configuration change for a minute instead of twenty seconds.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testbed::balance::client::Connection;
use testbed::balance::program::Running;
use testbed::balance::scenario::{Scenario, parse};
use testbed::balance::steps::socket::tell;
use testbed::balance::world::World;
use testbed::balance::{Program, backend};
use testbed::wait_for;

/// Held all the time. Each costs the balancer two descriptors, and us two (client and server): 19,000 of 20,000.
const HELD: usize = 9_500;
const OPENERS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections that come and go; what they leave behind is looked for afterwards.
const COME_AND_GO: usize = 100_000;
/// Before memory is looked at first: pools and tables have then the size that they keep.
const WARMING: usize = 10_000;
/// What memory may grow by while all those come and go: what an allocator keeps for itself.
const GROWTH_KB: u64 = 16 * 1024;

/// The three servers' ports; the third comes and goes with the changes.
const PORTS: [u16; 3] = [28101, 28102, 28103];

fn config(round: usize) -> String {
    let third = if round.is_multiple_of(2) { "" } else { "    server s3 $A:28103 weight 20\n" };
    let other = if round.is_multiple_of(3) { "frontend other\n    bind $A:28009\n    default_backend b\n" } else { "" };
    let weight = 1 + round % 7;
    format!(
        "global
    stats socket $D/cli level admin
    maxconn 9700
defaults
    mode tcp
    timeout connect 5s
    timeout client 10m
    timeout server 10m
frontend f
    bind $A:28001
    default_backend b
{other}backend b
    server s1 $A:28101 weight {weight}
    server s2 $A:28102 weight {}
{third}",
        8 - weight
    )
}

fn world(config: &str) -> World {
    let scenario: Scenario =
        parse("stress", &format!("# stress\n--- config bare\n{config}--- script\nstart\n")).expect("it is well formed");
    World::new(Program::Barque, &scenario)
}

fn start(world: &mut World) {
    let running = Program::Barque.start(&world.config, &world.folder.join("said"), &[]);
    world.running = Some(running.unwrap_or_else(|error| panic!("{error}")));
    wait_for("the socket to answer", Duration::from_secs(20), || tell(world, "show version", "cli").map(drop));
}

fn pid(world: &World) -> u32 {
    world.running.as_ref().map(Running::pid).expect("it runs")
}

#[test]
fn connections_outlive_changes_of_the_configuration() {
    let seconds = std::env::var("BALANCE_STRESS_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let mut world = world(&config(1));
    let servers = PORTS.map(|port| Keeper::start(&world.address, port));
    start(&mut world);

    let begun = Instant::now();
    let clients = open_all(&world.connect("28001"));
    println!("{} connections after {:?}", clients.len(), begun.elapsed());
    let probing = Arc::new(AtomicBool::new(true));
    let probes = probe(world.connect("28001"), probing.clone());
    for round in 2..2 + seconds {
        change(&world, round);
        std::thread::sleep(Duration::from_secs(1));
    }
    probing.store(false, Ordering::Relaxed);
    let (made, failed) = probes.join().expect("probes do not panic");
    assert!(failed.is_empty(), "{} of {made} new connections failed while it changed: {:?}", failed.len(), failed[0]);
    assert!(made > seconds * 10, "only {made} new connections in {seconds} s");

    let echo = servers.map(Keeper::answer_all);
    let broken: Vec<String> =
        clients.iter().enumerate().filter_map(|(number, client)| talk(client, number).err()).collect();
    let answered: usize = echo.into_iter().map(|server| server.join().expect("servers do not panic")).sum();
    assert!(broken.is_empty(), "{} of {HELD} were cut, {answered} answered: {}", broken.len(), broken[0]);
    println!("{HELD} held, {made} made and closed meanwhile, {seconds} changes");
}

/// One message there and back.
fn talk(mut client: &TcpStream, number: usize) -> Result<(), String> {
    let message = format!("{number:08}");
    client.write_all(message.as_bytes()).map_err(|error| format!("{number}: {error}"))?;
    let mut answer = [0; 8];
    client.read_exact(&mut answer).map_err(|error| format!("{number}: {error}"))?;
    if answer == message.as_bytes() { Ok(()) } else { Err(format!("{number} got {answer:?}")) }
}

/// Writes the next configuration and waits until it is in force.
fn change(world: &World, round: usize) {
    std::fs::write(&world.config, world.fill(&config(round))).expect("a file of the test");
    world.running.as_ref().expect("it runs").signal("HUP").expect_ok();
    let weight = format!("{} (initial {})", 1 + round % 7, 1 + round % 7);
    wait_for(&format!("round {round} in force"), Duration::from_secs(10), || {
        let answer = tell(world, "get weight b/s1", "cli")?;
        if answer.contains(&weight) { Ok(()) } else { Err(format!("{answer:?}, wanted {weight}")) }
    });
}

fn open_all(address: &str) -> Vec<TcpStream> {
    let clients = Mutex::new(Vec::with_capacity(HELD));
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..OPENERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= HELD {
                        return;
                    }
                    let client = TcpStream::connect(address).unwrap_or_else(|error| panic!("{number}: {error}"));
                    client.set_read_timeout(Some(PATIENCE)).expect("a time limit");
                    talk(&client, number).unwrap_or_else(|error| panic!("{error}"));
                    clients.lock().expect("nobody panics with it").push(client);
                }
            });
        }
    });
    clients.into_inner().expect("nobody panics with it")
}

/// New connections all the time: how many, and what went wrong.
fn probe(address: String, go_on: Arc<AtomicBool>) -> std::thread::JoinHandle<(usize, Vec<String>)> {
    std::thread::spawn(move || {
        let (mut made, mut failed) = (0, Vec::new());
        while go_on.load(Ordering::Relaxed) {
            made += 1;
            let begun = Instant::now();
            let error = visit(&address, made).err();
            failed.extend(error.map(|error| format!("{error} after {:?}", begun.elapsed())));
            std::thread::sleep(Duration::from_millis(20));
        }
        (made, failed)
    })
}

/// What messages of visits begin with: the server keeps none of those, as we have no descriptors for them.
const VISIT: &[u8] = b"9";

/// A connection, a message there and back, and a reset.
fn visit(address: &str, number: usize) -> Result<(), String> {
    let message = format!("9{number:07}");
    let mut connection = Connection::open(address, None)?;
    connection.write(&message)?;
    let answer = connection.read_until(&message);
    connection.abort();
    if answer == [message] { Ok(()) } else { Err(format!("{number} got {answer:?}")) }
}

/// A server that answers the first message of each connection and then keeps it.
struct Keeper {
    kept: Arc<Mutex<Vec<TcpStream>>>,
}

impl Keeper {
    fn start(address: &str, port: u16) -> Self {
        let listener = TcpListener::bind((address, port)).expect("a port of our own address");
        let kept = Arc::new(Mutex::new(Vec::new()));
        let ours = kept.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let ours = ours.clone();
                // A thread only until the first message came: one that does not talk holds up nobody.
                std::thread::spawn(move || {
                    _ = stream.set_read_timeout(Some(PATIENCE));
                    if echo(&stream).is_ok_and(|message| !message.starts_with(VISIT)) {
                        ours.lock().expect("nobody panics with it").push(stream);
                    }
                });
            }
        });
        Self { kept }
    }

    /// One more message of each that is kept; those of clients that have gone are only dropped.
    fn answer_all(self) -> std::thread::JoinHandle<usize> {
        let kept = std::mem::take(&mut *self.kept.lock().expect("nobody panics with it"));
        std::thread::spawn(move || {
            // Clients talk one after the other, in no order of ours: whoever has sent is answered.
            for stream in &kept {
                _ = stream.set_nonblocking(true);
            }
            let (mut open, mut answered): (Vec<TcpStream>, usize) = (kept, 0);
            let mut quiet = Instant::now();
            while !open.is_empty() && quiet.elapsed() < PATIENCE {
                open.retain(|stream| match echo(stream) {
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => true,
                    Err(_) => false,
                    Ok(_) => {
                        answered += 1;
                        quiet = Instant::now();
                        false
                    }
                });
                std::thread::sleep(Duration::from_millis(1));
            }
            answered
        })
    }
}

/// Eight bytes back, as they came.
fn echo(mut stream: &TcpStream) -> std::io::Result<[u8; 8]> {
    let mut message = [0; 8];
    stream.read_exact(&mut message)?;
    stream.write_all(&message)?;
    Ok(message)
}

const BAD: &str = "global
    stats socket $D/cli level admin
    maxconn 4000
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 2s
    timeout http-request 2s
    retries 0
frontend silent
    bind $A:28001
    default_backend silent
frontend resets
    bind $A:28002
    default_backend resets
frontend good
    bind $A:28003
    default_backend good
frontend tcp
    bind $A:28004
    mode tcp
    default_backend tcp
backend silent
    server s1 $A:28101
backend resets
    server s1 $A:28102
backend good
    server s1 $A:28103
backend tcp
    mode tcp
    server s1 $A:28103
";

#[test]
fn bad_servers_and_bad_clients_do_no_harm() {
    let mut world = world(BAD);
    for (name, port, kind) in [("silent", "28101", "silent"), ("resets", "28102", "reset"), ("good", "28103", "http")] {
        let behaviour = backend::Behaviour::parse(&[kind.to_owned()]).expect("it is a kind of server");
        let server = backend::Backend::start(name, &world.connect(port), behaviour);
        world.backends.insert(name.to_owned(), server.unwrap_or_else(|error| panic!("{error}")));
    }
    start(&mut world);
    serves(&world);

    // A server that never answers: each client has its 504 after the two seconds of `timeout server`.
    let silent = many(200, &world.connect("28001"), "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    expect_all(&silent, "HTTP/1.1 504", 2..6);
    // One that resets: 502 at once.
    let resets = many(200, &world.connect("28002"), "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    expect_all(&resets, "HTTP/1.1 502", 0..4);
    // Clients that send a letter now and then: 408 after the two seconds of `timeout http-request`, however they try.
    let slow = slow_loris(500, &world.connect("28003"));
    expect_all(&slow, "HTTP/1.1 408", 2..6);
    serves(&world);

    come_and_go(WARMING, &world);
    let before = settled(&world);
    come_and_go(COME_AND_GO, &world);
    let after = settled(&world);
    println!(
        "{COME_AND_GO} came and went: memory {} -> {} kB, descriptors {} -> {}",
        before.0, after.0, before.1, after.1
    );
    assert!(after.0 <= before.0 + GROWTH_KB, "memory grew from {} to {} kB", before.0, after.0);
    assert!(after.1 <= before.1 + 2, "descriptors: {} before, {} after", before.1, after.1);
    serves(&world);
}

/// A request is answered by the good server.
fn serves(world: &World) {
    let answers = many(1, &world.connect("28003"), "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(answers[0].0.starts_with("HTTP/1.1 200"), "{answers:?}");
}

/// First line and duration of each client.
type Answers = Vec<(String, Duration)>;

fn many(count: usize, address: &str, request: &str) -> Answers {
    clients(count, address, |connection| connection.write(request))
}

fn slow_loris(count: usize, address: &str) -> Answers {
    clients(count, address, |connection| {
        for letter in "GET / HTTP/1.1\r\nHost: a".chars().cycle().take(12) {
            // It is refused at some time, which is what we wait for.
            if connection.write(&letter.to_string()).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        Ok(())
    })
}

fn clients(count: usize, address: &str, act: impl Fn(&mut Connection) -> Result<(), String> + Sync) -> Answers {
    std::thread::scope(|scope| {
        let one = || {
            let begun = Instant::now();
            let mut connection = match Connection::open(address, None) {
                Ok(connection) => connection,
                Err(error) => return (error, begun.elapsed()),
            };
            _ = act(&mut connection);
            let answer = connection.read_until("\n");
            (answer.first().cloned().unwrap_or_default(), begun.elapsed())
        };
        let clients: Vec<_> = (0..count).map(|_| scope.spawn(one)).collect();
        clients.into_iter().map(|client| client.join().expect("clients do not panic")).collect()
    })
}

fn expect_all(answers: &Answers, status: &str, seconds: std::ops::Range<u64>) {
    let wrong: Vec<_> =
        answers.iter().filter(|(line, time)| !line.starts_with(status) || !seconds.contains(&time.as_secs())).collect();
    assert!(wrong.is_empty(), "{} of {} not {status} within {seconds:?} s: {:?}", wrong.len(), answers.len(), wrong[0]);
}

/// Connections that are closed as soon as they are open: half of them reset, in both modes.
fn come_and_go(count: usize, world: &World) {
    let addresses = [world.connect("28003"), world.connect("28004")];
    std::thread::scope(|scope| {
        for opener in 0..OPENERS {
            let addresses = &addresses;
            scope.spawn(move || {
                for number in 0..count / OPENERS {
                    // Addresses of our own: ports that wait after a close are counted per address.
                    let from = format!("127.0.{}.{}", 1 + opener, 1 + number % 200).parse().expect("an address");
                    let connection = Connection::open(&addresses[number % 2], Some(from))
                        .unwrap_or_else(|error| panic!("connection {number}: {error}"));
                    if number % 4 < 2 {
                        connection.abort();
                    }
                }
            });
        }
    });
}

/// Memory (kB) and descriptors, once all that comes and goes has gone.
fn settled(world: &World) -> (u64, usize) {
    let pid = pid(world);
    let descriptors = || std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    wait_for("all sessions gone", Duration::from_secs(20), || {
        let info = tell(world, "show info", "cli")?;
        let current = info.lines().find_map(|line| line.strip_prefix("CurrConns: ")).unwrap_or("none");
        // The one that asks may count.
        if matches!(current, "0" | "1") { Ok(()) } else { Err(format!("CurrConns: {current}")) }
    });
    std::thread::sleep(Duration::from_secs(1));
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("each process has it");
    (memory.trim().trim_end_matches(" kB").trim().parse().expect("a number"), descriptors())
}
