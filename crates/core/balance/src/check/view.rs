//! What expressions and formats of a check may look at.

use crate::http::ResponseHead;
use crate::sample::{Buffer, Context, Named, Side, Value, Var};
use std::cell::RefCell;
use std::collections::HashMap;

/// Whom a check is about; what its texts may name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    pub backend: String,
    pub backend_id: u32,
    pub server: String,
    pub server_id: u32,
    pub hostname: String,
    /// The server is not down: `disable-on-404` is for running servers.
    pub running: bool,
    /// The value of `X-Haproxy-Server-State`, if the check sends it.
    pub state: Option<String>,
}

pub(super) type Vars = RefCell<HashMap<Var, Value<'static>>>;

/// A check at work, for samples.
pub(super) struct View<'a> {
    pub about: &'a About,
    pub vars: &'a Vars,
    pub bytes: &'a [u8],
    pub complete: bool,
    pub response: Option<&'a ResponseHead>,
}

impl Context for View<'_> {
    fn hostname(&self) -> Option<&str> {
        Some(&self.about.hostname)
    }

    fn response(&self) -> Option<&ResponseHead> {
        self.response
    }

    fn in_response(&self) -> bool {
        true
    }

    fn buffer(&self, side: Side) -> Option<Buffer<'_>> {
        (side == Side::Server).then_some(Buffer { bytes: self.bytes, complete: self.complete })
    }

    fn backend(&self) -> Option<Named<'_>> {
        Some(Named { name: &self.about.backend, id: self.about.backend_id })
    }

    fn server(&self) -> Option<Named<'_>> {
        Some(Named { name: &self.about.server, id: self.about.server_id })
    }

    fn var(&self, var: &Var) -> Option<Value<'static>> {
        self.vars.borrow().get(var).cloned()
    }

    fn set_var(&self, var: &Var, value: Option<Value<'static>>) {
        match value {
            Some(value) => self.vars.borrow_mut().insert(var.clone(), value),
            None => self.vars.borrow_mut().remove(var),
        };
    }
}
