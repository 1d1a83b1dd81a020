//! Bootstrap tokens as bearer tokens: `abcdef.0123456789abcdef`, known by a Secret in kube-system.
//!
//! Upstream: `plugin/pkg/auth/authenticator/token/bootstrap/bootstrap.go`.

use super::authenticator::unix_now;
use super::tokens::TokenError;
use super::user::UserInfo;
use crate::cache::Shelf;
use aws_lc_rs::constant_time::verify_slices_are_equal;
pub use kinds::corev1::bootstrap_token::halves;
use kinds::corev1::bootstrap_token::{BootstrapToken, NAME_PREFIX, NAMESPACE};
use std::sync::Arc;

/// Where Secrets are kept.
pub const SECRETS_PLACE: &str = "/registry/core/secrets/";

/// `system:bootstrap:<id>`, of the token's groups.
pub fn bootstrap_user(secrets: &Shelf, (id, secret): (&str, &str)) -> Result<Arc<UserInfo>, TokenError> {
    let object = secrets.get(&format!("{SECRETS_PLACE}{NAMESPACE}/{NAME_PREFIX}{id}"));
    let object = object.filter(|object| !object.head.is_deleting()).ok_or(TokenError::Malformed)?;
    let token = BootstrapToken::read(&object.to_value()).ok_or(TokenError::Malformed)?;
    verify_slices_are_equal(token.secret.as_bytes(), secret.as_bytes()).map_err(|_| TokenError::Malformed)?;
    if token.is_expired(unix_now()) {
        return Err(TokenError::Expired);
    }
    if !token.authentication {
        return Err(TokenError::Invalidated);
    }
    let groups = token.groups().ok_or(TokenError::Invalidated)?;
    Ok(Arc::new(UserInfo::authenticated(format!("system:bootstrap:{id}"), groups)))
}
