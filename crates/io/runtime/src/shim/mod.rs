//! The shim: one tiny single-threaded process per pod.
//!
//! It owns the pod's namespaces (by living in them), the containers' stdio, their logs and exit codes, and outlives
//! the agent. Started as `barque shim <folder of the pod>` with its listening socket as standard input.

pub(crate) mod client;
mod container;
mod create;
mod exec;
pub(crate) mod protocol;
mod server;
mod setup;
mod trim;

pub(crate) use create::LaunchFile;
pub(crate) use setup::ShimFile;

use std::io::Write;
use std::path::{Path, PathBuf};

/// Call first in `main`, before anything else: when the process was started as a shim, runs it and never returns.
pub fn maybe_run_helper() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|first| first != "shim") {
        return;
    }
    let (Some(folder), None) = (arguments.next(), arguments.next()) else { return };
    let code = match setup::become_shim(&PathBuf::from(&folder)) {
        Ok(server) => server.run(),
        Err(problem) => {
            let _ = std::fs::write(Path::new(&folder).join("shim.failed"), problem);
            1
        }
    };
    std::process::exit(code)
}

/// Replaces a file as a whole: readers see the old or the new contents, also after a crash when `durable`.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8], durable: bool) -> std::io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let mut file = std::fs::File::create(&name)?;
    file.write_all(bytes)?;
    if durable {
        file.sync_all()?;
    }
    drop(file);
    std::fs::rename(&name, path)?;
    if durable && let Some(folder) = path.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
