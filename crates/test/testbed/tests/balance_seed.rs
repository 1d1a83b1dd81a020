//! His haproxy.cfg, unchanged: three servers up, traffic rotates, one of them dies and comes back.
//!
//! The addresses of his file are served on a host of our own, by threads of this test that runs there again. HAProxy
//! and Barque go through the same on two hosts at a time; what clients lose is measured and compared.

use std::sync::Mutex;
use std::time::{Duration, Instant};
use testbed::balance::backend::{Backend, Behaviour};
use testbed::balance::client::Connection;
use testbed::balance::program::Running;
use testbed::balance::{Program, inside};
use testbed::run::run;
use testbed::{Folder, Host, example, example_text, wait_for};

/// Where his frontend listens.
const FRONT: &str = "127.0.0.1:5443";
const SOCKET: &str = "/run/haproxy/admin.sock";
const SERVERS: [(&str, &str); 3] =
    [("master1", "10.0.42.1:6443"), ("master2", "10.0.42.2:6443"), ("master3", "10.0.42.3:6443")];

/// A client connects each so often.
const PACE: Duration = Duration::from_millis(20);
/// Clients come for so long after a server's death: HAProxy needs six seconds to notice and three to give up on
/// those that wait.
const WATCHED: Duration = Duration::from_secs(10);

/// What clients met after a server had died.
#[derive(Debug, PartialEq)]
struct Toll {
    clients: usize,
    /// Closed without an answer.
    failed: usize,
    /// Answered, but only after a second.
    slow: usize,
    /// From the server's death until it was DOWN, in milliseconds.
    noticed: u128,
}

#[test]
fn his_file_balances_as_with_haproxy() {
    let [haproxy, barque] = on_both("his-file");
    println!("his file: haproxy {haproxy:?}, barque {barque:?}");
    // His file has no redispatch: each third client goes to the dead server until it is DOWN, waits for three retries
    // and is closed. When that is depends on when the next check was due: after two to three intervals of 2 s.
    assert!(haproxy.failed > 0, "this would not have measured anything: {haproxy:?}");
    for toll in [&haproxy, &barque] {
        let met_it = (toll.noticed / PACE.as_millis() / 3) as usize;
        assert!(toll.noticed <= 6_500, "{toll:?} of haproxy {haproxy:?}, barque {barque:?}");
        assert!(toll.failed <= met_it + 5, "{toll:?}: {met_it} were sent to the dead server");
    }
}

#[test]
fn with_redispatch_nobody_fails() {
    let [haproxy, barque] = on_both("redispatch");
    println!("with redispatch: haproxy {haproxy:?}, barque {barque:?}");
    assert_eq!((haproxy.failed, haproxy.slow), (0, 0), "HAProxy: {haproxy:?}");
    assert_eq!((barque.failed, barque.slow), (0, 0), "Barque: {barque:?}");
}

