//! `sc-inc-gpc`, `sc-inc-gpc0`, `sc-inc-gpc1`, `sc-set-gpt`, `sc-set-gpt0`: numbers of tracked entries.

use super::{
    Context,
    action::Step,
    exchange::{Effect, Exchange},
    track::SLOTS,
    words::Words,
};
use crate::sample::{Counter, Entry, Expr, Touch};

#[derive(Debug, Clone)]
pub struct CounterAction {
    slot: u8,
    change: Change,
}

#[derive(Debug, Clone)]
enum Change {
    Increment(Counter),
    Tag { index: Option<u8>, value: Number },
}

#[derive(Debug, Clone)]
enum Number {
    Fixed(u32),
    Sample(Expr),
}

impl CounterAction {
    /// `sc-inc-gpc0(sc)`, `sc-inc-gpc1(sc)`.
    pub fn parse_increment(words: &mut Words<'_>, counter: Counter) -> Result<Self, String> {
        Ok(Self { slot: slot(words.argument.unwrap_or_default())?, change: Change::Increment(counter) })
    }

    /// `sc-inc-gpc(index,sc)`.
    pub fn parse_increment_any(words: &mut Words<'_>) -> Result<Self, String> {
        let (index, slot) = index_and_slot(words)?;
        Ok(Self { slot, change: Change::Increment(Counter::Gpc(index)) })
    }

    /// `sc-set-gpt0(sc) 5`, or a sample instead of the number.
    pub fn parse_tag0(words: &mut Words<'_>, context: &Context<'_>) -> Result<Self, String> {
        let slot = slot(words.argument.unwrap_or_default())?;
        Ok(Self { slot, change: Change::Tag { index: None, value: Number::parse(words, context)? } })
    }

    /// `sc-set-gpt(index,sc) 5`.
    pub fn parse_tag(words: &mut Words<'_>, context: &Context<'_>) -> Result<Self, String> {
        let (index, slot) = index_and_slot(words)?;
        Ok(Self { slot, change: Change::Tag { index: Some(index), value: Number::parse(words, context)? } })
    }

    pub fn apply(&self, exchange: &mut dyn Exchange) -> Step {
        let slot = self.slot;
        match &self.change {
            Change::Increment(counter) => {
                exchange.counter(Entry::Tracked(slot), None, *counter, Touch::Increment);
            }
            Change::Tag { index, value } => {
                let value = match value {
                    Number::Fixed(value) => Some(*value),
                    Number::Sample(expr) => {
                        expr.get(exchange).and_then(|value| value.as_int()).map(|value| value as u32)
                    }
                };
                if let Some(value) = value {
                    exchange.effect(Effect::SetGpt { slot, index: *index, value });
                }
            }
        }
        Step::Next
    }
}

impl Number {
    fn parse(words: &mut Words<'_>, context: &Context<'_>) -> Result<Self, String> {
        if let Some(number) = words.peek().and_then(|word| word.parse().ok()) {
            words.skip(1);
            return Ok(Self::Fixed(number));
        }
        let (expr, used) = Expr::parse(words.rest(), context.env)?;
        words.skip(used);
        Ok(Self::Sample(expr))
    }
}

/// An empty slot is 0, as HAProxy reads it.
fn slot(text: &str) -> Result<u8, String> {
    let number = if text.is_empty() { Some(0) } else { text.trim().parse().ok() };
    number
        .filter(|slot| *slot < SLOTS)
        .ok_or_else(|| format!("invalid stick table track ID. The max allowed ID is {}", SLOTS - 1))
}

fn index_and_slot(words: &Words<'_>) -> Result<(u8, u8), String> {
    let argument = words.argument.unwrap_or_default();
    let (index, slot) = argument.split_once(',').ok_or("Missing ID")?;
    let index = index.trim().parse().ok().filter(|index| *index < 100);
    let index = index.ok_or("invalid gpc/gpt index: must be between 0 and 99")?;
    let slot = slot.trim().parse().ok().filter(|slot| *slot < SLOTS);
    let slot = slot
        .ok_or_else(|| format!("invalid stick table track ID '{}'. The max allowed ID is {}", words.name, SLOTS - 1))?;
    Ok((index, slot))
}
