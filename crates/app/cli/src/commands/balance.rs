//! `barque balance`: the TCP and HTTP balancer, with HAProxy's command line and configuration.
//!
//! Its words are HAProxy's: `-c` checks a configuration there, so they are not read by the other commands' parser.

use std::ffi::OsString;
use std::process::ExitCode;

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Arguments {
    /// As for haproxy: -f FILE, -c, -D, -W, -p FILE, -sf PID, ...; -h says more
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "HAPROXY'S ARGUMENTS")]
    arguments: Vec<String>,
}

/// The arguments behind `balance`, where that is the command.
pub fn ours(arguments: &[OsString]) -> Option<Vec<String>> {
    let (command, rest) = arguments.get(1..)?.split_first()?;
    let text = |argument: &OsString| argument.to_string_lossy().into_owned();
    (command == "balance").then(|| rest.iter().map(text).collect())
}

/// Runs until it is told to stop; its exit codes are HAProxy's.
pub fn run(arguments: Vec<String>) -> ExitCode {
    proxy::process::main(arguments)
}

impl Arguments {
    /// Where the command was not the first word: `barque --data-dir X balance -f Y`.
    pub fn run(self) -> ExitCode {
        run(self.arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn haproxys_words_are_left_alone() {
        let arguments: Vec<OsString> = ["barque", "balance", "-c", "-f", "x"].map(Into::into).to_vec();
        assert_eq!(ours(&arguments), Some(vec!["-c".into(), "-f".into(), "x".into()]));
        assert_eq!(ours(&["barque".into(), "status".into()]), None);
        assert_eq!(ours(&["barque".into()]), None);
    }
}
