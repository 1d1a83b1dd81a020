//! Questions about identity and access: kinds that are only asked, never kept.

use super::{Handler, answered};
use crate::auth::reviews;
use crate::handlers::{Call, Written};
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, Reason, Value};
use async_trait::async_trait;

/// Which question.
#[derive(Debug, Clone, Copy)]
pub enum Review {
    Token,
    SelfSubject,
    SubjectAccess,
    SelfSubjectAccess,
    LocalSubjectAccess,
    SelfSubjectRules,
}

#[async_trait]
impl Handler for Review {
    async fn call(&self, server: &Server, call: &Call<'_>, _verb: &str, mut body: Value) -> ApiResult<Written> {
        crate::handlers::check::identity(call, &mut body)?;
        let authorizer = &server.authorizer;
        let answer = match self {
            Self::Token => {
                let authenticator = server.authenticator().ok_or_else(|| {
                    ApiError::new(Reason::ServiceUnavailable, "the server is starting or shutting down")
                })?;
                reviews::token(&authenticator, body).await?
            }
            Self::SelfSubject => reviews::self_subject(call.user, body),
            Self::SubjectAccess => reviews::subject_access(authorizer, body)?,
            Self::SelfSubjectAccess => reviews::self_subject_access(authorizer, call.user, body)?,
            Self::LocalSubjectAccess => reviews::local_subject_access(authorizer, call.namespace, body)?,
            Self::SelfSubjectRules => reviews::self_subject_rules(authorizer, call.user, body)?,
        };
        answered(&answer)
    }
}
