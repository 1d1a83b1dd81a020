//! The agent's port, with real containers behind it.

use crate::authority::Authority;
use crate::world::{SLEEP, World, on_a_node, script};
use client::Certificate;
use client::door::{ExecOptions, ExitStatus, LogOptions, NodeDoor, RemoteDoor};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub fn serves_what_runs() {
    on_a_node(async |world| {
        let mut port = script("port", "nc -ll -p 7007 -e cat");
        port["readinessProbe"] = json!({"tcpSocket": {"port": 7007}, "periodSeconds": 1});
        world.pod("p", json!({"containers": [script("main", SLEEP), port]})).await;
        world.until("p", "ready", crate::world::is_ready).await;
        let door = door(&world).await;
        logs(&world, &door).await;
        exec(&world, &door).await;
        port_forward(&world, &door).await;
        let pods = door.pods().await.unwrap();
        assert_eq!(pods["items"][0]["metadata"]["name"], "p");
        assert!(
            door.metrics(client::door::NodeMetrics::Resource).await.unwrap().contains("container_start_time_seconds")
        );
        world
    });
}

/// From "another machine" to the node's agent.
async fn door(world: &World) -> RemoteDoor {
    let authority = Authority::new();
    let (certificate, key) = authority.agent(&["127.0.0.1"]);
    let tls = node::serve::tls(&authority.pem, Certificate::from_pem(&certificate, &key).unwrap()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(node::serve::serve(listener, tls, Arc::clone(&world.node) as Arc<_>, world.stop.clone()));
    RemoteDoor::new("n", address, &authority.credentials(authority.administrator()))
}

async fn logs(world: &World, door: &RemoteDoor) {
    let options = LogOptions { follow: true, ..LogOptions::default() };
    let mut log = door.logs(world.target("p", "main"), options).await.unwrap();
    assert_eq!(log.recv().await.unwrap().unwrap(), "up\n");
    let error = door.logs(world.target("p", "other"), LogOptions::default()).await.unwrap_err();
    assert_eq!(error.message(), "container other is not valid for pod p");
}

async fn exec(world: &World, door: &RemoteDoor) {
    let options = |command: &str| ExecOptions {
        command: vec!["sh".into(), "-c".into(), command.into()],
        stdin: true,
        stdout: true,
        ..ExecOptions::default()
    };
    let mut session = door.exec(world.target("p", "main"), options("cat; exit 5")).await.unwrap();
    session.stdin.take().unwrap().send("in".into()).await.unwrap();
    assert_eq!(session.stdout.as_mut().unwrap().recv().await.unwrap(), "in");
    assert_eq!(session.status.await.unwrap(), ExitStatus::Exited(5));

    // Who leaves ends what waits for his input.
    let mut session = door.exec(world.target("p", "main"), options("echo on; exec cat")).await.unwrap();
    assert_eq!(session.stdout.as_mut().unwrap().recv().await.unwrap(), "on\n");
    assert_ne!(world.exec("p", "pidof cat || echo none").await, "none\n");
    drop(session);
    let begun = Instant::now();
    while world.exec("p", "pidof cat || echo none").await != "none\n" {
        assert!(begun.elapsed() < Duration::from_secs(10), "a process without a client goes on");
    }
}

async fn port_forward(world: &World, door: &RemoteDoor) {
    let stream = door.port_forward(world.target("p", ""), 7007).await.unwrap();
    let (mut read, mut write) = tokio::io::split(stream);
    let sent: Vec<u8> = (0..10_u32 << 18).flat_map(u32::to_le_bytes).collect();
    let write = async {
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let mut got = Vec::new();
    let (count, ()) = tokio::join!(read.read_to_end(&mut got), write);
    assert_eq!(count.unwrap(), sent.len());
    assert!(got == sent, "something else came back");
}
