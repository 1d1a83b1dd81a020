//! `fieldValidation`: what happens to fields nobody knows and fields given twice.
//!
//! Upstream: `apimachinery/pkg/runtime/error.go` (strict decoding), `apiserver/pkg/endpoints/handlers/create.go`.

use crate::{ApiError, GroupVersionKind};

/// The `fieldValidation` parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldValidation {
    /// Say nothing.
    Ignore,
    /// Answer with `Warning:` headers.
    #[default]
    Warn,
    /// Refuse.
    Strict,
}

impl FieldValidation {
    /// Reads the parameter; empty means `Warn`.
    ///
    /// # Errors
    /// 422 if it is none of the three.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        match text {
            "" | "Warn" => Ok(Self::Warn),
            "Ignore" => Ok(Self::Ignore),
            "Strict" => Ok(Self::Strict),
            other => {
                let mut problems = crate::Problems::default();
                problems.not_supported("fieldValidation", other, &["", "Ignore", "Strict", "Warn"]);
                Err(ApiError::invalid(&GroupVersionKind::of("meta.k8s.io", "v1", "CreateOptions"), "", problems.list()))
            }
        }
    }
}

/// `unknown field "spec.foo"`
pub fn unknown_field(path: &str) -> String {
    format!("unknown field {path:?}")
}

/// Settles what was found odd in a body (unknown and duplicate fields, each as its text): the warnings to send.
///
/// # Errors
/// Under `Strict`, 400 if there is anything: `Deployment in version "v1" cannot be handled as a Deployment: strict
/// decoding error: unknown field "spec.foo"`.
pub fn settle(
    kind: &GroupVersionKind,
    validation: FieldValidation,
    found: Vec<String>,
) -> Result<Vec<String>, ApiError> {
    match validation {
        FieldValidation::Ignore => Ok(Vec::new()),
        _ if found.is_empty() => Ok(found),
        FieldValidation::Warn => Ok(found),
        FieldValidation::Strict => Err(cannot_be_handled(kind, &strict_error(&found))),
    }
}

/// `strict decoding error: unknown field "a", duplicate field "b"`
pub fn strict_error(found: &[String]) -> String {
    format!("strict decoding error: {}", found.join(", "))
}

/// 400 for a body that does not fit its kind: `Pod in version "v1" cannot be handled as a Pod: <why>`.
pub fn cannot_be_handled(kind: &GroupVersionKind, why: &str) -> ApiError {
    let name = &kind.kind;
    ApiError::bad_request(format!("{name} in version {:?} cannot be handled as a {name}: {why}", kind.version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        let kind = GroupVersionKind::of("apps", "v1", "Deployment");
        let found = vec![unknown_field("spec.foo"), "duplicate field \"spec.x\"".to_owned()];
        let error = settle(&kind, FieldValidation::Strict, found.clone()).unwrap_err();
        assert_eq!(
            error.message(),
            "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: \
             unknown field \"spec.foo\", duplicate field \"spec.x\""
        );
        assert_eq!(error.code(), 400);
        assert_eq!(settle(&kind, FieldValidation::Warn, found.clone()).unwrap(), found);
        assert!(settle(&kind, FieldValidation::Ignore, found).unwrap().is_empty());
        assert!(FieldValidation::parse("x").is_err());
    }
}
