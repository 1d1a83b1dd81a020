//! Who is asking, and may they: authentication, impersonation, RBAC, service account tokens, access reviews.
//!
//! The order for one request: [`Authenticator::authenticate`], [`impersonation::apply`], [`Authorizer::check`] (nodes, then RBAC);
//! for writes of RBAC objects also [`rbac::escalation::check`].

pub mod authenticator;
pub mod bootstrap;
mod bootstrap_token;
pub mod certificate;
pub mod impersonation;
pub mod node;
pub mod rbac;
pub mod reviews;
pub mod token_request;
pub mod tokens;
pub mod user;

pub use authenticator::Authenticator;
pub use bootstrap_token::SECRETS_PLACE;
pub use rbac::{Attributes, Authorizer, Decision, Target};
pub use tokens::TokenIssuer;
pub use user::UserInfo;

#[cfg(test)]
mod tests;