fn on_both(which: &'static str) -> [Toll; 2] {
    std::thread::scope(|scope| {
        let programs = [Program::HaProxy, Program::Barque];
        let runs = programs.map(|program| scope.spawn(move || on_a_host(program, which)));
        runs.map(|run| run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

fn on_a_host(program: Program, which: &str) -> Toll {
    let host = Host::new(&format!("{which}-{}", program.name()));
    for (_, address) in &SERVERS[1..] {
        let address = address.split(':').next().unwrap_or_default();
        run(host.command("ip").args(["addr", "add", &format!("{address}/32"), "dev", "lo"])).expect_ok();
    }
    let said = inside::play(&host, "on_the_host", &format!("{} {which}", program.name())).expect_ok();
    let toll = said.lines().find_map(|line| line.split_once("toll ").map(|(_, toll)| toll.to_owned()));
    let toll = toll.unwrap_or_else(|| panic!("{} said no toll: {said}", program.name()));
    let numbers: Vec<u128> = toll.split(' ').map(|number| number.parse().expect("a number")).collect();
    let [clients, failed, slow, noticed] = numbers[..] else { panic!("four numbers: {toll}") };
    Toll { clients: clients as usize, failed: failed as usize, slow: slow as usize, noticed }
}

#[test]
#[ignore = "the others play it, each on a host of its own"]
fn on_the_host() {
    let word = inside::word();
    let (program, which) = word.split_once(' ').expect("program and file");
    let program = if program == "barque" { Program::Barque } else { Program::HaProxy };
    let folder = Folder::new(&format!("seed-{}", program.name()));
    let file = match which {
        "his-file" => example("seed/haproxy.cfg"),
        _ => {
            let file = folder.path().join("haproxy.cfg");
            let mended =
                example_text("seed/haproxy.cfg").replacen("defaults\n", "defaults\n    option redispatch\n", 1);
            std::fs::write(&file, mended).expect("a file of the test");
            file
        }
    };
    let echo = Behaviour::parse(&["echo".to_owned()]).expect("it is a kind of server");
    let serve = |place: usize| {
        let (name, address) = SERVERS[place];
        Backend::start(name, address, echo.clone()).unwrap_or_else(|error| panic!("{error}"))
    };
    let mut backends = [serve(0), serve(1), serve(2)];
    let said = folder.path().join("said");
    let running = program.start(&file, &said, &[]).unwrap_or_else(|error| panic!("{error}"));
    let up = || wait_for("three servers up", Duration::from_secs(20), || all_up(&said));
    up();
    rotates();
    nc_opens();

    let toll = kill_and_count(&mut backends[1]);
    backends[1] = serve(1);
    up();
    rotates();
    println!("toll {} {} {} {}", toll.clients, toll.failed, toll.slow, toll.noticed);
    drop::<Running>(running);
}

/// All three are UP by a check that passed, says the admin socket.
fn all_up(said: &std::path::Path) -> Result<(), String> {
    for (name, _) in SERVERS {
        let state = state(name)
            .map_err(|error| format!("{error}; it said: {}", std::fs::read_to_string(said).unwrap_or_default()))?;
        if state != ("UP".to_owned(), "L4OK".to_owned()) {
            return Err(format!("{name} is {state:?}"));
        }
    }
    Ok(())
}

/// Status and check status of a server.
fn state(name: &str) -> Result<(String, String), String> {
    use std::io::{Read, Write};
    let mut socket = std::os::unix::net::UnixStream::connect(SOCKET).map_err(|error| format!("{SOCKET}: {error}"))?;
    socket.write_all(b"show stat\n").map_err(|error| error.to_string())?;
    let mut csv = String::new();
    socket.read_to_string(&mut csv).map_err(|error| error.to_string())?;
    let mut rows = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = rows.next().ok_or("no header")?;
    let place = |column: &str| names.iter().position(|name| *name == column).ok_or(format!("no column {column}"));
    let (status, check) = (place("status")?, place("check_status")?);
    let row = rows.find(|row| row.get(1) == Some(&name)).ok_or(format!("no row of {name}"))?;
    // A check that is running is shown with a star before the last result.
    Ok((row[status].to_owned(), row[check].trim_start_matches("* ").to_owned()))
}

/// The name of the server that a new connection gets.
fn ask() -> Result<String, String> {
    let mut connection = Connection::open(FRONT, None)?;
    let name = connection.read_until("\n").join(" ");
    connection.finish();
    if SERVERS.iter().any(|(server, _)| *server == name) { Ok(name) } else { Err(name) }
}

/// Thirty connections in a row: ten for each, one after the other.
fn rotates() {
    let names: Vec<String> = (0..30).map(|_| ask().expect("all servers are up")).collect();
    let mut first: Vec<&String> = names[..3].iter().collect();
    first.sort();
    assert_eq!(first, ["master1", "master2", "master3"], "{names:?}");
    assert!(names.iter().zip(&names[3..]).all(|(name, later)| name == later), "they take turns: {names:?}");
}

fn nc_opens() {
    let said = run(std::process::Command::new("nc").args(["-v", "-w", "2", "localhost", "5443"]));
    assert!(said.stderr.contains("succeeded!"), "nc -v localhost 5443: {said}");
}

fn kill_and_count(victim: &mut Backend) -> Toll {
    let results = Mutex::new(Vec::new());
    let begun = Instant::now();
    let noticed = std::thread::scope(|scope| {
        let clients = scope.spawn(|| {
            std::thread::scope(|clients| {
                while begun.elapsed() < Duration::from_secs(1) + WATCHED {
                    clients.spawn(|| {
                        let begun = Instant::now();
                        let answer = ask();
                        results.lock().expect("nobody panics with it").push((answer, begun.elapsed()));
                    });
                    std::thread::sleep(PACE);
                }
            });
        });
        std::thread::sleep(Duration::from_secs(1));
        victim.stop();
        let killed = Instant::now();
        wait_for("master2 down", WATCHED, || match state("master2")? {
            (status, _) if status == "DOWN" => Ok(()),
            other => Err(format!("{other:?}")),
        });
        let noticed = killed.elapsed().as_millis();
        clients.join().expect("clients do not panic");
        noticed
    });
    let results = results.into_inner().expect("nobody panics with it");
    let failed = results.iter().filter(|(answer, _)| answer.is_err()).count();
    let slow = results.iter().filter(|(answer, time)| answer.is_ok() && *time > Duration::from_secs(1)).count();
    Toll { clients: results.len(), failed, slow, noticed }
}
