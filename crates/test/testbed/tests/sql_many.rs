//! Many clients, and bad ones: twenty thousand connections, half log-ins, noise, statements of 16 MB. Memory stays within
//! the proxy's budget, and a client that behaves is served meanwhile.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use testbed::mariadb::APP;
use testbed::process::{memory, raise_descriptors};
use testbed::sql_client::Answer;
use testbed::{Folder, MariaDb, SqlClient, SqlProxy, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);

/// What a client that asks nothing may cost, by the proxy's budget.
const IDLE_CLIENT: u64 = 8 << 10;

/// Buffers of the process itself, beside what it has when it is fresh.
const SLACK: u64 = 32 << 20;

struct World {
    proxy: SqlProxy,
    _servers: [MariaDb; 2],
    _folder: Folder,
}

fn world(name: &str, variables: &str) -> World {
    raise_descriptors();
    let folder = Folder::new(name);
    let writer = MariaDb::primary(folder.path());
    let reader = MariaDb::replica_of(&writer);
    let mut proxy = SqlProxy::prepare(folder.path(), &writer, &reader, |config| {
        let config = config.replace("max_connections=2048", &format!("max_connections=20000\n{variables}"));
        config.replace("default_hostgroup = 10 ,", "default_hostgroup = 10 , max_connections = 20000 ,")
    });
    proxy.serve();
    World { proxy, _servers: [writer, reader], _folder: folder }
}

impl World {
    fn log_in(&self) -> std::io::Result<SqlClient> {
        SqlClient::connect(self.proxy.port, APP, "test", true)
    }

    fn memory(&self) -> u64 {
        memory(self.proxy.pid(), "VmRSS")
    }

    #[track_caller]
    fn serves(&self) {
        let mut client = self.log_in().expect("a client that behaves comes in");
        assert_answers(&mut client, 7);
    }

    #[track_caller]
    fn wait_for_clients(&self, wanted: u64) {
        wait_for("clients gone", PATIENCE, || {
            let sql =
                "SELECT Variable_Value FROM stats_mysql_global WHERE Variable_Name='Client_Connections_connected'";
            let connected = self.proxy.admin(sql);
            if connected == [[wanted.to_string()]] { Ok(()) } else { Err(format!("{connected:?} are there")) }
        });
    }
}

#[track_caller]
fn assert_answers(client: &mut SqlClient, number: u32) {
    let answers = client.query(&format!("SELECT {number}")).expect("an answer");
    let [Answer::Rows { rows, .. }] = answers.as_slice() else { panic!("{answers:?}") };
    assert!(rows[0].ends_with(number.to_string().as_bytes()), "{rows:?}");
}

#[test]
fn twenty_thousand_connections() {
    const CONNECTIONS: u64 = 20_000;
    let world = world("sql-many", "");
    world.serves();
    let fresh = world.memory();
    let mut clients = Vec::new();
    let mut refused = 0;
    for number in 0..CONNECTIONS {
        match world.log_in() {
            Ok(client) => clients.push(client),
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("Too many connections"), "connection {number} of {CONNECTIONS}: {text}");
                refused += 1;
            }
        }
    }
    for (number, client) in clients.iter_mut().enumerate().step_by(97) {
        assert_answers(client, number as u32);
    }
    let grown = world.memory().saturating_sub(fresh);
    let count = clients.len() as u64;
    println!("{count} clients, {refused} refused, {} kB each", grown / count / 1024);
    assert!(count >= 19_000, "only {count} of {CONNECTIONS} came in: {}", world.proxy.log());
    assert!(grown <= SLACK + count * IDLE_CLIENT, "{count} clients took {grown} bytes");
    drop(clients);
    world.wait_for_clients(0);
    world.serves();
}

