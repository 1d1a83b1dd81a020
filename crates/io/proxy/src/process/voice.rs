//! Messages to the person who starts us, on standard error.

use balance::config::{Level, Problem};
use std::cell::Cell;

/// Speaks until we serve; after that, messages go the way of logs.
#[derive(Debug, Default)]
pub struct Voice {
    /// `-q`: says nothing at all.
    quiet: bool,
    /// `-dD`: says more.
    diagnose: bool,
    introduced: Cell<bool>,
}

impl Voice {
    pub fn new(quiet: bool, diagnose: bool) -> Self {
        Self { quiet, diagnose, introduced: Cell::new(false) }
    }

    pub fn say(&self, level: Level, text: &str) {
        self.show(&Problem::new(level, text));
    }

    /// Before the first message it is said who speaks.
    pub fn show(&self, problem: &Problem) {
        if self.quiet || (problem.level == Level::Diag && !self.diagnose) {
            return;
        }
        let pid = std::process::id();
        if !self.introduced.replace(true) {
            let program = std::env::current_exe().unwrap_or_default();
            let version = format!("haproxy version is {}", super::VERSION);
            let path = format!("path to executable is {}", program.display());
            for text in [version, path] {
                eprintln!("{}", Problem::new(Level::Notice, text).render(pid));
            }
        }
        eprintln!("{}", problem.render(pid));
    }

    pub fn show_all(&self, problems: &[Problem]) {
        problems.iter().for_each(|problem| self.show(problem));
    }
}
