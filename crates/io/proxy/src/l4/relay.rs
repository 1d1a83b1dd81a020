//! Both directions between a client and a server, until both have ended, one breaks, or time is up.

use super::direction::{Broken, Direction, Side};
use crate::live::{Live, Signal};
use crate::stream::Stream;
use crate::wheel::{Ms, NEVER};
use crate::worker::Worker;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

/// How long each side may be silent, in milliseconds; [`NEVER`] is forever.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    pub client: Ms,
    pub server: Ms,
    /// After the client has said all (`timeout client-fin`).
    pub client_fin: Ms,
    /// After the server has said all (`timeout server-fin`).
    pub server_fin: Ms,
}

/// Bytes of both directions, and whether each has ended: any change is a sign of life.
type Progress = (u64, u64, bool, bool);

/// How a relay ended.
#[derive(Debug)]
pub enum End {
    /// Both sides said that they had finished.
    Clean,
    /// A side broke the connection.
    Broken(Side, io::Error),
    /// A side was silent for too long.
    Expired(Side),
    Signal(Signal),
}

/// What is between two connections.
pub struct Relay<'a> {
    pub worker: &'a Worker,
    pub live: &'a Live,
    pub client: &'a mut Stream,
    pub server: &'a mut Stream,
    pub timeouts: Timeouts,
    /// From client to server.
    pub up: Direction,
    pub down: Direction,
    /// The side that was silent for too long: it counts as having said all, and the other may still answer.
    pub expired: Option<Side>,
}

impl Relay<'_> {
    pub async fn run(&mut self) -> End {
        let mut moved = None;
        let end = poll_fn(|cx| self.poll(cx, &mut moved)).await;
        self.up.close_pipe(self.worker);
        self.down.close_pipe(self.worker);
        end
    }

    fn poll(&mut self, cx: &mut Context<'_>, moved: &mut Option<Progress>) -> Poll<End> {
        match self.live.poll_signal(cx) {
            // Seen below: what has just come counts as in time.
            None | Some(Signal::Expired) => {}
            Some(signal) => return Poll::Ready(End::Signal(signal)),
        }
        let up = self.up.poll(cx, self.worker, self.client, self.server);
        if let Poll::Ready(Err(broken)) = up {
            return Poll::Ready(ended(broken, Side::Client, Side::Server));
        }
        let down = self.down.poll(cx, self.worker, self.server, self.client);
        if let Poll::Ready(Err(broken)) = down {
            return Poll::Ready(ended(broken, Side::Server, Side::Client));
        }
        if up.is_ready() && down.is_ready() {
            return Poll::Ready(self.expired.map_or(End::Clean, End::Expired));
        }
        match self.poll_time(cx, moved) {
            Poll::Ready(End::Expired(side)) if self.expired.is_none() && self.end_reading(side) => {
                self.expired = Some(side);
                *moved = None;
                self.poll(cx, moved)
            }
            Poll::Ready(End::Expired(side)) => Poll::Ready(End::Expired(self.expired.unwrap_or(side))),
            other => other,
        }
    }

    /// As if this side had said all. Whether it had not, nothing of it waits, and the other side has time left.
    fn end_reading(&mut self, side: Side) -> bool {
        if self.patience(Side::Client) == self.patience(Side::Server) {
            return false;
        }
        let direction = match side {
            Side::Client => &mut self.up,
            Side::Server => &mut self.down,
        };
        !direction.is_blocked() && direction.end_reading()
    }

    /// Each byte on a side is a sign of life of it, whoever sent it.
    fn poll_time(&mut self, cx: &Context<'_>, moved: &mut Option<Progress>) -> Poll<End> {
        let progress = Some((self.up.bytes, self.down.bytes, self.up.is_read(), self.down.is_read()));
        if *moved == progress && self.live.poll_signal(cx) == Some(Signal::Expired) {
            return Poll::Ready(End::Expired(self.slower()));
        }
        if *moved != progress {
            *moved = progress;
            self.live.bytes_in.set(self.up.bytes);
            self.live.bytes_out.set(self.down.bytes);
            let patience = self.patience(Side::Client).min(self.patience(Side::Server));
            if patience != NEVER {
                self.live.deadline(self.worker, self.worker.now() + patience);
            }
        }
        Poll::Pending
    }

    /// The side that is given up first. Of equals the client, as HAProxy does; unless it is the server that takes
    /// nothing more.
    fn slower(&self) -> Side {
        let (client, server) = (self.patience(Side::Client), self.patience(Side::Server));
        if server < client || (server == client && self.up.is_blocked() && !self.down.is_blocked()) {
            Side::Server
        } else {
            Side::Client
        }
    }

    fn patience(&self, side: Side) -> Ms {
        let (usual, fin, has_said_all) = match side {
            Side::Client => (self.timeouts.client, self.timeouts.client_fin, self.up.is_read()),
            Side::Server => (self.timeouts.server, self.timeouts.server_fin, self.down.is_read()),
        };
        if has_said_all && fin != NEVER { fin } else { usual }
    }
}

fn ended(broken: Broken, read: Side, written: Side) -> End {
    match broken {
        Broken::Read(error) => End::Broken(read, error),
        Broken::Write(error) => End::Broken(written, error),
    }
}
