//! How a process ended, as the error stream says it.
//!
//! Upstream: `kubelet/pkg/cri/streaming/remotecommand/{exec,attach}.go`. From v4 on a Status document with the exit
//! code; before that a text, and nothing for success.

use apimachinery::ApiError;
use client::door::ExitStatus;
use serde_json::json;

/// None where the protocol says nothing about success.
pub fn report(attached: bool, status: &ExitStatus, as_json: bool) -> Option<String> {
    let (document, text) = match status {
        ExitStatus::Exited(0) => {
            return as_json.then(|| json!({"metadata": {}, "status": "Success"}).to_string());
        }
        ExitStatus::Exited(code) => {
            let text = format!("command terminated with non-zero exit code: exit status {code}");
            let cause = json!({"reason": "ExitCode", "message": code.to_string()});
            let document = json!({
                "metadata": {},
                "status": "Failure",
                "message": text,
                "reason": "NonZeroExitCode",
                "details": {"causes": [cause]},
            });
            (document, text)
        }
        ExitStatus::Failed(why) => {
            let what = if attached { "error attaching to container" } else { "error executing command in container" };
            let text = format!("{what}: {why}");
            let error = ApiError::internal(&text).with_details(json!({"causes": [{"message": text}]}));
            let said = error.message().to_owned();
            (error.to_value(), said)
        }
    };
    Some(if as_json { document.to_string() } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn the_exit_code_travels() {
        let said = report(false, &ExitStatus::Exited(3), true).unwrap();
        expect![[r#"{"details":{"causes":[{"message":"3","reason":"ExitCode"}]},"message":"command terminated with non-zero exit code: exit status 3","metadata":{},"reason":"NonZeroExitCode","status":"Failure"}"#]].assert_eq(&said);
        assert_eq!(report(false, &ExitStatus::Exited(0), false), None);
    }

    #[test]
    fn a_failure_is_an_internal_error() {
        let said = report(false, &ExitStatus::Failed("no such file".to_owned()), false).unwrap();
        assert_eq!(said, "Internal error occurred: error executing command in container: no such file");
    }
}
