//! Starting and ending the two programs that are compared.

use crate::run::{Output, run};
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    HaProxy,
    Barque,
}

impl Program {
    pub fn name(self) -> &'static str {
        match self {
            Self::HaProxy => "haproxy",
            Self::Barque => "barque",
        }
    }

    pub fn command(self) -> Command {
        match self {
            Self::HaProxy => {
                let mut command = Command::new("haproxy");
                let path = std::env::var("PATH").unwrap_or_default();
                command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
                command
            }
            Self::Barque => {
                let mut command = Command::new(crate::barque());
                command.arg("balance");
                command
            }
        }
    }

    /// Asks it what it thinks of a configuration; the exit code and what it said.
    pub fn check(self, config: &Path) -> (Option<i32>, String) {
        let program = self.command();
        let mut limited = Command::new("timeout");
        limited.arg("20").arg(program.get_program()).args(program.get_args()).arg("-c").arg("-f").arg(config);
        limited.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = limited.output();
        match output {
            Ok(output) => {
                let said = [output.stdout, output.stderr].concat();
                (output.status.code(), String::from_utf8_lossy(&said).into_owned())
            }
            Err(error) => (None, format!("cannot run {}: {error}", self.name())),
        }
    }

    pub fn start(self, config: &Path, said: &Path, arguments: &[String]) -> Result<Running, String> {
        let file = File::create(said).map_err(|error| format!("{}: {error}", said.display()))?;
        let again = file.try_clone().map_err(|error| error.to_string())?;
        let mut command = self.command();
        command.arg("-db").arg("-f").arg(config).args(arguments);
        command.stdin(Stdio::null()).stdout(file).stderr(again);
        let child = command.spawn().map_err(|error| {
            format!("cannot run {}: {error}. `cargo xtask test` installs what tests need", self.name())
        })?;
        Ok(Running { child })
    }
}

/// Killed when dropped.
pub struct Running {
    child: Child,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) -> Output {
        run(Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]))
    }

    /// Its exit code, if it ends in time (by a signal: 128 and its number, as a shell says it).
    pub fn wait(&mut self, limit: Duration) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt;
        let end = Instant::now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.code().or(status.signal().map(|signal| 128 + signal)),
                Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(10)),
                _ => return None,
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
