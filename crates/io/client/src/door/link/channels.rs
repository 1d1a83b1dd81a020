//! The channels of one end of a link: what flows out within its window, what came in and waits for its taker.

use super::frame::{Channel, Frame, LARGEST, strange};
use super::{Lanes, WINDOW};
use bytes::{Bytes, BytesMut};
use futures_util::future::{BoxFuture, Fuse, FutureExt, join_all};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// All of them, and their work: futures, so that dropping them ends everything.
pub struct Ends {
    pub queues: Queues,
    pub windows: Windows,
    /// Done when every outgoing channel has ended.
    pub pumps: BoxFuture<'static, ()>,
    /// Done when every incoming channel has ended and been taken.
    pub deliveries: Fuse<BoxFuture<'static, ()>>,
    /// Ends outgoing channels once what they hold is sent.
    pub broken: CancellationToken,
}

/// Frames that came in. An ended channel is not there.
#[derive(Default)]
pub struct Queues(BTreeMap<Channel, mpsc::Sender<Bytes>>);

/// What outgoing channels may send.
#[derive(Default)]
pub struct Windows(BTreeMap<Channel, Arc<Window>>);

pub struct Window {
    frames: Semaphore,
    /// The other side wants no more.
    refused: CancellationToken,
}

impl Ends {
    pub fn new(lanes: Lanes, frames: &mpsc::Sender<Frame>) -> Self {
        let broken = CancellationToken::new();
        let (mut queues, mut windows) = (Queues::default(), Windows::default());
        let (mut pumps, mut deliveries) = (Vec::new(), Vec::new());
        for (channel, from) in lanes.outgoing {
            let window = Arc::new(Window { frames: Semaphore::new(WINDOW.into()), refused: CancellationToken::new() });
            windows.0.insert(channel, Arc::clone(&window));
            let pump = Pump { channel, window: Arc::clone(&window), frames: frames.clone(), broken: broken.clone() };
            pumps.push(async move { _ = window.refused.run_until_cancelled(pump.run(from)).await });
        }
        for (channel, to) in lanes.incoming {
            let (sender, queue) = mpsc::channel(WINDOW.into());
            queues.0.insert(channel, sender);
            deliveries.push(deliver(channel, queue, to, frames.clone()));
        }
        let pumps = join_all(pumps).map(|_| ()).boxed();
        let deliveries = join_all(deliveries).map(|_| ()).boxed().fuse();
        Self { queues, windows, pumps, deliveries, broken }
    }
}

impl Queues {
    /// # Errors
    /// If the sender does not keep to its window.
    pub fn put(&mut self, frame: Frame) -> io::Result<()> {
        if frame.bytes.is_empty() {
            self.0.remove(&frame.channel);
            return Ok(());
        }
        // Who has stopped to take it has told the sender so; that word is still on its way.
        let Some(queue) = self.0.get(&frame.channel) else { return Ok(()) };
        match queue.try_send(frame.bytes) {
            Err(TrySendError::Full(_)) => Err(strange(format!("more than {WINDOW} frames in advance"))),
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
        }
    }
}

impl Windows {
    /// # Errors
    /// If it would become wider than it was in the beginning.
    pub fn widen(&self, channel: Channel, count: u8) -> io::Result<()> {
        let Some(window) = self.0.get(&channel) else { return Ok(()) };
        if count == 0 {
            window.refused.cancel();
        } else if window.frames.available_permits() + usize::from(count) > usize::from(WINDOW) {
            return Err(strange("a window wider than agreed"));
        }
        window.frames.add_permits(count.into());
        Ok(())
    }
}

/// An outgoing channel.
struct Pump {
    channel: Channel,
    window: Arc<Window>,
    frames: mpsc::Sender<Frame>,
    broken: CancellationToken,
}

impl Pump {
    async fn run(self, mut from: mpsc::Receiver<Bytes>) {
        loop {
            let next = tokio::select! {
                biased;
                next = from.recv() => next,
                () = self.broken.cancelled() => return,
            };
            let Some(chunk) = next else { break };
            let mut chunk = self.with_followers(chunk, &mut from);
            while !chunk.is_empty() {
                let piece = chunk.split_to(chunk.len().min(LARGEST));
                // Nobody closes it.
                let Ok(permit) = self.window.frames.acquire().await else { return };
                permit.forget();
                if self.frames.send(Frame { channel: self.channel, bytes: piece }).await.is_err() {
                    return;
                }
            }
        }
        // What failed has dropped its sender too, but has not come to its end.
        if self.broken.is_cancelled() {
            return;
        }
        // If the connection is gone there is nobody to be told.
        _ = self.frames.send(Frame::end(self.channel)).await;
    }

    /// Small chunks that wait together travel together: the window counts frames.
    fn with_followers(&self, first: Bytes, from: &mut mpsc::Receiver<Bytes>) -> Bytes {
        if first.len() > LARGEST / 2 || from.is_empty() || self.channel == Channel::Resize {
            return first;
        }
        let mut joined = BytesMut::from(&first[..]);
        while joined.len() <= LARGEST / 2
            && let Ok(next) = from.try_recv()
        {
            joined.extend_from_slice(&next);
        }
        joined.freeze()
    }
}

/// An incoming channel: room for a frame more is given when one has been taken.
async fn deliver(
    channel: Channel,
    mut queue: mpsc::Receiver<Bytes>,
    to: mpsc::Sender<Bytes>,
    frames: mpsc::Sender<Frame>,
) {
    loop {
        let chunk = tokio::select! {
            chunk = queue.recv() => chunk,
            () = to.closed() => break,
        };
        let Some(chunk) = chunk else { return };
        if to.send(chunk).await.is_err() {
            break;
        }
        // After the connection's end what came before is still delivered.
        _ = frames.send(Frame::window(channel, 1)).await;
    }
    drop(queue);
    _ = frames.send(Frame::window(channel, 0)).await;
}
