//! A node in namespaces, a client outside of it, and servers and clients inside pods.
//!
//! Nothing leaks: the test's thread and all it starts are in namespaces that the kernel removes with the last thread.

use network::{Config, PodKey};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Long enough for a loaded machine; what should not answer is waited for no longer than [`SHORT`].
pub const LONG: Duration = Duration::from_secs(10);
pub const SHORT: Duration = Duration::from_millis(400);

pub struct Node {
    pub config: Config,
    /// A network namespace with 192.0.2.2, reached by the node as 192.0.2.1; its default route is the node.
    pub outside: PathBuf,
}

pub const NODE_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub const OUTSIDE_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// Runs `test` on a fresh node, in a thread of its own.
pub fn on_a_node<F>(test: impl FnOnce(Node) -> F + Send + 'static)
where
    F: Future<Output = ()>,
{
    let work = move || {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("tests of the network need root");
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), none).unwrap();
        std::fs::create_dir_all("/run/netns").unwrap();
        let node = set_up();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(test(node));
        runtime.shutdown_timeout(Duration::from_secs(5));
        _ = umount2("/run", MntFlags::MNT_DETACH);
    };
    let result = std::thread::spawn(work).join();
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

fn set_up() -> Node {
    sh("ip link set lo up; ip netns add outside; ip link add up0 type veth peer name eth0 netns outside
        ip addr add 192.0.2.1/24 dev up0; ip link set up0 up mtu 1400; ip route add default via 192.0.2.2
        ip -n outside addr add 192.0.2.2/24 dev eth0; ip -n outside link set eth0 up mtu 1400
        ip -n outside link set lo up; ip -n outside route add default via 192.0.2.1");
    let mut config = Config::for_node("n1");
    config.pod_cidr = "10.42.0.0/24".parse().unwrap();
    config.cluster_cidr = "10.42.0.0/16".parse().unwrap();
    config.service_cidr = "10.96.0.0/16".parse().unwrap();
    config.resolv_conf = "/run/resolv.conf".into();
    std::fs::write(&config.resolv_conf, "search home.arpa\n").unwrap();
    Node { config, outside: "/run/netns/outside".into() }
}

/// Runs a shell script in the calling thread's namespaces; panics if it fails.
pub fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{script}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs `work` inside a network namespace.
pub fn within<T: Send + 'static>(netns: &Path, work: impl FnOnce() -> T + Send + 'static) -> T {
    let netns = File::open(netns).unwrap();
    let thread = std::thread::spawn(move || {
        setns(netns, CloneFlags::CLONE_NEWNET).unwrap();
        work()
    });
    thread.join().unwrap()
}

pub fn pod(name: &str) -> PodKey {
    PodKey { namespace: "default".into(), name: name.into(), uid: format!("uid-{name}") }
}

/// Serves TCP and UDP on `port` inside the namespace until the test's process ends: answers `name client-address`.
pub fn serve(netns: &Path, port: u16, name: &str) {
    let name = name.to_owned();
    let (tcp, udp) = within(netns, move || {
        (TcpListener::bind(("0.0.0.0", port)).unwrap(), UdpSocket::bind(("0.0.0.0", port)).unwrap())
    });
    let tcp_name = name.clone();
    std::thread::spawn(move || {
        for stream in tcp.incoming().flatten() {
            let mut stream = stream;
            let from = stream.peer_addr().map_or_else(|error| error.to_string(), |from| from.ip().to_string());
            _ = stream.write_all(format!("{tcp_name} {from}").as_bytes());
        }
    });
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((_, from)) = udp.recv_from(&mut buffer) {
            _ = udp.send_to(format!("{name} {}", from.ip()).as_bytes(), from);
        }
    });
}

/// What the server says, or why there is no answer.
pub fn ask_tcp(netns: Option<&Path>, to: impl Into<SocketAddr>, patience: Duration) -> String {
    let to = to.into();
    let ask = move || {
        let mut answer = String::new();
        let asked = TcpStream::connect_timeout(&to, patience).and_then(|mut stream| {
            stream.set_read_timeout(Some(patience))?;
            stream.shutdown(Shutdown::Write)?;
            stream.read_to_string(&mut answer)
        });
        asked.map_or_else(|error| format!("{:?}", error.kind()), |_| answer)
    };
    run(netns, ask)
}

pub fn ask_udp(netns: Option<&Path>, to: impl Into<SocketAddr>, patience: Duration) -> String {
    let to = to.into();
    let ask = move || {
        let mut buffer = [0; 512];
        let asked = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
            socket.set_read_timeout(Some(patience))?;
            socket.connect(to)?;
            socket.send(b"hello")?;
            socket.recv(&mut buffer)
        });
        match asked {
            Ok(length) => String::from_utf8_lossy(&buffer[..length]).into_owned(),
            Err(error) => format!("{:?}", error.kind()),
        }
    };
    run(netns, ask)
}

fn run(netns: Option<&Path>, ask: impl FnOnce() -> String + Send + 'static) -> String {
    match netns {
        Some(netns) => within(netns, ask),
        None => ask(),
    }
}

/// Nothing of ours is left. Mounts are looked for by their full place: those of other tests are inherited.
#[track_caller]
pub fn assert_clean() {
    let seen = sh("ip addr; ip route; ip neigh; grep ' /run/barque/' /proc/mounts || true");
    let left = sh("find /run/barque -mindepth 2 2>/dev/null || true");
    assert!(!["barque0", "/run/barque/"].iter().any(|ours| seen.contains(ours)), "{seen}");
    assert_eq!(left, "");
}
