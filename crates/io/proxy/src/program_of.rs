//! The rules that run over a stream: its frontend's, then its backend's.

use crate::frontend::Frontend;
use balance::program::Program;
use std::sync::Arc;

/// Taken when the stream begins, so that all of it runs by one configuration.
#[derive(Debug, Clone)]
pub struct Programs {
    pub front: Arc<Program>,
    /// None until a backend is chosen. Of a `listen`, the same as the front's: its rules run once.
    pub back: Option<Arc<Program>>,
}

impl Programs {
    pub fn of(frontend: &Frontend) -> Self {
        Self { front: frontend.program.load_full(), back: None }
    }

    /// The backend's rules where they are others than the frontend's.
    pub fn other(&self) -> Option<&Arc<Program>> {
        self.back.as_ref().filter(|back| !Arc::ptr_eq(back, &self.front))
    }

    /// What counts for the whole stream: the backend's, or the frontend's where there is no backend yet.
    pub fn inner(&self) -> &Arc<Program> {
        self.back.as_ref().unwrap_or(&self.front)
    }
}
