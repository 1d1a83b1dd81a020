//! What a health check says to a server and how it reads the answer: one file per kind, bytes in, verdict out.
//!
//! A backend's check is a list of rules, whatever its kind: connect, send, expect. [`Dialogue`] walks along it.

mod server;

pub use server::{AgentCheck, InitAddr, Observe, OnError, ServerCheck};

/// What a backend's checks do beyond connecting.
#[derive(Debug, Clone, Default)]
pub struct Check {
    kind: Kind,
    /// `option log-health-checks`
    pub log_health_checks: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Kind {
    /// Connect only.
    #[default]
    None,
}

/// `option <name> <args>`; false if it is no option of checks.
pub fn parse_option(name: &str, _args: &[String], check: &mut Check) -> Result<bool, String> {
    match name {
        "log-health-checks" => check.log_health_checks = true,
        _ => return Ok(false),
    }
    Ok(true)
}

/// `no option <name>`; false if it is no option of checks.
pub fn negate_option(name: &str, check: &mut Check) -> bool {
    match name {
        "log-health-checks" => check.log_health_checks = false,
        _ => return false,
    }
    true
}

/// `http-check <args>`
pub fn parse_http_check(args: &[String], check: &mut Check) -> Result<(), String> {
    let _ = &check.kind;
    Err(format!("'http-check {}' is not understood", args.join(" ")))
}

/// `tcp-check <args>`
pub fn parse_tcp_check(args: &[String], check: &mut Check) -> Result<(), String> {
    let _ = &check.kind;
    Err(format!("'tcp-check {}' is not understood", args.join(" ")))
}
