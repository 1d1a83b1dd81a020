//! Agents that are gone, or go while something is going on.

use crate::fake::ECHO;
use crate::world::{World, run, soon, target};
use apimachinery::Reason;
use client::door::{ExitStatus, LogOptions, NodeDoor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_node_without_agent_cannot_be_reached() {
    let world = World::new().await;
    // Nobody listens there any more.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let credentials = world.authority.credentials(world.authority.administrator());
    let door = client::door::RemoteDoor::new("w1", free, &credentials);
    let error = soon(door.check()).await.unwrap_err();
    assert_eq!(error.reason(), Reason::ServiceUnavailable);
    assert_eq!(error.message(), format!("node \"w1\" cannot be reached at {free}: Connection refused (os error 111)"));
}

#[tokio::test]
async fn a_session_fails_with_its_agent() {
    let world = World::new().await;
    let session = soon(world.door().exec(target(), run("cat"))).await.unwrap();
    let (stdin, mut stdout) = (session.stdin.unwrap(), session.stdout.unwrap());
    stdin.send("hello".into()).await.unwrap();
    assert_eq!(soon(stdout.recv()).await.unwrap(), "hello");
    world.stop.cancel();
    assert_eq!(soon(stdout.recv()).await, None);
    soon(stdin.closed()).await;
    let Ok(ExitStatus::Failed(text)) = soon(session.status).await else { panic!("it cannot have ended well") };
    let start = format!("the connection to node \"w1\" at {} was lost: ", world.address);
    assert!(text.starts_with(&start), "{text}");
    // The process is let go too.
    world.fake.was_left().await;
}

/// Its output has not been read, so nobody is at the wire but the link itself.
#[tokio::test]
async fn a_session_that_is_held_up_fails_too() {
    let world = World::new().await;
    let session = soon(world.door().exec(target(), run("flood"))).await.unwrap();
    let stdin = session.stdin.unwrap();
    stdin.send("x".into()).await.unwrap();
    assert_eq!(soon(session.stderr.unwrap().recv()).await.unwrap(), "x");
    world.stop.cancel();
    assert!(matches!(soon(session.status).await, Ok(ExitStatus::Failed(_))));
    drop(session.stdout);
}

#[tokio::test]
async fn a_port_stream_fails_with_its_agent() {
    let world = World::new().await;
    let mut stream = soon(world.door().port_forward(target(), ECHO)).await.unwrap();
    stream.write_all(b"ab").await.unwrap();
    let mut got = [0; 2];
    soon(stream.read_exact(&mut got)).await.unwrap();
    world.stop.cancel();
    let error = soon(stream.read_u8()).await.unwrap_err();
    assert!(error.to_string().contains("was lost"), "{error}");
}

#[tokio::test]
async fn a_log_breaks_off_with_its_agent() {
    let world = World::new().await;
    let options = LogOptions { follow: true, tail_lines: Some(2), ..LogOptions::default() };
    let mut log = soon(world.door().logs(target(), options)).await.unwrap();
    let writer = world.fake.log.lock().unwrap().take().unwrap();
    writer.send(Ok("one\n".into())).await.unwrap();
    soon(log.recv()).await.unwrap().unwrap();
    world.stop.cancel();
    let error = soon(log.recv()).await.unwrap().unwrap_err();
    assert!(error.to_string().starts_with("the log from node \"w1\" at 127.0.0.1:"), "{error}");
}
