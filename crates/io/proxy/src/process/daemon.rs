//! Into the background: this program once more, in a session of its own. The first one waits for its word.

use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, getppid, setsid};
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};

/// In the environment of the second one: the first one's process id, which proves that the word is for it.
const PARENT: &str = "BARQUE_BALANCE_PARENT";

/// Said on standard output by the second one when it serves.
const READY: &str = "ready";

/// Whether this is the second one.
pub fn is_background() -> bool {
    std::env::var(PARENT).is_ok_and(|parent| parent == getppid().to_string())
}

/// Starts the second one and waits until it serves or has said why it does not.
///
/// # Errors
/// It cannot be started.
pub fn start() -> io::Result<ExitCode> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(PARENT, std::process::id().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = child.stdout.take().into_iter().flat_map(|output| BufReader::new(output).lines());
    if lines.any(|line| line.is_ok_and(|line| line == READY)) {
        return Ok(ExitCode::SUCCESS);
    }
    let code = child.wait()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Leaves the terminal's session. First thing the second one does.
pub fn detach() {
    // Fails only if it leads a session already.
    _ = setsid();
}

/// Opens nothing: the place where streams go that nobody reads. Before a chroot, which has none.
///
/// # Errors
/// The system's.
pub fn open_nowhere() -> io::Result<std::fs::File> {
    OpenOptions::new().read(true).write(true).open("/dev/null")
}

/// Tells the first one that we serve, and lets go of its streams.
///
/// # Errors
/// The system's.
pub fn say_ready(nowhere: &std::fs::File) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{READY}")?;
    output.flush()?;
    dup2_stdin(nowhere)?;
    dup2_stdout(nowhere)?;
    dup2_stderr(nowhere)?;
    Ok(())
}
