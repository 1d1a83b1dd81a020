//! `barque kubeconfig`: prints the file kubectl needs.

use crate::output::fail;
use clap::Args;
use daemon::Config;
use std::process::ExitCode;

#[derive(Args)]
pub struct Arguments {
    /// The server's address in the printed file, as other machines reach it (`https://node1:6443`)
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}. Has `barque server` been started here, and are you root?")]
struct Unreadable {
    path: String,
    source: std::io::Error,
}

pub fn run(config: &Config, arguments: &Arguments) -> ExitCode {
    let path = config.kubeconfig();
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            print!("{}", with_server(&text, arguments.server.as_deref()));
            ExitCode::SUCCESS
        }
        Err(source) => fail(&Unreadable { path: path.display().to_string(), source }),
    }
}

/// The file has one `server:` line; it is ours, so its shape is known.
fn with_server(text: &str, server: Option<&str>) -> String {
    let Some(server) = server else { return text.to_owned() };
    let line = |line: &str| match line.split_once("server:") {
        Some((indent, _)) if indent.trim().is_empty() => format!("{indent}server: {server}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_server_address() {
        let text = "clusters:\n- cluster:\n    server: https://a:1\n  name: x\n";
        let expected = "clusters:\n- cluster:\n    server: https://b:2\n  name: x\n";
        assert_eq!(with_server(text, Some("https://b:2")), expected);
        assert_eq!(with_server(text, None), text);
    }
}
