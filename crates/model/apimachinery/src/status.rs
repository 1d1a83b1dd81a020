//! Errors as clients see them: `v1.Status` with upstream's reason, code, causes and wording.
//!
//! Upstream: `apimachinery/pkg/api/errors/errors.go`.

use crate::problems::Problem;
use crate::{GroupVersionKind, GroupVersionResource, Value};
use serde_json::json;
use std::fmt;

/// Upstream's `metav1.StatusReason`, with the HTTP code that belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    Unknown,
    Unauthorized,
    Forbidden,
    NotFound,
    AlreadyExists,
    Conflict,
    Gone,
    Expired,
    Invalid,
    ServerTimeout,
    Timeout,
    TooManyRequests,
    BadRequest,
    MethodNotAllowed,
    NotAcceptable,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    InternalError,
    ServiceUnavailable,
    StoreFull,
}

pub type ApiResult<T> = Result<T, ApiError>;

/// A refusal. Boxed inside, since it is the rare case of every call's result.
#[derive(Debug, Clone)]
pub struct ApiError(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    reason: Reason,
    message: String,
    details: Value,
    /// `metadata.continue`
    continue_token: String,
}

impl Reason {
    pub const fn code(self) -> u16 {
        match self {
            Self::Unknown | Self::InternalError => 500,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::AlreadyExists | Self::Conflict => 409,
            Self::Gone | Self::Expired => 410,
            Self::Invalid => 422,
            Self::ServerTimeout => 500,
            Self::Timeout => 504,
            Self::TooManyRequests => 429,
            Self::BadRequest => 400,
            Self::MethodNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::RequestEntityTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::ServiceUnavailable => 503,
            Self::StoreFull => 507,
        }
    }

    const ALL: [Self; 20] = [
        Self::Unknown,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::AlreadyExists,
        Self::Conflict,
        Self::Gone,
        Self::Expired,
        Self::Invalid,
        Self::ServerTimeout,
        Self::Timeout,
        Self::TooManyRequests,
        Self::BadRequest,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::RequestEntityTooLarge,
        Self::UnsupportedMediaType,
        Self::InternalError,
        Self::ServiceUnavailable,
        Self::StoreFull,
    ];

    /// The reason of a Status; where it names none that we know, the one that its code stands for.
    fn of(text: &str, code: u16) -> Self {
        let named = Self::ALL.into_iter().find(|reason| !text.is_empty() && reason.as_str() == text);
        named.unwrap_or(match code {
            // What these codes are without a word: of several reasons the broadest.
            409 => Self::Conflict,
            410 => Self::Gone,
            500 => Self::InternalError,
            _ => Self::ALL.into_iter().find(|reason| reason.code() == code).unwrap_or(Self::Unknown),
        })
    }

    /// The text of the `reason` field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "NotFound",
            Self::AlreadyExists => "AlreadyExists",
            Self::Conflict => "Conflict",
            Self::Gone => "Gone",
            Self::Expired => "Expired",
            Self::Invalid => "Invalid",
            Self::ServerTimeout => "ServerTimeout",
            Self::Timeout => "Timeout",
            Self::TooManyRequests => "TooManyRequests",
            Self::BadRequest => "BadRequest",
            Self::MethodNotAllowed => "MethodNotAllowed",
            Self::NotAcceptable => "NotAcceptable",
            Self::RequestEntityTooLarge => "RequestEntityTooLarge",
            Self::UnsupportedMediaType => "UnsupportedMediaType",
            Self::InternalError => "InternalError",
            Self::ServiceUnavailable => "ServiceUnavailable",
            Self::StoreFull => "InsufficientStorage",
        }
    }
}

