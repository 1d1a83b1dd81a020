//! `barque status`: what runs, whether it is well, what is wrong and what to do.

use crate::output::{fail, table};
use daemon::Config;
use daemon::admin::{self, Answer, Question};
use daemon::status::report::Report;
use daemon::status::words;
use std::process::ExitCode;
use std::time::Duration;

pub fn run(config: &Config) -> ExitCode {
    let answer = match super::block_on(admin::ask(config, &Question::Status)) {
        Ok(answer) => answer,
        Err(error) => return fail(&error),
    };
    match answer {
        Ok(Answer::Status(report)) => {
            print!("{}", shown(&report));
            if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Ok(other) => {
            eprintln!("error: the server gave an answer of another version: {other:?}. Restart it");
            ExitCode::FAILURE
        }
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            eprintln!("error: the server gave an answer of another version ({error}). Restart it");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("barque is not running on {} ({error})", config.data_dir.display());
            eprintln!("start it: systemctl start barque, or barque server");
            ExitCode::FAILURE
        }
    }
}

/// A line for each part, and below them what is wrong and what to do.
fn shown(report: &Report) -> String {
    let Report { version, kubernetes, node, seconds, .. } = report;
    let up = words(Duration::from_secs(*seconds));
    let mut text = format!("barque {version} on {node}, Kubernetes {kubernetes}, up for {up}\n\n");
    let row = |part: &daemon::status::report::Part| {
        vec![part.name.clone(), part.state.text().to_owned(), part.detail.clone()]
    };
    text += &table(&report.parts.iter().map(row).collect::<Vec<_>>());
    for part in &report.parts {
        for problem in &part.problems {
            text += &format!("\n{}: {}\n  what to do: {}\n", part.name, problem.cause, problem.cure);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use daemon::status::report::{Part, State};

    #[test]
    fn says_what_is_wrong_and_what_to_do() {
        let well = Part::well("api-server", "https://192.0.2.1:6443");
        let ill = Part::well("store", "").with(State::Ill, "disk full", "free space");
        let mut report = Report {
            version: "0.1.0".into(),
            kubernetes: "v1.35.0".into(),
            node: "n1".into(),
            seconds: 120,
            parts: vec![well],
        };
        assert!(report.is_well());
        report.parts.push(ill);
        let expected = "barque 0.1.0 on n1, Kubernetes v1.35.0, up for 2 minutes\n\n\
            api-server   well   https://192.0.2.1:6443\nstore        ill\n\nstore: disk full\n  what to do: free space\n";
        assert_eq!(shown(&report), expected);
        assert!(!report.is_well());
    }
}
