//! Answers of the review kinds: they are asked, never stored.
//!
//! Upstream: `pkg/registry/authorization`, `pkg/registry/authentication`. Each function takes the posted document and
//! returns it with its `status`.

use super::authenticator::Authenticator;
use super::rbac::{Attributes, Authorizer, Decision, Target};
use super::user::UserInfo;
use apimachinery::{ApiError, ApiResult, GroupVersionKind, Problems, Value};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize, Default)]
#[serde(default)]
struct ResourceAttributes {
    namespace: String,
    verb: String,
    group: String,
    resource: String,
    subresource: String,
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PathAttributes {
    path: String,
    verb: String,
}

/// SelfSubjectAccessReview: may I?
///
/// # Errors
/// 422 unless exactly one of the two kinds of attributes is given.
pub fn self_subject_access(authorizer: &Authorizer, user: &UserInfo, review: Value) -> ApiResult<Value> {
    access(authorizer, user, review, "SelfSubjectAccessReview")
}

/// SubjectAccessReview: may they?
///
/// # Errors
/// 422 if no subject is named, or not exactly one of the two kinds of attributes.
pub fn subject_access(authorizer: &Authorizer, review: Value) -> ApiResult<Value> {
    let user = subject(&review, "SubjectAccessReview")?;
    access(authorizer, &user, review, "SubjectAccessReview")
}

/// LocalSubjectAccessReview: may they, in this namespace?
///
/// # Errors
/// 400 if the review asks about another namespace than it is posted to; else as [`subject_access`].
pub fn local_subject_access(authorizer: &Authorizer, namespace: &str, review: Value) -> ApiResult<Value> {
    let asked = review["spec"]["resourceAttributes"]["namespace"].as_str().unwrap_or_default();
    if asked != namespace {
        let text = format!("spec.resourceAttributes.namespace must match namespace: {asked}");
        return Err(ApiError::bad_request(text));
    }
    let user = subject(&review, "LocalSubjectAccessReview")?;
    access(authorizer, &user, review, "LocalSubjectAccessReview")
}

/// SelfSubjectRulesReview: what may I, in this namespace?
///
/// # Errors
/// 400 without a namespace.
pub fn self_subject_rules(authorizer: &Authorizer, user: &UserInfo, mut review: Value) -> ApiResult<Value> {
    let namespace = review["spec"]["namespace"].as_str().unwrap_or_default();
    if namespace.is_empty() {
        return Err(ApiError::bad_request("no namespace on request"));
    }
    let (held, errors) = authorizer.rules_of(user, namespace);
    let (mut resource_rules, mut path_rules) = (Vec::new(), Vec::new());
    for rule in held.iter().flat_map(|rules| rules.iter()) {
        if !rule.resources.is_empty() {
            let mut shown = json!(rule);
            // The lists stand side by side here; a rule of a role may hold both.
            _ = shown.as_object_mut().map(|shown| shown.remove("nonResourceURLs"));
            resource_rules.push(shown);
        }
        if !rule.non_resource_urls.is_empty() {
            path_rules.push(json!({"verbs": rule.verbs, "nonResourceURLs": rule.non_resource_urls}));
        }
    }
    review["status"] =
        json!({"resourceRules": resource_rules, "nonResourceRules": path_rules, "incomplete": !errors.is_empty()});
    if !errors.is_empty() {
        review["status"]["evaluationError"] = errors.join(", ").into();
    }
    Ok(review)
}

/// SelfSubjectReview (`kubectl auth whoami`): who am I?
pub fn self_subject(user: &UserInfo, mut review: Value) -> Value {
    review["status"] = json!({"userInfo": user});
    review
}

/// TokenReview: whose token is this?
///
/// # Errors
/// 400 without a token.
pub async fn token(authenticator: &Authenticator, mut review: Value) -> ApiResult<Value> {
    let token = review["spec"]["token"].as_str().unwrap_or_default();
    if token.is_empty() {
        return Err(ApiError::bad_request("token is required for TokenReview in authentication"));
    }
    let audiences: Vec<String> = review["spec"]["audiences"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    review["status"] = match authenticator.review_token(token, &audiences).await {
        Ok(verified) => json!({"authenticated": true, "user": *verified.user, "audiences": verified.audiences}),
        Err(error) => json!({"user": {}, "error": error.to_string()}),
    };
    Ok(review)
}

fn access(authorizer: &Authorizer, user: &UserInfo, mut review: Value, kind: &'static str) -> ApiResult<Value> {
    let spec = &review["spec"];
    let resource: Option<ResourceAttributes> = read(&spec["resourceAttributes"])?;
    let path: Option<PathAttributes> = read(&spec["nonResourceAttributes"])?;
    let asked = match (&resource, &path) {
        (Some(asked), None) => Attributes {
            user,
            verb: &asked.verb,
            target: Target::Resource {
                group: &asked.group,
                resource: &asked.resource,
                subresource: &asked.subresource,
                namespace: &asked.namespace,
                name: &asked.name,
            },
        },
        (None, Some(asked)) => Attributes { user, verb: &asked.verb, target: Target::Path(&asked.path) },
        (Some(_), Some(_)) => {
            let detail = "cannot be specified in combination with resourceAttributes";
            return Err(invalid(kind, "spec.nonResourceAttributes", spec["nonResourceAttributes"].clone(), detail));
        }
        (None, None) => {
            let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            return Err(invalid(kind, "spec.resourceAttributes", Value::Null, detail));
        }
    };
    let (allowed, reason) = match authorizer.authorize(&asked) {
        Decision::Allowed(reason) => (true, reason),
        Decision::NoOpinion(reason) => (false, reason),
    };
    review["status"] = json!({"allowed": allowed});
    if !reason.is_empty() {
        review["status"]["reason"] = reason.into();
    }
    Ok(review)
}

/// The user a review is about.
fn subject(review: &Value, kind: &'static str) -> ApiResult<UserInfo> {
    let spec = &review["spec"];
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let name = spec["user"].as_str().unwrap_or_default().to_owned();
    let groups = texts(&spec["groups"]);
    if name.is_empty() && groups.is_empty() {
        return Err(invalid(kind, "spec.user", "", "at least one of user or group must be specified"));
    }
    Ok(UserInfo { name, groups, uid: spec["uid"].as_str().unwrap_or_default().to_owned(), ..UserInfo::default() })
}

fn read<'a, T: Deserialize<'a>>(value: &'a Value) -> ApiResult<Option<T>> {
    Option::deserialize(value).map_err(|error| ApiError::bad_request(error.to_string()))
}

fn invalid(kind: &'static str, field: &str, value: impl Into<Value>, detail: &str) -> ApiError {
    let mut problems = Problems::default();
    problems.invalid(field, value, detail);
    let kind = GroupVersionKind::of("authorization.k8s.io", "v1", kind);
    ApiError::invalid(&kind, "", problems.list())
}
