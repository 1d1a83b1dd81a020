//! `barque status`: what runs, whether it is well, what is wrong and what to do.

use crate::output::{fail, table};
use daemon::Config;
use daemon::admin::{self, Answer, Part, Question};
use std::process::ExitCode;

pub fn run(config: &Config) -> ExitCode {
    let tokio = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(tokio) => tokio,
        Err(error) => return fail(&error),
    };
    match tokio.block_on(admin::ask(config, &Question::Status)) {
        Ok(Answer::Status(parts)) => {
            let (text, well) = report(&parts);
            print!("{text}");
            if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Ok(other) => {
            eprintln!("error: the server gave an answer of another version: {other:?}. Restart it");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("barque is not running on {} ({error})", config.data_dir.display());
            eprintln!("start it: systemctl start barque, or barque server");
            ExitCode::FAILURE
        }
    }
}

/// A line for each part, and below it what is wrong and what to do.
fn report(parts: &[Part]) -> (String, bool) {
    let rows: Vec<Vec<String>> = parts.iter().map(|part| vec![part.name.clone(), part.state.clone()]).collect();
    let mut text = table(&rows);
    for part in parts.iter().filter(|part| part.state == "ill") {
        text += &format!("\n{}: {}\n  what to do: {}\n", part.name, part.cause, part.cure);
    }
    (text, parts.iter().all(|part| part.state == "well"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_and_what_to_do() {
        let part = |name: &str, state: &str, cause: &str, cure: &str| Part {
            name: name.into(),
            state: state.into(),
            cause: cause.into(),
            cure: cure.into(),
        };
        let (text, well) = report(&[part("api", "well", "", ""), part("store", "ill", "disk full", "free space")]);
        assert_eq!(text, "api     well\nstore   ill\n\nstore: disk full\n  what to do: free space\n");
        assert!(!well);
    }
}