#[test]
fn half_log_ins_end_and_cost_little() {
    const CONNECTIONS: u64 = 9_000;
    let world = world("sql-half", "connect_timeout_client=5000");
    world.serves();
    let fresh = world.memory();
    // Nothing; half a header; the beginning of a packet that would be long.
    let beginnings: [&[u8]; 3] = [b"", &[80, 0], &[0xff, 0xff, 0, 1, 0x85, 0xa6, 0xff, 0x19]];
    let open = |number: u64| {
        let mut stream = TcpStream::connect(("127.0.0.1", world.proxy.port)).expect("a connection");
        // Where the proxy has ended it already, the loop below sees it.
        _ = stream.write_all(beginnings[(number % 3) as usize]);
        stream
    };
    let clients: Vec<TcpStream> = (0..CONNECTIONS).map(open).collect();
    world.serves();
    let grown = world.memory().saturating_sub(fresh);
    println!("{CONNECTIONS} half log-ins took {} kB each", grown / CONNECTIONS / 1024);
    assert!(grown <= SLACK + CONNECTIONS * IDLE_CLIENT, "{CONNECTIONS} half log-ins took {grown} bytes");
    for mut client in clients {
        client.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        let mut heard = Vec::new();
        if let Err(error) = client.read_to_end(&mut heard) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "it is still there: {error}");
        }
    }
    world.wait_for_clients(0);
}

#[test]
fn noise_breaks_nothing() {
    let world = world("sql-noise", "connect_timeout_client=5000");
    world.serves();
    let fresh = world.memory();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for _ in 0..500 {
        let mut stream = TcpStream::connect(("127.0.0.1", world.proxy.port)).expect("a connection");
        let noise: Vec<u8> = (0..next() % 300).map(|_| next() as u8).collect();
        // The proxy may have ended it in the middle.
        _ = stream.write_all(&noise);
    }
    for _ in 0..500 {
        let mut client = world.log_in().expect("a client that behaves comes in");
        let noise: Vec<u8> = (0..1 + next() % 200).map(|_| next() as u8).collect();
        client.send_noise(&noise).expect("it is taken");
        // Any answer is good, and none.
        client.hear_anything();
    }
    world.serves();
    let grown = world.memory().saturating_sub(fresh);
    assert!(grown <= SLACK + 1_000 * IDLE_CLIENT, "noise took {grown} bytes");
}

#[test]
fn long_statements_share_their_room() {
    /// The proxy's own figure for statements that are longer than a megabyte.
    const ROOM: u64 = 256 << 20;
    const CLIENTS: u32 = 14;
    const LENGTH: usize = 12 << 20;
    let world = world("sql-long", "");
    world.serves();
    let fresh = world.memory();
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let world = &world;
            scope.spawn(move || {
                let mut client = world.log_in().expect("it comes in");
                let text = format!("SELECT {number}, LENGTH('{}')", "x".repeat(LENGTH));
                let answers = client.query(&text).expect("an answer");
                let [Answer::Rows { rows, .. }] = answers.as_slice() else { panic!("{answers:?}") };
                assert!(rows[0].ends_with(LENGTH.to_string().as_bytes()), "{rows:?}");
            });
        }
    });
    let most = memory(world.proxy.pid(), "VmHWM").saturating_sub(fresh);
    println!("{CLIENTS} statements of {LENGTH} bytes took {} MB at most", most >> 20);
    assert!(most <= ROOM + SLACK, "long statements took {most} bytes");
    world.wait_for_clients(0);
}

/// It is read in large pieces, and its end all the same when it comes.
#[test]
fn a_long_answer_that_slows_down_is_whole() {
    const ROWS: usize = 3_000;
    let world = world("sql-slow", "");
    let mut client = world.log_in().expect("it comes in");
    let text = format!("SELECT seq, REPEAT('x', 1000), IF(seq > 2900, SLEEP(0.01), 0) FROM seq_1_to_{ROWS}");
    for _ in 0..2 {
        let answers = client.query(&text).expect("an answer");
        let [Answer::Rows { rows, .. }] = answers.as_slice() else { panic!("{answers:?}") };
        assert_eq!(rows.len(), ROWS);
        assert!(rows.iter().all(|row| row.len() > 1_000), "a row is short");
        assert_answers(&mut client, 5);
    }
}
