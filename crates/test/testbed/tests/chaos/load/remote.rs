//! Connections to the API through the machine's door, as the administrator.

use super::{Plan, SERVER};
use client::{Remote, RemoteOptions};
use testbed::administrator;

/// A new one: clients do not share a connection unless they are made to.
pub fn connect(plan: &Plan) -> Remote {
    let options = RemoteOptions { server: SERVER.to_owned(), ..administrator(plan.kubeconfig.as_ref()) };
    Remote::new(options).expect("good options")
}
