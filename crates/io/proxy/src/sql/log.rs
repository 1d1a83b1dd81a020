//! What a person should know, on standard error and in `errorlog` where the file names one: time, level, words.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

fn line(level: &str, text: &str) {
    let now = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
    let line = format!("{now} [{level}] {text}");
    eprintln!("{line}");
    if let Some((_, file)) = ERRORLOG.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        // A full disk must not end the proxy; standard error has the line.
        _ = writeln!(file, "{line}");
    }
}

static ERRORLOG: Mutex<Option<(PathBuf, File)>> = Mutex::new(None);

/// Lines go to the end of this file too, from now on.
///
/// # Errors
/// Why it cannot be written, in words.
pub fn also_to(path: &Path) -> Result<(), String> {
    let file = File::options().append(true).create(true).open(path);
    let file =
        file.map_err(|error| format!("errorlog {}: {error}; lines go to standard error only", path.display()))?;
    *ERRORLOG.lock().unwrap_or_else(PoisonError::into_inner) = Some((path.to_owned(), file));
    Ok(())
}

/// `PROXYSQL FLUSH LOGS`: the file is opened anew, after whoever rotates it has moved the old one away.
///
/// # Errors
/// As [`also_to`]; lines go on to the old file then.
pub fn reopen() -> Result<(), String> {
    let path = ERRORLOG.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(path, _)| path.clone());
    path.map_or(Ok(()), |path| also_to(&path))
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
