//! The balancer as a process: signals, reload under traffic, successors, the background.

mod bench;
mod program;

use bench::Bench;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use program::{ask, wait};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

#[test]
fn connections_survive_reloads_and_faults() {
    let bench = Bench::new("reload");
    bench.write(&bench.config(""));
    let process = bench.start("");
    let mut kept = bench.connect();
    let load = Load::start(bench.port);
    for round in 0..10 {
        let extra = format!("backend b{round}\n server x 127.0.0.1:1\n");
        bench.write(&(bench.config(&format!("weight {}", round + 1)) + &extra));
        process.signal(Signal::SIGUSR2);
        wait("the reload", || process.said().contains(&format!("backend b{round} added")));
        assert_eq!(echo(&mut kept), "still there");
    }
    bench.write("frontend f\n bimd :1\n");
    process.signal(Signal::SIGHUP);
    wait("the refusal", || process.said().contains("The configuration in force is unchanged."));
    let said = process.said();
    assert!(said.contains("config : parsing [") && said.contains(":2] : unknown keyword 'bimd'"), "{said}");
    assert_eq!(echo(&mut kept), "still there");
    let (served, failed) = load.stop();
    assert!(served > 20 && failed == 0, "{failed} of {served} connections failed");
}

#[test]
fn a_reload_that_fails_takes_no_socket_away() {
    let bench = Bench::new("failed");
    let clients = bench.path("clients.sock");
    let config = bench.config("");
    bench.write(&(config.clone() + &format!("frontend u\n bind {} mode 600\n", clients.display())));
    let process = bench.start("");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = config.replace("level admin", "level operator");
    let port = taken.local_addr().unwrap().port();
    let moved = format!("frontend v\n bind {}\nfrontend x\n bind 127.0.0.1:{port}\n", clients.display());
    bench.write(&(other.clone() + &moved));
    process.signal(Signal::SIGUSR2);
    wait("the refusal", || process.said().contains("The configuration in force is unchanged."));
    let level = || ask(&bench.path("stats.sock"), "show cli level\n");
    assert_eq!(level(), "admin\n\n");
    std::os::unix::net::UnixStream::connect(&clients).expect("the listener of before");
    bench.write(&other);
    process.signal(Signal::SIGUSR2);
    wait("the other level", || level() == "operator\n\n");
    let names = fs::read_dir(&bench.folder.path).unwrap().flatten().map(|entry| entry.file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().ends_with(".tmp")));
}

#[test]
fn a_successor_takes_over_without_a_refused_connection() {
    let bench = Bench::new("successor");
    bench.write(&bench.config(""));
    let mut process = bench.start("");
    let mut kept = bench.connect();
    let load = Load::start(bench.port);
    for _ in 0..4 {
        let next = bench.start(&format!("-x {} -sf {}", bench.path("stats.sock").display(), process.id()));
        assert_eq!(echo(&mut kept), "still there");
        // The old one ends when its last session does.
        kept = bench.connect();
        let mut old = std::mem::replace(&mut process, next);
        assert_eq!(old.code(), Some(0));
    }
    let (served, failed) = load.stop();
    assert!(served > 20 && failed == 0, "{failed} of {served} connections failed");
}

#[test]
fn a_soft_stop_waits_for_sessions_and_not_for_ever() {
    let bench = Bench::new("stop");
    bench.write(&(bench.config("") + "global\n hard-stop-after 600ms\n"));
    let mut process = bench.start("");
    let mut kept = bench.connect();
    assert_eq!(echo(&mut kept), "still there");
    process.signal(Signal::SIGUSR1);
    wait("the word", || process.said().contains("Proxy f stopped (cumulated conns: FE: 1, BE: 0)."));
    wait("closed listeners", || TcpStream::connect(("127.0.0.1", bench.port)).is_err());
    assert_eq!(echo(&mut kept), "still there");
    let stopping = Instant::now();
    assert_eq!(process.code(), Some(0));
    assert!(stopping.elapsed() < Duration::from_secs(3));
    assert_eq!(kept.read(&mut [0; 8]).unwrap_or(0), 0);
}

#[test]
fn the_background_is_left_when_it_serves() {
    let bench = Bench::new("daemon");
    bench.write(&bench.config(""));
    let pidfile = bench.path("pid");
    let mut process = bench.spawn(&format!("-D -p {}", pidfile.display()));
    assert_eq!(process.code(), Some(0));
    let pid: i32 = fs::read_to_string(&pidfile).unwrap().trim().parse().unwrap();
    assert_ne!(pid, process.id());
    assert_eq!(echo(&mut bench.connect()), "still there");
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    wait("its end", || TcpStream::connect(("127.0.0.1", bench.port)).is_err());
    // What is wrong is said, and told by the exit code.
    bench.write("frontend f\n bind 256.0.0.1:1\n");
    let mut process = bench.spawn("-D");
    assert_eq!(process.code(), Some(1));
    assert!(process.said().contains("[ALERT]"), "{}", process.said());
}

#[test]
fn the_manager_is_told() {
    let bench = Bench::new("notify");
    bench.write(&bench.config(""));
    let path = bench.path("notify.sock");
    let manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let hear = || {
        let mut buffer = [0; 200];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).lines().next().unwrap_or_default().to_owned()
    };
    let process = bench.spawn_with("-Ws", &[("NOTIFY_SOCKET", path.to_str().unwrap())]);
    assert_eq!(hear(), "READY=1");
    process.signal(Signal::SIGUSR2);
    assert_eq!([hear(), hear()], ["RELOADING=1", "READY=1"]);
    process.signal(Signal::SIGUSR1);
    assert_eq!(hear(), "STOPPING=1");
}

impl Bench {
    fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).unwrap()
    }
}

/// Connections one after the other, each with a word and its echo, as fast as they go.
struct Load {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<(u32, u32)>,
}

impl Load {
    fn start(port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let (mut served, mut failed) = (0, 0);
            while !stopped.load(Relaxed) {
                served += 1;
                let result = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| try_echo(&mut stream));
                failed += u32::from(result.is_err());
            }
            (served, failed)
        });
        Self { stop, thread }
    }

    fn stop(self) -> (u32, u32) {
        self.stop.store(true, Relaxed);
        self.thread.join().unwrap()
    }
}

fn echo(stream: &mut TcpStream) -> String {
    try_echo(stream).unwrap()
}

fn try_echo(stream: &mut TcpStream) -> std::io::Result<String> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"still there")?;
    let mut bytes = [0; 11];
    stream.read_exact(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
