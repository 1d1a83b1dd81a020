//! Lines on their way to the thread that sends them: one text, and where each line lies in it.

use super::Route;
use super::outlet::Outlet;
use balance::log::Level;
use balance::sample::Now;
use std::sync::Arc;

/// Bytes of text that wait at most. About ten thousand lines, a tenth of a second of a busy proxy: enough for a thread
/// that is late, and not worth mentioning in memory.
const MAX_BYTES: usize = 1 << 20;

/// What an empty batch may keep, so that one storm of lines is not paid for ever after.
const KEEP_BYTES: usize = 64 << 10;

#[derive(Default)]
pub struct Batch {
    text: Vec<u8>,
    lines: Vec<Line>,
}

struct Line {
    entry: Entry,
    /// Where the message ends and the structured data starts, and where that ends.
    message: usize,
    end: usize,
}

/// Where a line goes.
pub enum Entry {
    /// To all targets of a logger, framed as each wants it.
    Routed { route: Arc<Route>, level: Level, now: Now },
    /// As it is.
    Plain(Arc<Outlet>),
}

impl Entry {
    pub fn new(route: Arc<Route>, level: Level, now: Now) -> Self {
        Self::Routed { route, level, now }
    }

    pub fn plain(outlet: Arc<Outlet>) -> Self {
        Self::Plain(outlet)
    }
}

impl Batch {
    /// `false`: there is no room.
    pub fn push(&mut self, entry: Entry, message: &[u8], structured: &[u8]) -> bool {
        let lines = self.lines.len() * size_of::<Line>();
        if self.text.len() + lines + message.len() + structured.len() > MAX_BYTES {
            return false;
        }
        self.text.extend_from_slice(message);
        let message = self.text.len();
        self.text.extend_from_slice(structured);
        self.lines.push(Line { entry, message, end: self.text.len() });
        true
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Entry, message, structured data of each line.
    pub fn lines(&self) -> impl Iterator<Item = (&Entry, &[u8], &[u8])> {
        let starts = std::iter::once(0).chain(self.lines.iter().map(|line| line.end));
        starts
            .zip(&self.lines)
            .map(|(start, line)| (&line.entry, &self.text[start..line.message], &self.text[line.message..line.end]))
    }

    pub fn clear(&mut self) {
        self.text.clear();
        self.text.shrink_to(KEEP_BYTES);
        self.lines.clear();
        self.lines.shrink_to(KEEP_BYTES / size_of::<Line>());
    }
}
