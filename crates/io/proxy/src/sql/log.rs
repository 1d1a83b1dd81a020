//! What a person should know, on standard error: time, level, words.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

fn line(level: &str, text: &str) {
    let now = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
    eprintln!("{now} [{level}] {text}");
}

pub fn info(text: &str) {
    line("INFO", text);
}

pub fn warn(text: &str) {
    line("WARNING", text);
}

pub fn error(text: &str) {
    line("ERROR", text);
}

/// Statements that `mysql-safe_routing=warn` lets through.
pub static UNSAFE: Rarely = Rarely::new();

/// What would fill a log is said once a second, with how often it was so since.
pub struct Rarely {
    said: AtomicU64,
    unsaid: AtomicU64,
}

impl Rarely {
    const fn new() -> Self {
        Self { said: AtomicU64::new(0), unsaid: AtomicU64::new(0) }
    }

    /// What to add to the line, if one may be written now.
    pub fn may_say(&self) -> Option<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if self.said.swap(now, Relaxed) == now {
            self.unsaid.fetch_add(1, Relaxed);
            return None;
        }
        match self.unsaid.swap(0, Relaxed) {
            0 => Some(String::new()),
            more => Some(format!("; {more} more since the last line")),
        }
    }
}
