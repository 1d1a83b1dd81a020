//! Both ends of a link in one task, over a pipe.

use super::*;

/// Waits for the end of what the agent says on stdout, then for the status.
async fn read(mut stdout: mpsc::Receiver<Bytes>, status: oneshot::Receiver<ExitStatus>) -> (usize, ExitStatus) {
    let mut count = 0;
    while let Some(chunk) = stdout.recv().await {
        count += chunk.len();
    }
    (count, status.await.unwrap())
}

fn lanes_to_read() -> (Lanes, mpsc::Receiver<Bytes>) {
    let (sender, stdout) = mpsc::channel(1);
    (Lanes { incoming: vec![(Channel::Stdout, sender)], ..Lanes::default() }, stdout)
}

#[tokio::test]
async fn a_channel_ends_before_the_session() {
    let (near, far) = tokio::io::duplex(100);
    let (lanes, stdout) = lanes_to_read();
    let (told, status) = oneshot::channel();
    let (sender, output) = mpsc::channel(1);
    let (end, ended) = oneshot::channel();
    let agent = async {
        let lanes = Lanes { outgoing: vec![(Channel::Stdout, output)], ..Lanes::default() };
        serve(far, lanes, async { ended.await.unwrap() }).await
    };
    let process = async {
        sender.send(vec![1; 3 * frame::LARGEST].into()).await.unwrap();
        drop(sender);
    };
    let client = async {
        let mut stdout = stdout;
        let mut count = 0;
        while let Some(chunk) = stdout.recv().await {
            count += chunk.len();
        }
        end.send(ExitStatus::Exited(4)).unwrap();
        (count, status.await.unwrap())
    };
    let (served, (), (), got) = tokio::join!(agent, follow(near, lanes, told, "node"), process, client);
    served.unwrap();
    assert_eq!(got, (3 * frame::LARGEST, ExitStatus::Exited(4)));
}

#[tokio::test]
async fn who_sends_more_than_agreed_is_left() {
    let (near, mut far) = tokio::io::duplex(1000);
    let (lanes, stdout) = lanes_to_read();
    let (told, status) = oneshot::channel();
    let agent = async {
        let frame = Frame { channel: Channel::Stdout, bytes: "x".into() };
        // Nobody has taken anything yet, so nothing is allowed in addition.
        for _ in 0..=2 * WINDOW {
            if frame.write(&mut far).await.is_err() {
                return;
            }
        }
    };
    let client = async { (status.await.unwrap(), stdout) };
    let ((), (status, stdout)) = tokio::join!(agent, async {
        tokio::select! {
            biased;
            told = client => told,
            () = async { follow(near, lanes, told, "node").await; std::future::pending().await } => unreachable!(),
        }
    });
    let text = "the connection to node was lost: more than 32 frames in advance".to_owned();
    assert_eq!(status, ExitStatus::Failed(text));
    drop(stdout);
}

#[tokio::test]
async fn what_came_before_the_end_is_delivered_after_it() {
    let (near, mut far) = tokio::io::duplex(1000);
    let (lanes, stdout) = lanes_to_read();
    let (told, status) = oneshot::channel();
    let agent = async {
        for _ in 0..WINDOW {
            Frame { channel: Channel::Stdout, bytes: "x".into() }.write(&mut far).await.unwrap();
        }
        Frame::end(Channel::Stdout).write(&mut far).await.unwrap();
        Frame::status(&ExitStatus::Exited(0)).write(&mut far).await.unwrap();
        drop(far);
    };
    let ((), (), got) = tokio::join!(agent, follow(near, lanes, told, "node"), read(stdout, status));
    assert_eq!(got, (usize::from(WINDOW), ExitStatus::Exited(0)));
}
