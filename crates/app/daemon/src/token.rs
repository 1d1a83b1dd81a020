//! Bootstrap tokens, made and shown with the administrator's credentials of a master.

use crate::init::{self, InitError, JoinLine, publish};
use crate::{Config, identity};
use apimachinery::{ApiError, Value};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use client::remote::Remote;
use client::{Api, DeleteOptions, ListOptions, Scope, resources};
use cluster::bootstrap::{MASTER_GROUP, Token};
use cluster::{Membership, MembershipError, PkiError, parcel};
use publish::TokenKind;
use std::time::Duration;

const NAMESPACE: &str = "kube-system";
const TYPE: &str = "bootstrap.kubernetes.io/token";

#[derive(Debug, thiserror::Error)]
pub enum TokenCommandError {
    #[error(
        "this machine is no master of a cluster: `barque token` works on one that `init` or `join --control-plane` made"
    )]
    NoMaster,
    #[error(transparent)]
    Membership(#[from] MembershipError),
    #[error(transparent)]
    Pki(#[from] PkiError),
    #[error(transparent)]
    Make(#[from] InitError),
    #[error("the API refused: {0}")]
    Api(ApiError),
}

#[derive(Debug, Clone)]
pub struct Wanted {
    pub token: Option<Token>,
    pub ttl: Option<Duration>,
    pub description: String,
    pub control_plane: bool,
}

struct Master {
    config: Config,
    membership: Membership,
    ca: String,
    api: Remote,
}

impl Master {
    fn of(config: &Config) -> Result<Self, TokenCommandError> {
        let membership = Membership::load(&config.config_dir)?.filter(Membership::is_control_plane);
        let membership = membership.ok_or(TokenCommandError::NoMaster)?;
        let config = config.clone().of_member(&membership);
        let admin = identity::administrator(&config, &format!("https://{}", membership.local_api))?;
        let (api, ca) = admin.ok_or(TokenCommandError::NoMaster)?;
        Ok(Self { api: api.map_err(TokenCommandError::Api)?, config, membership, ca })
    }
}

/// Makes a token, for a master with the keys it fetches; returns its line.
///
/// # Errors
/// [`TokenCommandError`].
pub async fn create(config: &Config, wanted: Wanted) -> Result<JoinLine, TokenCommandError> {
    let master = Master::of(config)?;
    let kind = if wanted.control_plane { TokenKind::Master } else { TokenKind::Worker };
    let ttl = wanted.ttl.unwrap_or_else(|| kind.ttl());
    let token = match wanted.token {
        Some(token) => token,
        None => Token::generate().map_err(InitError::from)?,
    };
    publish::put_token(&master.api, &token, kind.groups(), ttl, &wanted.description).await?;
    let certificate_key = wanted.control_plane.then(parcel::new_key);
    if let Some(key) = &certificate_key {
        publish::keys(&master.api, &master.config, key).await?;
    }
    let ca_hash = init::ca_hash(&master.ca).map_err(TokenCommandError::Api)?;
    Ok(JoinLine { endpoint: init::reachable(&master.membership), token: token.to_string(), ca_hash, certificate_key })
}

/// Rows of `token list`: token, time to live, end, usages, description, what joins with it.
///
/// # Errors
/// [`TokenCommandError`].
pub async fn list(config: &Config) -> Result<Vec<Vec<String>>, TokenCommandError> {
    let master = Master::of(config)?;
    let options = ListOptions { field_selector: format!("type={TYPE}"), ..ListOptions::default() };
    let listed = master.api.list(&resources::SECRETS, Scope::Namespace(NAMESPACE), &options).await;
    let listed = listed.map_err(TokenCommandError::Api)?;
    let now = jiff::Timestamp::now();
    Ok(listed.items.iter().map(|secret| row(&secret.to_value(), now)).collect())
}

/// By token or id.
///
/// # Errors
/// [`TokenCommandError`].
pub async fn delete(config: &Config, which: &str) -> Result<(), TokenCommandError> {
    let master = Master::of(config)?;
    let id = which.split('.').next().unwrap_or_default();
    let name = format!("bootstrap-token-{id}");
    let deleted = master.api.delete(&resources::SECRETS, NAMESPACE, &name, &DeleteOptions::default()).await;
    deleted.map_err(TokenCommandError::Api)
}

fn row(secret: &Value, now: jiff::Timestamp) -> Vec<String> {
    let of = |key: &str| {
        let text = secret["data"][key].as_str().and_then(|text| BASE64_STANDARD.decode(text).ok());
        text.and_then(|text| String::from_utf8(text).ok()).unwrap_or_default()
    };
    let expires = of("expiration");
    let ttl = match expires.parse::<jiff::Timestamp>() {
        Ok(end) => {
            let left = Duration::from_secs(u64::try_from(end.duration_since(now).as_secs()).unwrap_or(0));
            if left.is_zero() { "<expired>".to_owned() } else { crate::status::words(left) }
        }
        Err(_) => "<forever>".to_owned(),
    };
    let usages =
        ["authentication", "signing"].into_iter().filter(|usage| of(&format!("usage-bootstrap-{usage}")) == "true");
    let role =
        if of("auth-extra-groups").split(',').any(|group| group == MASTER_GROUP) { "masters" } else { "workers" };
    let expires = if expires.is_empty() { "<never>".to_owned() } else { expires };
    let token = format!("{}.{}", of("token-id"), of("token-secret"));
    vec![token, ttl, expires, usages.collect::<Vec<_>>().join(","), of("description"), role.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_and_how_long() {
        let token: Token = "abcdef.0123456789abcdef".parse().unwrap();
        let object = token.object("mine", Some("2027-01-15T09:00:00Z"), &["authentication"], &[MASTER_GROUP]);
        let mut secret = serde_json::json!({"data": {}});
        for (key, value) in object["stringData"].as_object().unwrap() {
            secret["data"][key] = BASE64_STANDARD.encode(value.as_str().unwrap()).into();
        }
        let row = row(&secret, "2027-01-15T08:00:00Z".parse().unwrap());
        assert_eq!(row[0], "abcdef.0123456789abcdef");
        assert_eq!(row[2..], ["2027-01-15T09:00:00Z", "authentication", "mine", "masters"]);
        assert!(row[1].contains('1'), "{row:?}");
    }
}
