//! What is looked at before `init` or `join` touches a machine. Each check has kubeadm's name where kubeadm has it, so that
//! `--ignore-preflight-errors` takes what people know.
//!
//! Upstream: `cmd/kubeadm/app/preflight/checks.go`.

mod checks;
mod facts;

pub use facts::Facts;

use std::net::IpAddr;
use std::path::PathBuf;

/// What the machine is to become.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub control_plane: bool,
    /// An etcd member will run here.
    pub etcd: bool,
    pub node_name: String,
    pub address: IpAddr,
    /// Of the API server.
    pub port: u16,
    pub local_api_port: u16,
    pub etcd_dir: PathBuf,
    pub config_dir: PathBuf,
}

/// Something that would fail later, in worse words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The check's name, as `--ignore-preflight-errors` takes it.
    pub check: String,
    pub cause: String,
    pub cure: String,
}

#[derive(Debug, thiserror::Error)]
#[error("{}", text(.0))]
pub struct PreflightError(pub Vec<Problem>);

/// Looks at everything. Problems whose check is ignored (`all` stands for each, case does not matter) are returned as
/// warnings.
///
/// # Errors
/// All other problems at once: nobody wants to learn of them one by one.
pub fn run(facts: &Facts, wanted: &Wanted, ignored: &[String]) -> Result<Vec<Problem>, PreflightError> {
    let is_ignored = |problem: &Problem| {
        ignored.iter().any(|name| name.eq_ignore_ascii_case("all") || name.eq_ignore_ascii_case(&problem.check))
    };
    let (warnings, errors): (Vec<_>, Vec<_>) = checks::all(facts, wanted).into_iter().partition(is_ignored);
    if errors.is_empty() { Ok(warnings) } else { Err(PreflightError(errors)) }
}

fn text(problems: &[Problem]) -> String {
    let mut text = "the machine is not ready; nothing was changed:".to_owned();
    for Problem { check, cause, cure } in problems {
        text.push_str(&format!("\n\t[ERROR {check}]: {cause}; {cure}"));
    }
    text.push_str("\n[preflight] a check can be made a warning by --ignore-preflight-errors=NAME,...");
    text
}

#[cfg(test)]
mod tests;
