//! `add-acl`, `del-acl`, `set-map`, `del-map`: changes of lists of patterns that last until the next start.

use std::borrow::Cow;

use super::{
    Context,
    action::{Step, text},
    exchange::{Effect, Exchange, MapChange},
    words::Words,
};
use crate::log::Format;

#[derive(Debug, Clone)]
pub struct MapAction {
    file: String,
    change: Change,
    key: Format,
    /// For `set-map`.
    value: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    AddAcl,
    DelAcl,
    SetMap,
    DelMap,
}

impl MapAction {
    pub fn parse(words: &mut Words<'_>, context: &Context<'_>, change: Change) -> Result<Self, String> {
        let refusal =
            if change == Change::SetMap { "expects exactly 2 arguments" } else { "expects exactly 1 arguments" };
        let file = words.argument.unwrap_or_default().to_owned();
        let key = words.format(refusal, context)?;
        let value = match change {
            Change::SetMap => Some(words.format(refusal, context)?),
            _ => None,
        };
        Ok(Self { file, change, key, value })
    }

    pub fn apply(&self, exchange: &mut dyn Exchange) -> Step {
        let key = Cow::Owned(text(&self.key, exchange));
        let value = Cow::Owned(self.value.as_ref().map(|value| text(value, exchange)).unwrap_or_default());
        let change = match self.change {
            Change::AddAcl => MapChange::AddAcl { key },
            Change::DelAcl => MapChange::DelAcl { key },
            Change::SetMap => MapChange::SetMap { key, value },
            Change::DelMap => MapChange::DelMap { key },
        };
        exchange.effect(Effect::Map { file: &self.file, change });
        Step::Next
    }
}
