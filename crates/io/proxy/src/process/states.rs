//! States of servers from before this process: `server-state-file`, `load-server-state-from-file`.

use crate::backend::Backend;
use crate::checks;
use crate::engine::Engine;
use balance::config::Files;
use balance::config::model::{Global, Port, Proxy};
use balance::server_state::{self, Saved, Wrong};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Brings all servers whose backends ask for it into the state they had. What cannot be read is only a warning.
pub fn restore(engine: &Arc<Engine>, files: &dyn Files) -> Vec<String> {
    let running = engine.running();
    let global = &running.config.global;
    let mut warnings = vec![];
    for backend in &running.backends {
        let proxy = backend.config.load();
        match saved(global, &proxy, files) {
            Ok(all) => all.iter().filter(|saved| saved.backend == backend.name).for_each(|saved| {
                restore_one(engine, backend, saved);
            }),
            Err(warning) if warnings.contains(&warning) => {}
            Err(warning) => warnings.push(warning),
        }
    }
    warnings
}

fn saved(global: &Global, proxy: &Proxy, files: &dyn Files) -> Result<Vec<Saved>, String> {
    match proxy.load_server_state.as_deref() {
        Some("global") => {
            let path = global.server_state_file.as_ref().ok_or_else(|| {
                format!(
                    "config : backend '{}' configured to load server state file from global section \
                     'server-state-file' directive. Unfortunately, 'server-state-file' is not set!",
                    proxy.name
                )
            })?;
            let path = below(global, path);
            let shown = path.display();
            let text = files.read(&path).map_err(|reason| {
                format!("config : config: Can't open global server state file '{shown}': {reason}")
            })?;
            parse(&text).map_err(|wrong| match wrong {
                Wrong::NoVersion => {
                    format!("config : config: Can't get version of the global server state file '{shown}'.")
                }
                Wrong::Corrupted(line) => {
                    format!("config : config: corrupted global server state file '{shown}' at line {line}.")
                }
            })
        }
        Some("local") => {
            let name = proxy.server_state_file_name.as_ref().unwrap_or(&proxy.name);
            let (path, proxy) = (below(global, Path::new(name)), &proxy.name);
            let shown = path.display();
            let text = files.read(&path).map_err(|reason| {
                format!("config : Proxy '{proxy}': Can't open server state file '{shown}': {reason}.")
            })?;
            parse(&text).map_err(|wrong| match wrong {
                Wrong::NoVersion => {
                    format!("config : Proxy '{proxy}': Can't get version of the server state file '{shown}'.")
                }
                Wrong::Corrupted(line) => {
                    format!("config : Proxy '{proxy}': corrupted server state file '{shown}' at line {line}.")
                }
            })
        }
        _ => Ok(vec![]),
    }
}

fn below(global: &Global, path: &Path) -> PathBuf {
    global.server_state_base.as_ref().map_or_else(|| path.to_owned(), |base| base.join(path))
}

fn parse(text: &[u8]) -> Result<Vec<Saved>, Wrong> {
    server_state::parse(&String::from_utf8_lossy(text))
}

fn restore_one(engine: &Arc<Engine>, backend: &Arc<Backend>, saved: &Saved) {
    let Some(server) = backend.server(&saved.server) else { return };
    let restoration = saved.restoration(&server.config.load());
    if restoration.address.is_some() {
        server.set_address(restoration.address);
    }
    if let Some(port) = restoration.port
        && matches!(server.port(), Port::Fixed(_))
    {
        server.set_port(Port::Fixed(port));
    }
    checks::change(engine, backend, &server, |health, now| {
        let mut effects = vec![];
        effects.extend(restoration.weight.map(|weight| health.set_weight(now, weight)).unwrap_or_default());
        effects.extend(restoration.health.map(|down| health.force_health(now, down)).unwrap_or_default());
        effects.extend(restoration.wish.map(|wish| health.wish(now, wish)).unwrap_or_default());
        effects
    });
}
