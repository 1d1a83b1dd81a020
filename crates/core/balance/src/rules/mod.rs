//! Rules of `tcp-request`, `http-request` and their like: one file per family of actions.
//!
//! A rule is an action and the condition under which it applies. [`evaluate`] runs a list of them over an
//! [`Exchange`]: they change its heads at once, ask for effects that need more than heads, and end with a [`Verdict`]
//! that the caller carries out. Which actions stand in which kind of list says the table in `sets.rs`.

mod action;
mod answer;
mod capture;
pub mod cookie;
mod counters;
mod early_hint;
mod evaluate;
mod exchange;
pub mod forward;
mod headers;
mod maps;
mod normalize;
mod parse;
mod persist;
mod redirect;
mod sets;
mod stick_rule;
mod stream;
mod switch;
mod track;
mod uri;
mod variables;
pub(crate) mod words;

pub use action::Rule;
pub use answer::{Spec as ErrorSpec, parse_http_error};
pub use evaluate::evaluate;
pub use exchange::{Effect, Exchange, MapChange, Timer, Verdict};
pub use parse::{TcpRequest, TcpResponse, http_after_response, http_request, http_response, tcp_request, tcp_response};
pub use persist::{PersistRule, force_persist, ignore_persist, monitor_fail};
pub use redirect::redirect;
pub use sets::{ACTIONS, ActionRow, Set, Support};
pub use stick_rule::{StickKind, StickRule, stick};
pub use switch::{ServerSwitch, Switch, use_backend, use_server};

use std::cell::RefCell;

use crate::{acl::Acls, sample::Env};

/// What the parser of a rule may look at.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Name of the section, for messages.
    pub proxy: &'a str,
    pub acls: &'a Acls,
    pub env: Env<'a>,
    /// Experimental actions are allowed (`expose-experimental-directives` in `global`).
    pub experimental: bool,
    /// Slots for captures declared by the section, requests and responses: rules may add to the requests'.
    pub captures: &'a RefCell<[Vec<usize>; 2]>,
    /// Texts of warnings, to be shown with the rule's place.
    pub warnings: &'a RefCell<Vec<String>>,
}

impl Context<'_> {
    /// What messages call the kind of section.
    fn kind(&self) -> &'static str {
        match self.env.notes().standing().kind {
            "" => "proxy",
            kind => kind,
        }
    }
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
