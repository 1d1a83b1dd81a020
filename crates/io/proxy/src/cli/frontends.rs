//! Frontends, as commands see and change them.

use super::View;
use crate::flow::calendar;
use crate::frontend::{Frontend, FrontendState as State};
use crate::process::stop::farewell;
use balance::cli::{FrontendChange, FrontendFacts, FrontendState, Frontends};
use balance::log::Level;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Workers close their sockets in far less, unless they are busy.
const CLOSING: Duration = Duration::from_millis(100);

impl View {
    fn find_frontend(&self, is_meant: impl Fn(&Frontend) -> bool) -> Option<Arc<Frontend>> {
        self.engine.running().frontends.iter().find(|frontend| is_meant(frontend)).cloned()
    }
}

impl View {
    /// To its log, and to whoever started us.
    fn tell(&self, frontend: &Frontend, text: &str) {
        let now = calendar(&self.engine, self.engine.now());
        frontend.log.load().send(Level::Warning, now, text.as_bytes());
        self.engine.logs.notice(balance::config::Level::Warning, text);
    }
}

impl Frontends for View {
    fn frontend(&self, name: &str) -> Option<FrontendFacts> {
        let id = name.strip_prefix('#').and_then(|id| id.parse::<u32>().ok());
        let found = self.find_frontend(|frontend| match id {
            Some(id) => frontend.id == id,
            None => frontend.name == name,
        })?;
        let state = match found.state() {
            State::Open => FrontendState::Listening,
            State::Paused => FrontendState::Disabled,
            State::Stopped => FrontendState::Stopped,
        };
        Some(FrontendFacts { id: found.id, state })
    }

    fn change_frontend(&self, id: u32, change: FrontendChange) -> Result<(), String> {
        let Some(frontend) = self.find_frontend(|frontend| frontend.id == id) else {
            return Err("No such frontend.".into());
        };
        match change {
            FrontendChange::Enable if frontend.resume() => {
                self.tell(&frontend, &format!("Resumed frontend {}.", frontend.name))
            }
            FrontendChange::Disable if frontend.pause() => {
                self.tell(&frontend, &format!("Paused frontend {}.", frontend.name))
            }
            FrontendChange::Enable | FrontendChange::Disable => {}
            FrontendChange::Shutdown => {
                frontend.stop();
                // Whoever reads the answer may rely on it.
                let deadline = Instant::now() + CLOSING;
                while !frontend.is_closed() && Instant::now() < deadline {
                    std::thread::sleep(Duration::from_millis(1));
                }
                self.tell(&frontend, &farewell(&self.engine.running(), &frontend.name));
            }
            FrontendChange::Maxconn(maxconn) => {
                frontend.maxconn.store(maxconn, Relaxed);
                // Who waits for a place may have one now.
                frontend.room.notify_waiters();
            }
        }
        Ok(())
    }
}
