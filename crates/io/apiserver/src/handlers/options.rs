//! What a request may say beside its body: the query parameters of reads, lists, watches and writes.
//!
//! Upstream: `meta/v1/types.go` (ListOptions, CreateOptions, PatchOptions, DeleteOptions) and their validation.

use apimachinery::apply::validate_manager;
use apimachinery::{ApiError, ApiResult, GroupVersionKind, Problems, Value};
use bytes::Bytes;
use serde_json::json;
use std::time::Duration;

pub use apimachinery::strict::FieldValidation;

#[derive(Debug, Clone, Default)]
pub struct WriteParams {
    pub dry_run: bool,
    /// Under which name changed fields are recorded.
    pub manager: String,
    /// Whether the client named it.
    pub manager_given: bool,
    pub force: bool,
    pub field_validation: FieldValidation,
    /// What the body's text had wrong (duplicate fields), as warnings.
    pub odd: Vec<String>,
    /// The text of a JSON body, by which complaints are put in order.
    pub text: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    Exact,
    NotOlderThan,
}

/// A list or a watch.
#[derive(Debug, Clone, Default)]
pub struct ListParams {
    pub label_selector: String,
    pub field_selector: String,
    /// 0 means no limit.
    pub limit: usize,
    pub continue_token: String,
    /// None: absent. Some(0): any state will do.
    pub revision: Option<u64>,
    pub matching: Option<Match>,
    pub watch: bool,
    pub bookmarks: bool,
    pub timeout: Option<Duration>,
    pub send_initial_events: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    Background,
    Foreground,
    Orphan,
}

#[derive(Debug, Clone, Default)]
pub struct DeleteParams {
    pub uid: Option<String>,
    pub revision: Option<String>,
    pub grace_seconds: Option<i64>,
    pub propagation: Option<Propagation>,
    pub dry_run: bool,
}

/// The decoded query of a URL.
pub type Query = [(String, String)];

fn value<'a>(query: &'a Query, name: &str) -> Option<&'a str> {
    query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn flag(query: &Query, name: &str) -> bool {
    value(query, name).is_some_and(|text| text.is_empty() || (text != "false" && text != "0"))
}

/// The name that a field selector asks for, if that is all it does; else empty.
pub fn name_selected(field_selector: &str) -> &str {
    field_selector.strip_prefix("metadata.name=").filter(|name| !name.contains([',', '='])).unwrap_or_default()
}

impl ListParams {
    /// # Errors
    /// 400 for numbers that are none, 422 for combinations upstream refuses.
    pub fn parse(query: &Query) -> ApiResult<Self> {
        let revision = match value(query, "resourceVersion") {
            None | Some("") => None,
            Some(text) => Some(revision(text)?),
        };
        let params = Self {
            label_selector: value(query, "labelSelector").unwrap_or_default().to_owned(),
            field_selector: value(query, "fieldSelector").unwrap_or_default().to_owned(),
            limit: number(query, "limit")?.map_or(0, |limit| usize::try_from(limit).unwrap_or(0)),
            continue_token: value(query, "continue").unwrap_or_default().to_owned(),
            revision,
            matching: None,
            watch: flag(query, "watch"),
            bookmarks: flag(query, "allowWatchBookmarks"),
            timeout: number(query, "timeoutSeconds")?
                .and_then(|secs| u64::try_from(secs).ok())
                .filter(|secs| *secs > 0)
                .map(Duration::from_secs),
            send_initial_events: value(query, "sendInitialEvents").map(|_| flag(query, "sendInitialEvents")),
        };
        params.with_match(value(query, "resourceVersionMatch").unwrap_or_default())
    }

    /// Upstream: `meta/internalversion/validation.ValidateListOptions`.
    fn with_match(mut self, text: &str) -> ApiResult<Self> {
        let mut problems = Problems::default();
        self.matching = match text {
            "Exact" => Some(Match::Exact),
            "NotOlderThan" => Some(Match::NotOlderThan),
            _ => None,
        };
        if self.watch {
            self.check_watch(text, &mut problems);
        } else if self.send_initial_events.is_some() {
            problems.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list");
        } else if !text.is_empty() {
            self.check_match(text, &mut problems);
        }
        if problems.is_empty() { Ok(self) } else { Err(invalid_options("ListOptions", problems)) }
    }

    fn check_watch(&self, text: &str, problems: &mut Problems) {
        if self.send_initial_events.is_some() {
            if text.is_empty() {
                let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
                problems.forbidden("resourceVersionMatch", why);
            } else if self.matching != Some(Match::NotOlderThan) {
                problems.not_supported("resourceVersionMatch", text, &["NotOlderThan"]);
            }
        } else if !text.is_empty() {
            let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            problems.forbidden("resourceVersionMatch", why);
        }
    }

    fn check_match(&self, text: &str, problems: &mut Problems) {
        if self.revision.is_none() {
            let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            problems.forbidden("resourceVersionMatch", why);
        }
        if !self.continue_token.is_empty() {
            problems.forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided");
        }
        if self.matching.is_none() {
            problems.not_supported("resourceVersionMatch", text, &["Exact", "NotOlderThan", ""]);
        }
        if self.matching == Some(Match::Exact) && self.revision == Some(0) {
            let why = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            problems.forbidden("resourceVersionMatch", why);
        }
    }
}

