//! Signing requests: grants those that need no person, and signs what was granted for the built-in signers.
//!
//! What may be granted and signed is decided in `controllers::certificates`; here are the API and the authority's key.

use crate::driver::sleep_until;
use crate::queue::{Outcome, Queue};
use crate::{Informers, Metrics};
use apimachinery::{ApiError, ApiResult, Object, Value};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use client::resources::{CERTIFICATE_SIGNING_REQUESTS, NODES, SERVICES, SUBJECT_ACCESS_REVIEWS};
use client::{Api, Delta, PatchKind, Scope, WriteOptions};
use controllers::certificates::{Approval, approval, lifetime, profile};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use kinds::certificates::certificate_signing_request::{is, is_issued};
use kinds::certificates::request::Request;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use stdx::{Clock, Timestamp, chain};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const NAME: &str = "certificate-controller";
/// Requests worked on at the same time.
const WORKERS: usize = 4;

/// What is to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The PKCS#10 request, PEM.
    pub request: &'a str,
    pub client: bool,
    pub server: bool,
    /// At most; the authority's own end may come before.
    pub lifetime: Duration,
    pub now: Timestamp,
}

/// Holds the authority's key.
pub trait Signer: Send + Sync + 'static {
    /// The certificate, PEM, with those between it and the authority if there are any.
    ///
    /// # Errors
    /// What is wrong with the request.
    fn sign(&self, order: Order<'_>) -> Result<String, String>;
}

