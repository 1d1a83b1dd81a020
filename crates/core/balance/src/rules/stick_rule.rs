//! `stick on`, `stick match`, `stick store-request`, `stick store-response`: servers remembered in a stick table.

use super::{Context, parse, words::Words};
use crate::{
    acl::Condition,
    sample::{self, Expr, Value},
};

#[derive(Debug, Clone)]
pub struct StickRule {
    pub kind: StickKind,
    /// None: the table of the section the rule stands in.
    pub table: Option<String>,
    key: Expr,
    condition: Option<Condition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StickKind {
    /// `match` and `store-request` at once.
    On,
    /// The request goes to the server that the key's entry names, if it is usable.
    Match,
    /// The server chosen is remembered under a key of the request.
    StoreRequest,
    /// The server is remembered under a key of its response.
    StoreResponse,
}

impl StickKind {
    pub fn matches(self) -> bool {
        matches!(self, Self::On | Self::Match)
    }

    pub fn stores_request(self) -> bool {
        matches!(self, Self::On | Self::StoreRequest)
    }
}

/// The words behind `stick`.
pub fn stick(args: &[String], context: &Context<'_>) -> Result<StickRule, String> {
    let mut words = Words::new("stick", args);
    let kind = match words.value() {
        Some("on") => StickKind::On,
        Some("match") => StickKind::Match,
        Some("store-request") => StickKind::StoreRequest,
        Some("store-response") => StickKind::StoreResponse,
        _ => return Err("'stick' expects 'on', 'match', or 'store'.".into()),
    };
    if words.at_end() {
        return Err("'stick' expects a fetch method.".into());
    }
    let (key, used) = Expr::parse(words.rest(), context.env).map_err(|error| format!("'stick': {error}"))?;
    words.skip(used);
    let table = if words.take("table") { Some(words.value().unwrap_or_default().to_owned()) } else { None };
    if !words.at_end() {
        return Err(format!("'stick': unknown keyword '{}'.", words.peek().unwrap_or_default()));
    }
    let condition = parse::condition(words.rest(), context)
        .map_err(|error| format!("'stick': error detected while parsing sticking condition : {error}."))?;
    Ok(StickRule { kind, table, key, condition })
}

impl StickRule {
    /// The key of this stream, if the rule applies to it.
    pub fn key<'a>(&'a self, context: &'a dyn sample::Context) -> Option<Value<'a>> {
        let applies = self.condition.as_ref().is_none_or(|condition| condition.holds(context));
        if applies { self.key.get(context) } else { None }
    }
}
