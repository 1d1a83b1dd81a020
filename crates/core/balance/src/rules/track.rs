//! `track-sc0` to `track-sc2`: counts a stream in a stick table's entry.

use super::{
    Context,
    action::Step,
    exchange::{Effect, Exchange},
    words::Words,
};
use crate::sample::{Expr, Fetched, Value};

/// Slots a stream has for entries it is counted in.
pub const SLOTS: u8 = 3;

#[derive(Debug, Clone)]
pub struct Track {
    slot: u8,
    key: Expr,
    /// By default that of the section the rule stands in: the stream may have another backend by then.
    pub table: String,
}

impl Track {
    pub fn parse(words: &mut Words<'_>, context: &Context<'_>) -> Result<Self, String> {
        let digits = words.name.trim_start_matches("track-sc");
        let slot = digits.parse().ok().filter(|slot| *slot < SLOTS).ok_or_else(|| match digits.parse::<u32>() {
            Ok(number) => format!("{number} track-sc number exceeding {} (MAX_SESS_STKCTR-1) value", SLOTS - 1),
            Err(_) => "expects a track number : track-sc<number>".to_owned(),
        })?;
        let (key, used) = Expr::parse(words.rest(), context.env)?;
        words.skip(used);
        let table = if words.take("table") { words.value().ok_or("missing table name")? } else { context.proxy };
        Ok(Self { slot, key, table: table.to_owned() })
    }

    pub fn apply(&self, exchange: &mut dyn Exchange) -> Step {
        let key = match self.key.find(exchange) {
            Fetched::NotYet | Fetched::Changing(_) if !exchange.is_final() => return Step::Wait,
            found => found.value().map(Value::into_owned),
        };
        if let Some(key) = key {
            exchange.effect(Effect::Track { slot: self.slot, table: &self.table, key });
        }
        Step::Next
    }
}
