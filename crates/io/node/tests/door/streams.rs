//! Logs, exec and port-forward from one end to the other.

use crate::fake::{BREAKS, DEAF, ECHO, LATE_ECHO};
use crate::world::{World, run, soon, target};
use bytes::Bytes;
use client::door::{ExecOptions, ExitStatus, LogOptions, NodeDoor, NodeMetrics, TerminalSize};
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

/// More than all windows and buffers on the way hold.
const MUCH: usize = 10 << 20;

/// Different everywhere, so that nothing can be lost or change places unnoticed.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

async fn collect(mut from: mpsc::Receiver<Bytes>) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(chunk) = from.recv().await {
        all.extend_from_slice(&chunk);
    }
    all
}

#[tokio::test]
async fn a_log_is_followed_until_the_reader_leaves() {
    let world = World::new().await;
    let options = LogOptions { follow: true, tail_lines: Some(2), ..LogOptions::default() };
    let mut log = soon(world.door().logs(target(), options)).await.unwrap();
    let writer = world.fake.log.lock().unwrap().take().unwrap();
    for line in ["one\n", "two\n"] {
        writer.send(Ok(line.into())).await.unwrap();
        assert_eq!(soon(log.recv()).await.unwrap().unwrap(), line);
    }
    drop(log);
    soon(writer.closed()).await;
}

#[tokio::test]
async fn a_log_ends_or_breaks_off() {
    let world = World::new().await;
    for breaks in [false, true] {
        let options = LogOptions { follow: true, tail_lines: Some(2), ..LogOptions::default() };
        let mut log = soon(world.door().logs(target(), options)).await.unwrap();
        let writer = world.fake.log.lock().unwrap().take().unwrap();
        writer.send(Ok("one\n".into())).await.unwrap();
        assert_eq!(soon(log.recv()).await.unwrap().unwrap(), "one\n");
        if breaks {
            writer.send(Err(std::io::Error::other("disk gone"))).await.unwrap();
        }
        drop(writer);
        match soon(log.recv()).await {
            None => assert!(!breaks),
            Some(end) => assert!(breaks && end.unwrap_err().to_string().contains("node \"w1\" at 127.0.0.1")),
        }
    }
}

#[tokio::test]
async fn a_process_gets_all_input_and_its_end() {
    let world = World::new().await;
    let session = soon(world.door().exec(target(), run("cat"))).await.unwrap();
    let (stdin, sent) = (session.stdin.unwrap(), pattern(MUCH));
    let chunks: Vec<Bytes> = sent.chunks(100_000).map(Bytes::copy_from_slice).collect();
    let feed = async move {
        for chunk in chunks {
            stdin.send(chunk).await.unwrap();
        }
    };
    let (got, errors, ()) =
        soon(async { tokio::join!(collect(session.stdout.unwrap()), collect(session.stderr.unwrap()), feed) }).await;
    assert!(got == sent, "{} bytes of {}", got.len(), sent.len());
    assert!(errors.is_empty());
    assert_eq!(soon(session.status).await, Ok(ExitStatus::Exited(0)));
}

#[tokio::test]
async fn streams_are_kept_apart_and_the_code_is_told() {
    let world = World::new().await;
    let session = soon(world.door().exec(target(), run("both"))).await.unwrap();
    let ends = async { tokio::join!(collect(session.stdout.unwrap()), collect(session.stderr.unwrap())) };
    assert_eq!(soon(ends).await, (b"out".to_vec(), b"err".to_vec()));
    assert_eq!(soon(session.status).await, Ok(ExitStatus::Exited(3)));
}

#[tokio::test]
async fn what_was_written_before_a_failure_arrives() {
    let world = World::new().await;
    let session = soon(world.door().exec(target(), run("nonsense"))).await.unwrap();
    assert_eq!(soon(collect(session.stdout.unwrap())).await, b"last words");
    let expected = ExitStatus::Failed("no such program \"nonsense\"".to_owned());
    assert_eq!(soon(session.status).await, Ok(expected));
}

#[tokio::test]
async fn terminals_are_resized() {
    let world = World::new().await;
    let options = ExecOptions { tty: true, stderr: false, ..run("size") };
    let session = soon(world.door().exec(target(), options)).await.unwrap();
    assert!(session.stderr.is_none());
    session.resize.unwrap().send(TerminalSize { columns: 132, rows: 43 }).await.unwrap();
    assert_eq!(soon(collect(session.stdout.unwrap())).await, b"132x43");
    assert_eq!(soon(session.status).await, Ok(ExitStatus::Exited(0)));
}

