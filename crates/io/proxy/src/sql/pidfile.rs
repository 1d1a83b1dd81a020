//! `pidfile`: the process id, for whoever sends signals by it.

use std::path::{Path, PathBuf};

/// There as long as this is.
pub struct PidFile(PathBuf);

impl PidFile {
    /// # Errors
    /// Why it cannot be written, in words.
    pub fn write(path: &Path) -> Result<Self, String> {
        let text = format!("{}\n", std::process::id());
        stdx::atomic_file::write_atomically(path, text.as_bytes(), 0o644)
            .map_err(|error| format!("pidfile {}: {error}", path.display()))?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Gone already is as good.
        _ = std::fs::remove_file(&self.0);
    }
}