impl WriteParams {
    /// `agent` is the client's `User-Agent`; what stands before its first `/` is the manager where none is named.
    ///
    /// # Errors
    /// 422 for values upstream refuses.
    pub fn parse(query: &Query, agent: &str, options: &str) -> ApiResult<Self> {
        let mut problems = Problems::default();
        let field_validation = match value(query, "fieldValidation").unwrap_or_default() {
            "Ignore" => FieldValidation::Ignore,
            "" | "Warn" => FieldValidation::Warn,
            "Strict" => FieldValidation::Strict,
            other => {
                problems.not_supported("fieldValidation", other, &["Ignore", "Strict", "Warn"]);
                FieldValidation::Warn
            }
        };
        let dry_run = dry_run(query, &mut problems);
        let given = value(query, "fieldManager").filter(|name| !name.is_empty());
        let manager = given.map_or_else(|| manager_of_agent(agent), str::to_owned);
        validate_manager(&manager, &mut problems);
        let manager_given = given.is_some();
        let force = flag(query, "force");
        let params = Self { dry_run, manager, manager_given, force, field_validation, ..Self::default() };
        if problems.is_empty() { Ok(params) } else { Err(invalid_options(options, problems)) }
    }
}

impl DeleteParams {
    /// The body (`DeleteOptions`, may be null) wins over the query, as upstream.
    ///
    /// # Errors
    /// 400 for a body of another kind, 422 for values upstream refuses.
    pub fn parse(query: &Query, body: &Value) -> ApiResult<Self> {
        let mut problems = Problems::default();
        let mut params = Self { dry_run: dry_run(query, &mut problems), ..Self::default() };
        let mut policy = value(query, "propagationPolicy").map(str::to_owned);
        let mut orphan = value(query, "orphanDependents").map(|text| text == "true");
        params.grace_seconds = match value(query, "gracePeriodSeconds") {
            None | Some("") => None,
            Some(text) => Some(text.parse().map_err(|_| not_a_number(text))?),
        };
        if let Value::Object(_) = body {
            if let Some(kind) = body["kind"].as_str().filter(|kind| *kind != "DeleteOptions") {
                return Err(ApiError::bad_request(format!(
                    "decoded object cannot be converted to DeleteOptions: {kind}"
                )));
            }
            params.uid = body["preconditions"]["uid"].as_str().map(str::to_owned);
            params.revision = body["preconditions"]["resourceVersion"].as_str().map(str::to_owned);
            params.grace_seconds = body["gracePeriodSeconds"].as_i64().or(params.grace_seconds);
            policy = body["propagationPolicy"].as_str().map(str::to_owned).or(policy);
            orphan = body["orphanDependents"].as_bool().or(orphan);
            let asked = body["dryRun"].as_array().into_iter().flatten();
            let asked: Vec<&str> = asked.map(|item| item.as_str().unwrap_or_default()).collect();
            params.dry_run |= is_dry(&asked, &mut problems);
        }
        params.propagation = propagation(policy.as_deref(), orphan, &mut problems);
        if problems.is_empty() { Ok(params) } else { Err(invalid_options("DeleteOptions", problems)) }
    }
}

fn propagation(policy: Option<&str>, orphan: Option<bool>, problems: &mut Problems) -> Option<Propagation> {
    if policy.is_some() && orphan.is_some() {
        problems.invalid(
            "propagationPolicy",
            policy.unwrap_or_default(),
            "orphanDependents and deletionPropagation cannot be both set",
        );
    }
    match policy {
        Some("Background") => Some(Propagation::Background),
        Some("Foreground") => Some(Propagation::Foreground),
        Some("Orphan") => Some(Propagation::Orphan),
        Some("") | None => orphan.map(|yes| if yes { Propagation::Orphan } else { Propagation::Background }),
        Some(other) => {
            problems.not_supported("propagationPolicy", other, &["Foreground", "Background", "Orphan", "nil"]);
            None
        }
    }
}

fn dry_run(query: &Query, problems: &mut Problems) -> bool {
    let asked = query.iter().filter(|(key, value)| key == "dryRun" && !value.is_empty());
    is_dry(&asked.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), problems)
}

fn is_dry(asked: &[&str], problems: &mut Problems) -> bool {
    for other in asked.iter().filter(|text| **text != "All") {
        problems.not_supported("dryRun", json!([other]), &["All"]);
    }
    asked.contains(&"All")
}

/// Upstream: `managerOrUserAgent`.
fn manager_of_agent(agent: &str) -> String {
    let name = agent.split('/').next().unwrap_or_default();
    let printable: String = name.chars().filter(|c| !c.is_control()).collect();
    if printable.is_empty() { "unknown".to_owned() } else { printable.chars().take(128).collect() }
}

/// # Errors
/// 400 if the text is not a revision.
pub fn revision(text: &str) -> ApiResult<u64> {
    text.parse().map_err(|_| ApiError::bad_request(format!("invalid resource version {text:?}: not a decimal number")))
}

fn number(query: &Query, name: &str) -> ApiResult<Option<i64>> {
    match value(query, name) {
        None | Some("") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| not_a_number(text)),
    }
}

fn not_a_number(text: &str) -> ApiError {
    ApiError::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
}

fn invalid_options(kind: &str, problems: Problems) -> ApiError {
    let kind = GroupVersionKind { group: "meta.k8s.io".into(), version: "v1".into(), kind: kind.to_owned().into() };
    ApiError::invalid(&kind, "", problems.list())
}
