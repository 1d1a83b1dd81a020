//! `namespaces/finalize`: the namespace controller lets go of an emptied namespace.
//!
//! Upstream: `pkg/registry/core/namespace/storage/storage.go` (FinalizeREST).

use super::Handler;
use crate::handlers::fields::Way;
use crate::handlers::{Call, Written};
use crate::server::Server;
use apimachinery::{ApiResult, Value, meta};
use async_trait::async_trait;
use serde_json::json;

pub struct Finalize;

#[async_trait]
impl Handler for Finalize {
    async fn call(&self, server: &Server, call: &Call<'_>, _verb: &str, body: Value) -> ApiResult<Written> {
        server
            .change(call, Way::Update, &mut |namespace| {
                let mut new = namespace.clone();
                for field in ["uid", "resourceVersion"] {
                    meta::set(&mut new, field, body["metadata"][field].clone());
                }
                if !new["spec"].is_object() {
                    new["spec"] = json!({});
                }
                new["spec"]["finalizers"] = match &body["spec"]["finalizers"] {
                    Value::Array(list) => json!(list),
                    _ => json!([]),
                };
                Ok(new)
            })
            .await
    }
}