impl ApiError {
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self(Box::new(Parts { reason, message: message.into(), details: Value::Null, continue_token: String::new() }))
    }

    /// `pods "x" not found`
    pub fn not_found(resource: &GroupVersionResource, name: &str) -> Self {
        Self::new(Reason::NotFound, format!("{} {name:?} not found", resource.qualified())).about(resource, name)
    }

    /// `pods "x" already exists`
    pub fn already_exists(resource: &GroupVersionResource, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", resource.qualified());
        Self::new(Reason::AlreadyExists, message).about(resource, name)
    }

    /// `Operation cannot be fulfilled on pods "x": the object has been modified; ...`
    pub fn conflict(resource: &GroupVersionResource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", resource.qualified());
        Self::new(Reason::Conflict, message).about(resource, name)
    }

    /// The object was written since the client read it.
    pub fn modified(resource: &GroupVersionResource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Reason::BadRequest, message)
    }

    pub fn internal(message: impl fmt::Display) -> Self {
        Self::new(Reason::InternalError, format!("Internal error occurred: {message}"))
    }

    /// The resourceVersion or the continue token is older than what is kept.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(Reason::Expired, message)
    }

    /// `Pod "x" is invalid: spec.containers: Required value`
    pub fn invalid(kind: &GroupVersionKind, name: &str, problems: &[Problem]) -> Self {
        let texts: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.field, p.message)).collect();
        let said = if texts.len() == 1 { texts[0].clone() } else { format!("[{}]", texts.join(", ")) };
        let mut error = Self::new(Reason::Invalid, format!("{} {name:?} is invalid: {said}", qualified_kind(kind)));
        let causes: Vec<Value> =
            problems.iter().map(|p| json!({"reason": p.reason, "message": p.message, "field": p.field})).collect();
        error.0.details = json!({"name": name, "group": kind.group, "kind": kind.kind, "causes": causes});
        error
    }

    /// The refusal that a Status body tells, for clients; `code` is the answer's, for bodies that name none.
    pub fn from_status(status: &Value, code: u16) -> Self {
        let code = status["code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(code);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self(Box::new(Parts {
            reason: Reason::of(&text(&status["reason"]), code),
            message: text(&status["message"]),
            details: status["details"].clone(),
            continue_token: text(&status["metadata"]["continue"]),
        }))
    }

    /// Sets `details` (name, group, kind, causes, retryAfterSeconds).
    pub fn with_details(mut self, details: Value) -> Self {
        self.0.details = details;
        self
    }

    /// Sets the token with which a list can go on all the same.
    pub fn with_continue(mut self, token: &str) -> Self {
        token.clone_into(&mut self.0.continue_token);
        self
    }

    fn about(self, resource: &GroupVersionResource, name: &str) -> Self {
        self.with_details(json!({"name": name, "group": resource.group, "kind": resource.resource}))
    }

    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    pub fn code(&self) -> u16 {
        self.0.reason.code()
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn is_not_found(&self) -> bool {
        self.0.reason == Reason::NotFound
    }

    pub fn is_conflict(&self) -> bool {
        self.0.reason == Reason::Conflict
    }

    pub fn is_already_exists(&self) -> bool {
        self.0.reason == Reason::AlreadyExists
    }

    /// The body sent to the client.
    pub fn to_value(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {},
            "status": "Failure", "message": self.0.message, "code": self.code(),
        });
        if self.0.reason != Reason::Unknown {
            status["reason"] = self.0.reason.as_str().into();
        }
        if !self.0.continue_token.is_empty() {
            status["metadata"]["continue"] = self.0.continue_token.as_str().into();
        }
        if let Value::Object(details) = &self.0.details {
            let kept = details.iter().filter(|(_, value)| value.as_str() != Some(""));
            status["details"] = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
        }
        status
    }
}

/// `Deployment.apps`, `Pod`.
fn qualified_kind(kind: &GroupVersionKind) -> String {
    if kind.group.is_empty() { kind.kind.to_string() } else { format!("{}.{}", kind.kind, kind.group) }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_as_it_was_written() {
        for reason in Reason::ALL {
            let error = ApiError::new(reason, "why").with_details(json!({"name": "a"})).with_continue("token");
            let read = ApiError::from_status(&error.to_value(), 0);
            let expected = if reason == Reason::Unknown { Reason::InternalError } else { reason };
            assert_eq!((read.reason(), read.message()), (expected, "why"));
            let (mut was, mut is) = (error.to_value(), read.to_value());
            was["reason"].take();
            is["reason"].take();
            assert_eq!(is, was);
        }
    }

    #[test]
    fn an_answer_without_a_status_has_the_reason_of_its_code() {
        let reason = |code| ApiError::from_status(&Value::Null, code).reason();
        assert_eq!(
            [401, 404, 409, 410].map(reason),
            [Reason::Unauthorized, Reason::NotFound, Reason::Conflict, Reason::Gone]
        );
        assert_eq!(
            [500, 502, 503, 504].map(reason),
            [Reason::InternalError, Reason::Unknown, Reason::ServiceUnavailable, Reason::Timeout]
        );
    }
}
