//! `early-hint`: a field of a 103 answer that goes out before the server was asked.

use std::borrow::Cow;

use super::{
    Context,
    action::{Step, text},
    exchange::{Effect, Exchange},
    words::Words,
};
use crate::log::Format;

#[derive(Debug, Clone)]
pub struct EarlyHint {
    name: String,
    value: Format,
}

impl EarlyHint {
    pub fn parse(words: &mut Words<'_>, context: &Context<'_>) -> Result<Self, String> {
        let [name, value] = words.values("expects exactly 2 arguments")?;
        Ok(Self { name: name.to_ascii_lowercase(), value: Format::parse(value, context.env)? })
    }

    pub fn apply(&self, exchange: &mut dyn Exchange) -> Step {
        let value = Cow::Owned(text(&self.value, exchange));
        exchange.effect(Effect::EarlyHint { name: self.name.as_bytes(), value });
        Step::Next
    }
}