#[tokio::test]
async fn a_process_may_close_its_input() {
    let world = World::new().await;
    let options = ExecOptions { tty: true, ..run("close") };
    let session = soon(world.door().exec(target(), options)).await.unwrap();
    soon(session.stdin.unwrap().closed()).await;
    session.resize.unwrap().send(TerminalSize { columns: 1, rows: 1 }).await.unwrap();
    assert_eq!(soon(session.status).await, Ok(ExitStatus::Exited(0)));
}

#[tokio::test]
async fn a_reader_that_stops_holds_up_only_its_own_stream() {
    let world = World::new().await;
    let door = world.door();
    let session = soon(door.exec(target(), run("flood"))).await.unwrap();
    let (stdin, mut stdout, mut stderr) = (session.stdin.unwrap(), session.stdout.unwrap(), session.stderr.unwrap());
    let mut before = 0;
    for round in 0_u32.. {
        stdin.send(round.to_string().into()).await.unwrap();
        assert_eq!(soon(stderr.recv()).await.unwrap(), round.to_string());
        let now = world.fake.flooded.load(Ordering::SeqCst);
        if now == before && now > 0 {
            break;
        }
        before = now;
    }
    for _ in 0..20 {
        soon(door.check()).await.unwrap();
    }
    let held = world.fake.flooded.load(Ordering::SeqCst);
    assert!(held <= 2 << 20, "{held} bytes wait for a reader");
    let mut got = 0;
    while got < MUCH {
        got += soon(stdout.recv()).await.unwrap().len();
    }
    // Dropped, it ends; and so does the process, which writes to nobody.
    drop(stdout);
    drop(stdin);
    assert_eq!(soon(session.status).await, Ok(ExitStatus::Exited(0)));
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_session() {
    let world = World::new().await;
    let session = soon(world.door().exec(target(), run("deaf"))).await.unwrap();
    let stdin = session.stdin.as_ref().unwrap();
    let mut fed = 0;
    // Until nothing more goes in for as long as another session needs from beginning to end.
    loop {
        tokio::select! {
            biased;
            sent = stdin.send(vec![1; 64 << 10].into()) => sent.map(|()| fed += 64 << 10).unwrap(),
            other = async { soon(world.door().exec(target(), run("both"))).await.unwrap().status.await } => {
                assert_eq!(other, Ok(ExitStatus::Exited(3)));
                break;
            }
        }
    }
    assert!(fed <= 4 << 20, "{fed} bytes wait for a process that does not read");
    drop(session);
    world.fake.was_left().await;
}

#[tokio::test]
async fn a_port_both_ways_with_half_close() {
    let world = World::new().await;
    for port in [ECHO, LATE_ECHO] {
        let stream = soon(world.door().port_forward(target(), port)).await.unwrap();
        let (mut read, mut write) = tokio::io::split(stream);
        let sent = pattern(MUCH);
        let write = async {
            write.write_all(&sent).await.unwrap();
            write.shutdown().await.unwrap();
        };
        let mut got = Vec::new();
        let (count, ()) = soon(async { tokio::join!(read.read_to_end(&mut got), write) }).await;
        assert_eq!(count.unwrap(), MUCH);
        assert!(got == sent, "port {port} sends something else back");
    }
}

#[tokio::test]
async fn a_port_that_breaks_does_not_seem_to_end() {
    let world = World::new().await;
    let mut stream = soon(world.door().port_forward(target(), BREAKS)).await.unwrap();
    let mut got = Vec::new();
    let error = soon(stream.read_to_end(&mut got)).await.unwrap_err();
    assert_eq!((got, error.to_string()), (b"half".to_vec(), "connection reset by peer".to_owned()));
}

#[tokio::test]
async fn a_port_stream_that_is_dropped_is_closed() {
    let world = World::new().await;
    let mut stream = soon(world.door().port_forward(target(), DEAF)).await.unwrap();
    stream.write_all(&pattern(100_000)).await.unwrap();
    assert_eq!(soon(stream.read_u8()).await.unwrap(), b'?');
    drop(stream);
    world.fake.was_left().await;
}

#[tokio::test]
async fn documents() {
    let world = World::new().await;
    let door = world.door();
    assert_eq!(soon(door.stats()).await.unwrap()["node"]["nodeName"], "w1");
    assert_eq!(soon(door.pods()).await.unwrap()["kind"], "PodList");
    for of in [NodeMetrics::Agent, NodeMetrics::Cadvisor, NodeMetrics::Resource] {
        assert_eq!(soon(door.metrics(of)).await.unwrap(), format!("of_{of:?} 1\n"));
    }
    soon(door.check()).await.unwrap();
}
