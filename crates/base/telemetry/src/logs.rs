//! Logs to stderr: one line an event, level by `BARQUE_LOG` (as in `info,node=debug`), default `info`.

use tracing_subscriber::EnvFilter;

/// The WireGuard crate calls it an error when a peer has had nothing to say for nine minutes.
const DEFAULT: &str = "info,defguard_boringtun=off";

/// Sets up logging for the process. Call once; a second call does nothing.
pub fn init() {
    let filter = EnvFilter::try_from_env("BARQUE_LOG").unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    // Only fails when a subscriber is set already.
    _ = subscriber.try_init();
}
