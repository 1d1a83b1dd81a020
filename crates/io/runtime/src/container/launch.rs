//! The last steps of a container's process, for its first one and for exec'd ones alike: identity, limits,
//! capabilities, seccomp, then `execve`.
//!
//! Runs in a forked single-threaded child, already inside the container's namespaces and root.

use super::capabilities;
use super::seccomp;
use super::user::User;
use nix::libc;
use serde::{Deserialize, Serialize};
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What a process of a container is to be. Made by the agent, kept in the bundle.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Launch {
    pub args: Vec<String>,
    /// `NAME=value`
    pub env: Vec<String>,
    pub cwd: String,
    /// Bits by capability number.
    pub capabilities: u64,
    pub no_new_privileges: bool,
    /// File with a BPF program, host path; read before the root changes.
    pub seccomp_path: Option<String>,
    /// RLIMIT number, soft, hard.
    pub rlimits: Vec<(u32, u64, u64)>,
    pub oom_score_adj: i32,
    pub terminal: bool,
}

/// Why the process could not run, in runc's words.
pub type Problem = String;

/// Turns this process into the wanted one. Returns only what went wrong.
pub fn run(launch: &Launch, user: &User, filter: Option<&[u8]>) -> Problem {
    match prepare(launch, user, filter) {
        Ok((program, args, env)) => {
            let error = nix::unistd::execve(&program, &args, &env).unwrap_err();
            format!("exec {}: {}", program.to_string_lossy(), words(error as i32))
        }
        Err(problem) => problem,
    }
}

type Prepared = (CString, Vec<CString>, Vec<CString>);

fn prepare(launch: &Launch, user: &User, filter: Option<&[u8]>) -> Result<Prepared, Problem> {
    let text = |what: &str| {
        let what = what.to_string();
        move |e: nix::Error| format!("{what}: {}", words(e as i32))
    };
    for (resource, soft, hard) in &launch.rlimits {
        set_rlimit(*resource, *soft, *hard).map_err(text("setting a resource limit"))?;
    }
    let cwd = if launch.cwd.is_empty() { "/" } else { &launch.cwd };
    let _ = std::fs::create_dir_all(cwd);
    let entered = nix::unistd::chdir(cwd);
    nix::unistd::setgroups(&user.nix_groups()).map_err(text("setgroups"))?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    // Without no_new_privs a filter needs CAP_SYS_ADMIN, so it must come before the capabilities go.
    if let Some(filter) = filter.filter(|_| !launch.no_new_privileges) {
        seccomp::install(filter).map_err(text("installing the seccomp filter"))?;
    }
    capabilities::become_user(user.uid, user.gid, launch.capabilities).map_err(text("changing the user"))?;
    if entered.is_err() {
        // The user may enter where root may not (network file systems).
        nix::unistd::chdir(cwd)
            .map_err(|e| format!("chdir to cwd (\"{cwd}\") set in config.json failed: {}", words(e as i32)))?;
    }
    let mut env = launch.env.clone();
    if !env.iter().any(|e| e.starts_with("HOME=")) {
        env.push(format!("HOME={}", user.home));
    }
    let program = find_program(launch.args.first().map_or("", String::as_str), &env)?;
    if launch.no_new_privileges {
        nix::sys::prctl::set_no_new_privs().map_err(text("setting no_new_privs"))?;
        if let Some(filter) = filter {
            seccomp::install(filter).map_err(text("installing the seccomp filter"))?;
        }
    }
    let nul = |_| "a command or environment value contains a NUL byte".to_string();
    let strings = |list: &[String]| list.iter().map(|s| CString::new(s.as_str())).collect::<Result<Vec<_>, _>>();
    Ok((program, strings(&launch.args).map_err(nul)?, strings(&env).map_err(nul)?))
}

/// As Go's `exec.LookPath`, with its words.
fn find_program(name: &str, env: &[String]) -> Result<CString, Problem> {
    let c = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(|e| e.to_string());
    if name.contains('/') {
        return match runnable(Path::new(name)) {
            Ok(()) => c(Path::new(name)),
            Err(libc::ENOENT | libc::ENOTDIR) => {
                Err(format!("exec: \"{name}\": stat {name}: no such file or directory"))
            }
            Err(errno) => Err(format!("exec: \"{name}\": {}", words(errno))),
        };
    }
    let path = env.iter().rev().find_map(|e| e.strip_prefix("PATH=")).unwrap_or_default();
    let mut denied = false;
    for folder in path.split(':').filter(|_| !name.is_empty()) {
        let candidate = Path::new(if folder.is_empty() { "." } else { folder }).join(OsStr::new(name));
        match runnable(&candidate) {
            Ok(()) => return c(&candidate),
            Err(libc::EACCES) => denied = true,
            Err(_) => {}
        }
    }
    Err(match denied {
        true => format!("exec: \"{name}\": permission denied"),
        false => format!("exec: \"{name}\": executable file not found in $PATH"),
    })
}

fn runnable(path: &Path) -> Result<(), i32> {
    let metadata = std::fs::metadata(path).map_err(|e| e.raw_os_error().unwrap_or(libc::EIO))?;
    if metadata.is_dir() {
        return Err(libc::EISDIR);
    }
    if metadata.permissions().mode() & 0o111 == 0 { Err(libc::EACCES) } else { Ok(()) }
}

/// An errno as Go prints it: in small letters, without number.
pub fn words(errno: i32) -> String {
    match errno {
        libc::EACCES => "permission denied".into(),
        libc::ENOENT => "no such file or directory".into(),
        libc::ENOEXEC => "exec format error".into(),
        libc::EISDIR => "is a directory".into(),
        libc::EPERM => "operation not permitted".into(),
        other => nix::errno::Errno::from_raw(other).desc().to_lowercase(),
    }
}

fn set_rlimit(resource: u32, soft: u64, hard: u64) -> nix::Result<()> {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the pointer is to a valid rlimit, read during the call only.
    nix::errno::Errno::result(unsafe { libc::setrlimit(resource as libc::__rlimit_resource_t, &limit) }).map(drop)
}
