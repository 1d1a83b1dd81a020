//! A program on a terminal that is not there: tmux keeps its screen, and presses keys.

use crate::run::{run, wait_for};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Ended when dropped.
pub struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    /// Runs a command line on a screen of this size.
    pub fn start(folder: &Path, columns: usize, rows: usize, command: &str) -> Self {
        let terminal = Self { socket: folder.join("tmux.sock") };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let new = ["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, command];
        run(terminal.tmux().args(new)).expect_ok();
        terminal
    }

    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).env("TERM", "screen").env("LC_ALL", "C.UTF-8");
        command
    }

    pub fn press(&self, key: &str) {
        run(self.tmux().args(["send-keys", key])).expect_ok();
    }

    pub fn type_text(&self, text: &str) {
        run(self.tmux().args(["send-keys", "-l", text])).expect_ok();
    }

    pub fn screen(&self) -> String {
        run(self.tmux().args(["capture-pane", "-p"])).expect_ok()
    }

    /// Lines that begin in reverse colours, from 0.
    pub fn reversed_lines(&self) -> Vec<usize> {
        let screen = run(self.tmux().args(["capture-pane", "-p", "-e"])).expect_ok();
        let lines = screen.lines().enumerate();
        lines.filter(|(_, line)| line.contains("\u{1b}[7m")).map(|(number, _)| number).collect()
    }

    #[track_caller]
    pub fn wait_for_screen(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        wait_for(what, Duration::from_secs(20), || {
            let screen = self.screen();
            if is_there(&screen) { Ok(screen) } else { Err(screen) }
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // With its last session the server ends, and the program with it.
        _ = run(self.tmux().arg("kill-server"));
    }
}