impl<F: Fn(Order<'_>) -> Result<String, String> + Send + Sync + 'static> Signer for F {
    fn sign(&self, order: Order<'_>) -> Result<String, String> {
        self(order)
    }
}

/// Grants and signs until `stop`.
pub async fn run_certificates(
    signer: Arc<dyn Signer>,
    api: Arc<dyn Api>,
    informers: Informers,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    stop: CancellationToken,
) {
    let queue = Queue::counted(metrics.queue(NAME));
    let office = Arc::new(Office { signer, api, informers, clock });
    stop.run_until_cancelled(run(office, queue)).await;
}

struct Office {
    signer: Arc<dyn Signer>,
    api: Arc<dyn Api>,
    informers: Informers,
    clock: Arc<dyn Clock>,
}

async fn run(office: Arc<Office>, mut queue: Queue) {
    let requests = office.informers.of(&CERTIFICATE_SIGNING_REQUESTS);
    let (mut changes, mut node_changes) = (requests.subscribe(), office.informers.of(&NODES).subscribe());
    for of in [&CERTIFICATE_SIGNING_REQUESTS, &NODES, &SERVICES] {
        office.informers.of(of).wait_for(1).await;
    }
    let add_all = |queue: &mut Queue| requests.list(Scope::All).iter().for_each(|csr| queue.add(csr.key()));
    add_all(&mut queue);
    let mut work: FuturesUnordered<BoxFuture<'static, (String, Outcome)>> = FuturesUnordered::new();
    loop {
        while work.len() < WORKERS
            && let Some(key) = queue.take(Instant::now())
        {
            work.push(Arc::clone(&office).round(key).boxed());
        }
        let due = queue.next_due().filter(|_| work.len() < WORKERS);
        tokio::select! {
            Some(delta) = changes.next() => match delta {
                Delta::Change { new: Some(object), .. } => queue.add(object.key()),
                Delta::Change { new: None, .. } => {}
                Delta::Reset => add_all(&mut queue),
            },
            Some(delta) = node_changes.next() => if let Delta::Change { new: Some(node), .. } = delta {
                // It may have told the addresses that its request waits for.
                let user = format!("system:node:{}", node.head.name);
                requests.list(Scope::All).iter().filter(|csr| waits(csr, &user)).for_each(|csr| queue.add(csr.key()));
            },
            Some((key, outcome)) = work.next() => queue.done(&key, Instant::now(), outcome),
            () = sleep_until(due) => {}
            else => return,
        }
    }
}

impl Office {
    async fn round(self: Arc<Self>, key: String) -> (String, Outcome) {
        match self.look_at(&key).await {
            Ok(()) => (key, Outcome::Settled { again: None }),
            Err(error) => {
                tracing::debug!(controller = NAME, key, error = %chain(&error), "will retry");
                (key, Outcome::Failed)
            }
        }
    }

    async fn look_at(&self, key: &str) -> ApiResult<()> {
        let Some(object) = self.informers.of(&CERTIFICATE_SIGNING_REQUESTS).get(key) else { return Ok(()) };
        let csr = object.to_value();
        if object.head.is_deleting() || is_issued(&csr) || is(&csr, "Denied") || is(&csr, "Failed") {
            return Ok(());
        }
        // What cannot be read is never stored.
        let Ok(request) = Request::from_field(csr["spec"]["request"].as_str().unwrap_or_default()) else {
            return Ok(());
        };
        if is(&csr, "Approved") {
            self.sign(&object, &csr, &request).await
        } else {
            self.grant(&object, &csr, &request).await
        }
    }

    async fn grant(&self, object: &Object, csr: &Value, request: &Request) -> ApiResult<()> {
        let message = match approval(csr, request, &self.informers) {
            Approval::NotOurs => return Ok(()),
            Approval::NotYet(why) => return Err(not_yet(object, &why)),
            Approval::Granted(message) => message,
            Approval::IfAllowed(ways) => {
                let mut granted = None;
                for (subresource, message) in ways {
                    if granted.is_none() && self.is_allowed(csr, subresource).await? {
                        granted = Some(*message);
                    }
                }
                // The right may be given later.
                granted.ok_or_else(|| not_yet(object, "the requester may not have it without a person's approval"))?
            }
        };
        let condition = json!({"type": "Approved", "status": "True", "reason": "AutoApproved", "message": message});
        self.write(object, csr, "approval", Some(condition), None).await
    }

    /// Upstream: SubjectAccessReview of `create certificatesigningrequests/<subresource>`.
    async fn is_allowed(&self, csr: &Value, subresource: &str) -> ApiResult<bool> {
        let spec = &csr["spec"];
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
            "user": spec["username"], "uid": spec["uid"].as_str().unwrap_or_default(),
            "groups": spec["groups"], "extra": spec["extra"],
            "resourceAttributes": {
                "group": CERTIFICATE_SIGNING_REQUESTS.group, "version": "*", "verb": "create",
                "resource": CERTIFICATE_SIGNING_REQUESTS.resource, "subresource": subresource,
            },
        }});
        let options = WriteOptions { field_manager: NAME, ..WriteOptions::default() };
        let answer = self.api.create(&SUBJECT_ACCESS_REVIEWS, "", review, options).await?;
        Ok(answer.to_value()["status"]["allowed"] == true)
    }

    async fn sign(&self, object: &Object, csr: &Value, request: &Request) -> ApiResult<()> {
        let Some(profile) = profile(csr, request) else { return Ok(()) };
        let signed = profile.and_then(|profile| {
            let field = csr["spec"]["request"].as_str().unwrap_or_default();
            let pem = BASE64_STANDARD.decode(field).map_err(|error| error.to_string())?;
            let pem = String::from_utf8(pem).map_err(|error| error.to_string())?;
            let (client, server) = (profile.client, profile.server);
            self.signer.sign(Order { request: &pem, client, server, lifetime: lifetime(csr), now: self.clock.now() })
        });
        match signed {
            Ok(certificate) => self.write(object, csr, "status", None, Some(certificate)).await,
            Err(why) => {
                let (reason, message) = ("SignerValidationFailure", why);
                let condition = json!({"type": "Failed", "status": "True", "reason": reason, "message": message});
                self.write(object, csr, "status", Some(condition), None).await
            }
        }
    }

    /// On the state that was seen: a denial in between wins.
    async fn write(
        &self,
        object: &Object,
        csr: &Value,
        subresource: &str,
        condition: Option<Value>,
        certificate: Option<String>,
    ) -> ApiResult<()> {
        let mut status = json!({});
        if let Some(condition) = condition {
            let mut conditions = csr["status"]["conditions"].as_array().cloned().unwrap_or_default();
            conditions.push(condition);
            status["conditions"] = conditions.into();
        }
        if let Some(certificate) = certificate {
            status["certificate"] = BASE64_STANDARD.encode(certificate).into();
        }
        let head = &object.head;
        let metadata = json!({"uid": head.uid, "resourceVersion": head.revision.to_string()});
        let body = json!({"metadata": metadata, "status": status});
        let options = WriteOptions { subresource, field_manager: NAME };
        self.api.patch(&CERTIFICATE_SIGNING_REQUESTS, "", &head.name, PatchKind::Merge, body, options).await.map(drop)
    }
}

/// Whether this is a user's request that nobody has said anything about yet.
fn waits(object: &Object, user: &str) -> bool {
    let csr = object.to_value();
    csr["spec"]["username"] == user
        && !is_issued(&csr)
        && csr["status"]["conditions"].as_array().is_none_or(Vec::is_empty)
}

fn not_yet(object: &Object, why: &str) -> ApiError {
    ApiError::internal(format!("the signing request {} is not granted: {why}", object.head.name))
}
