//! `serviceaccounts/token`: a token for a service account, bound and expiring.
//!
//! Upstream: `pkg/registry/core/serviceaccount/storage/token.go`.

use super::{Handler, answered};
use crate::admission::node_restriction;
use crate::auth::{UserInfo, authenticator, token_request};
use crate::handlers::{Call, Written};
use crate::server::Server;
use apimachinery::{ApiResult, Value, meta};
use async_trait::async_trait;

pub struct Token;

#[async_trait]
impl Handler for Token {
    async fn call(&self, server: &Server, call: &Call<'_>, _verb: &str, mut body: Value) -> ApiResult<Written> {
        let account = server.get(call, None).await?;
        let objects = server.local(UserInfo::system("system:apiserver"))?;
        meta::set(&mut body, "name", call.name);
        meta::set(&mut body, "namespace", call.namespace);
        body["apiVersion"] = "authentication.k8s.io/v1".into();
        body["kind"] = "TokenRequest".into();
        node_restriction::check_token(&objects, call, &body).await?;
        let now = authenticator::unix_now();
        answered(&token_request::answer(&server.tokens, &objects, &account, body, now).await?)
    }
}
