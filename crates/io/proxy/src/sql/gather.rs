//! A long answer is read in large pieces: to be woken for each of the small ones that a server writes costs more than
//! their bytes do.
//!
//! The kernel is asked to wake us for [`LOW_WATER`] bytes at a time (SO_RCVLOWAT, socket(7)). A timer fetches what is
//! there when a server is slower than that; one that is much slower is read as it writes again.

use super::stream::Stream;
use nix::sys::socket::setsockopt;
use nix::{libc, setsockopt_impl, sockopt_impl};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// Bytes of an answer that passed before it is called long.
pub const LONG: usize = 256 * 1024;

/// Bytes that are waited for.
const LOW_WATER: i32 = 128 * 1024;

/// How long. The end of a long answer may come as much later.
const WAIT: Duration = Duration::from_millis(1);

/// A piece below this was not worth waiting for.
pub const SMALL: usize = 16 * 1024;

sockopt_impl!(ReceiveLowWater, SetOnly, libc::SOL_SOCKET, libc::SO_RCVLOWAT, i32);

pub struct Gather {
    late: Pin<Box<Sleep>>,
    waits: bool,
}

impl Gather {
    /// None where the kernel does not do it: another stream than TCP.
    pub fn start(stream: &Stream) -> Option<Box<Self>> {
        set_low_water(stream, LOW_WATER)
            .then(|| Box::new(Self { late: Box::pin(tokio::time::sleep(WAIT)), waits: false }))
    }

    /// What has come meanwhile is told of at once by the kernel.
    pub fn stop(stream: &Stream) {
        set_low_water(stream, 1);
    }

    /// Ready when the bytes that are waited for are late.
    pub fn poll_late(&mut self, cx: &mut Context) -> Poll<()> {
        if !self.waits {
            self.waits = true;
            self.late.as_mut().reset(Instant::now() + WAIT);
        }
        ready!(self.late.as_mut().poll(cx));
        self.waits = false;
        Poll::Ready(())
    }

    /// They came.
    pub fn came(&mut self) {
        self.waits = false;
    }
}

fn set_low_water(stream: &Stream, bytes: i32) -> bool {
    match stream {
        Stream::Tcp(stream) => setsockopt(stream, ReceiveLowWater, &bytes).is_ok(),
        _ => false,
    }
}
