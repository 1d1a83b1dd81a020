//! Frontends, as commands see and change them.

use super::View;
use crate::frontend::{Frontend, FrontendState as State};
use balance::cli::{FrontendChange, FrontendFacts, FrontendState, Frontends};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

impl View {
    fn find_frontend(&self, is_meant: impl Fn(&Frontend) -> bool) -> Option<Arc<Frontend>> {
        self.engine.running().frontends.iter().find(|frontend| is_meant(frontend)).cloned()
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
            FrontendChange::Enable => _ = frontend.resume(),
            FrontendChange::Disable => _ = frontend.pause(),
            FrontendChange::Shutdown => frontend.stop(),
            FrontendChange::Maxconn(maxconn) => {
                frontend.maxconn.store(maxconn, Relaxed);
                // Who waits for a place may have one now.
                frontend.room.notify_waiters();
            }
        }
        Ok(())
    }
}
