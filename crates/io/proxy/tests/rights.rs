//! Rights that the process gives up before it serves anybody. Needs root.

mod bench;
mod program;

use bench::Bench;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::{Group, User};
use program::{Process, ask, wait};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

const USER: &str = "nobody";
const GROUP: &str = "nogroup";

/// So many users before ours make a search for it take some tenths of a second: what is done while rights are being
/// given up shows, whichever thread is the quicker one.
const OTHERS: usize = 4_000_000;

/// User and group by number.
fn ids() -> (u32, u32) {
    let user = User::from_name(USER).expect("a list of users").expect(USER);
    let group = Group::from_name(GROUP).expect("a list of groups").expect(GROUP);
    (user.uid.as_raw(), group.gid.as_raw())
}

/// A balancer with these lines in its backend, that gives its rights up.
fn write(bench: &Bench, lines: &str) {
    let config = bench.config("disabled");
    bench.write(&format!("{config}    {lines}\nglobal\n    user {USER}\n    group {GROUP}\n"));
}

/// Sees a list of users in which its own is the last one.
fn spawn_where_users_are_many(bench: &Bench) -> Process {
    let list = bench.path("passwd");
    let (uid, gid) = ids();
    let others = "a:x:1:1::/:/\n".repeat(OTHERS);
    fs::write(&list, format!("{others}{USER}:x:{uid}:{gid}::/:/\n")).unwrap();
    std::thread::scope(|scope| {
        let start = scope.spawn(|| {
            // For this thread and what it starts.
            unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace, as root has");
            let nothing = None::<&str>;
            mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing).unwrap();
            mount(Some(&list), "/etc/passwd", nothing, MsFlags::MS_BIND, nothing).unwrap();
            bench.spawn("")
        });
        start.join().unwrap()
    })
}

/// Connected as soon as the address is listened on.
fn connect_early(bench: &Bench) -> TcpStream {
    let mut client = None;
    wait("the listener", || {
        client = TcpStream::connect(("127.0.0.1", bench.port)).ok();
        client.is_some()
    });
    let client = client.unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    client
}

/// A server that everybody may connect to, and that sees who does.
fn open_server(path: &Path) -> UnixListener {
    let listener = UnixListener::bind(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

fn accept(listener: &UnixListener) -> UnixStream {
    let mut accepted = None;
    wait("the balancer's connection", || {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let (stream, _) = accepted.unwrap();
    stream.set_nonblocking(false).unwrap();
    stream
}

/// These lines of the status of each thread: a process's threads have rights of their own.
fn status(process: &Process, names: &[&str]) -> Vec<Vec<String>> {
    let threads = fs::read_dir(format!("/proc/{}/task", process.id())).unwrap();
    let of = |thread: fs::DirEntry| {
        let status = fs::read_to_string(thread.path().join("status")).unwrap();
        let words = |name: &&str| status.lines().find_map(|line| line.strip_prefix(*name)).unwrap_or("?").trim().into();
        names.iter().map(words).collect()
    };
    threads.map(|thread| of(thread.unwrap())).collect()
}

#[test]
fn the_first_client_meets_a_process_without_rights() {
    let bench = Bench::new("rights");
    let path = bench.path("server.sock");
    let server = open_server(&path);
    write(&bench, &format!("server u unix@{}", path.display()));
    let process = spawn_where_users_are_many(&bench);
    let mut client = connect_early(&bench);
    let early = status(&process, &["Uid:"]);
    assert!(early.iter().all(|thread| *thread == ["0\t0\t0\t0"]), "the client came too late: {early:?}");
    client.write_all(b"hello").unwrap();
    let mut stream = accept(&server);
    let (uid, gid) = ids();
    // What the kernel wrote down when the thread that serves the client connected.
    let peer = getsockopt(&stream, PeerCredentials).unwrap();
    assert_eq!((peer.uid(), peer.gid()), (uid, gid), "a client was served before rights were given up");
    stream.write_all(b"hi").unwrap();
    client.read_exact(&mut [0; 2]).unwrap();
    let rights = status(&process, &["Uid:", "Gid:", "Groups:", "CapEff:"]);
    let all = |id: u32| [id; 4].map(|id| id.to_string()).join("\t");
    let expected = [all(uid), all(gid), String::new(), "0".repeat(16)];
    // Control, logs and two workers.
    assert!(rights.len() >= 4 && rights.iter().all(|thread| *thread == expected), "{rights:?}");
}

#[test]
fn socket_files_belong_to_whom_they_should() {
    let bench = Bench::new("owner");
    let (mine, theirs) = (bench.path("mine.sock"), bench.path("theirs.sock"));
    let (uid, gid) = ids();
    write(
        &bench,
        &format!(
            "
frontend u
    bind {} mode 600
    bind {} user {USER} group {GROUP} mode 660",
            mine.display(),
            theirs.display()
        ),
    );
    let process = bench.start("");
    let owner = |path: &Path| {
        let found = fs::metadata(path).unwrap();
        (found.uid(), found.gid(), found.mode() & 0o777)
    };
    // They are made while there are rights to, whoever the process becomes.
    assert_eq!(owner(&mine), (0, 0, 0o600));
    assert_eq!(owner(&theirs), (uid, gid, 0o660));
    assert_eq!(owner(&bench.path("stats.sock")).0, 0);
    // Root's, and served by who could not open it.
    assert!(ask(&bench.path("stats.sock"), "show info\n").contains(&format!("Pid: {}\n", process.id())));
    let rights = status(&process, &["Uid:"]);
    assert!(rights.iter().all(|thread| thread[0].starts_with(&format!("{uid}\t{uid}\t"))), "{rights:?}");
}
