//! One call: sent, answered, and its refusals read.

use super::connection::Link;
use apimachinery::{ApiError, ApiResult, Reason, Value};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;

/// The largest answer that is taken in, bytes: a page of 500 objects of a megabyte each is within it.
const MAX_ANSWER: usize = 1 << 29;
/// The largest refusal; one is a Status of a few lines.
const MAX_REFUSAL: usize = 1 << 20;

/// What is asked of the server.
pub(super) struct Call {
    method: Method,
    /// With its query.
    path: String,
    accept: &'static str,
    content_type: &'static str,
    body: Bytes,
}

/// Why there is no answer.
enum Failure {
    /// Nothing went out.
    Unsent(ApiError),
    /// The server may have done it.
    Lost(ApiError),
}

impl Call {
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), accept: "application/json", content_type: "", body: Bytes::new() }
    }

    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub fn with_body(self, content_type: &'static str, body: &Value) -> Self {
        Self { content_type, body: apimachinery::object::encode(body).into(), ..self }
    }

    pub fn accepting(self, accept: &'static str) -> Self {
        Self { accept, ..self }
    }

    /// The request, with the headers that say who asks left to the caller.
    pub fn request(&self, origin: &str) -> ApiResult<Request<Full<Bytes>>> {
        let request = Request::builder().method(&self.method).uri(format!("{origin}{}", self.path));
        let mut request = request.header(ACCEPT, self.accept);
        if !self.content_type.is_empty() {
            request = request.header(CONTENT_TYPE, self.content_type);
        }
        let request = request.body(Full::new(self.body.clone()));
        request.map_err(|error| ApiError::bad_request(format!("{:?} is no path to ask for: {error}", self.path)))
    }

    fn what(&self) -> String {
        format!("{} {}", self.method, self.path.split('?').next().unwrap_or_default())
    }
}

impl Link {
    /// The whole answer.
    ///
    /// # Errors
    /// The server's; 503 where it cannot be asked or the connection breaks, 504 where it takes too long.
    pub async fn bytes(&self, call: &Call) -> ApiResult<Bytes> {
        self.in_time(call, async {
            let answer = self.answer(call).await?;
            body(answer.into_body(), MAX_ANSWER).await.map_err(|why| self.lost(call, &why))
        })
        .await
    }

    /// An answer whose body comes as long as it comes. Only its beginning has a deadline.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub async fn stream(&self, call: &Call) -> ApiResult<Incoming> {
        let answer = self.in_time(call, self.answer(call)).await?;
        Ok(answer.into_body())
    }

    async fn in_time<T>(&self, call: &Call, work: impl Future<Output = ApiResult<T>>) -> ApiResult<T> {
        let limit = self.options.request_timeout;
        let done = tokio::time::timeout(limit, work).await;
        done.unwrap_or_else(|_| {
            let text = format!(
                "{} was not answered in {limit:?} by {}; it may have been done all the same",
                call.what(),
                self.address.origin
            );
            Err(ApiError::new(Reason::Timeout, text))
        })
    }

    async fn answer(&self, call: &Call) -> ApiResult<Response<Incoming>> {
        let answer = match self.send(call).await {
            // The connection was on its way out, most often of a server that restarts.
            Err(Failure::Unsent(_)) => self.send(call).await,
            sent => sent,
        };
        let answer = answer.map_err(|(Failure::Unsent(error) | Failure::Lost(error))| error)?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let code = answer.status().as_u16();
        let told = body(answer.into_body(), MAX_REFUSAL).await.map_err(|why| self.lost(call, &why))?;
        Err(refusal(&told, code, call))
    }

    async fn send(&self, call: &Call) -> Result<Response<Incoming>, Failure> {
        let mut request = call.request(&self.address.origin).map_err(Failure::Lost)?;
        let mut connection = self.connection().await.map_err(Failure::Lost)?;
        request.headers_mut().insert(USER_AGENT, self.agent.clone());
        if let Some(token) = &connection.identity.authorization {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        match connection.sender.try_send_request(request).await {
            Ok(answer) => Ok(answer),
            Err(mut error) => {
                self.forget(&connection).await;
                let unsent = error.take_message().is_some();
                let why = stdx::chain(error.error());
                Err(if unsent {
                    Failure::Unsent(self.address.unreachable(&why))
                } else {
                    Failure::Lost(self.lost(call, &why))
                })
            }
        }
    }

    fn lost(&self, call: &Call, why: &str) -> ApiError {
        let (what, origin) = (call.what(), &self.address.origin);
        let text =
            format!("the connection to {origin} broke before {what} was answered, so it may have been done: {why}");
        ApiError::new(Reason::ServiceUnavailable, text)
    }
}

/// All of a body.
pub(super) async fn body(body: Incoming, limit: usize) -> Result<Bytes, String> {
    let all = Limited::new(body, limit).collect().await;
    all.map(http_body_util::Collected::to_bytes).map_err(|error| stdx::chain(&*error))
}

/// The refusal an answer tells: a Status, or any text where what answered is no API server.
pub(super) fn refusal(told: &[u8], code: u16, call: &Call) -> ApiError {
    const SHOWN: usize = 200;
    let status: Value = serde_json::from_slice(told).unwrap_or_default();
    if status["kind"] == "Status" {
        return ApiError::from_status(&status, code);
    }
    let text: String = String::from_utf8_lossy(told).trim().chars().take(SHOWN).collect();
    let status = serde_json::json!({"message": format!("{} was answered with {code}: {text}", call.what())});
    ApiError::from_status(&status, code)
}
