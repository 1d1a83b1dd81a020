//! `capture`: keeps a sample for the log (`%hr`, `%hs`) and for `capture.req.hdr`.

use std::borrow::Cow;

use super::{
    Context,
    action::Step,
    exchange::{Effect, Exchange},
    words::Words,
};
use crate::sample::{Expr, Fetched, Side, Value};

#[derive(Debug, Clone)]
pub struct Capture {
    expr: Expr,
    pub side: Side,
    pub slot: usize,
    /// Bytes kept, at most.
    len: usize,
}

impl Capture {
    /// `capture <sample> len <n>` makes a slot of its own; `id <n>` names a declared one.
    pub fn parse(words: &mut Words<'_>, context: &Context<'_>, side: Side) -> Result<Self, String> {
        const REFUSAL: &str = "expects <expression> [ 'len' <length> | id <idx> ]";
        if words.at_end() {
            return Err(REFUSAL.into());
        }
        let (expr, used) = Expr::parse(words.rest(), context.env)?;
        words.skip(used);
        let keyword = words.next_argument().ok_or(REFUSAL)?;
        let value = words.value().ok_or(REFUSAL)?;
        let slots = &mut context.captures.borrow_mut()[usize::from(side == Side::Server)];
        match keyword {
            "len" if side == Side::Server => Err("response capture rules need 'id <idx>'".into()),
            "len" => {
                let len = value.parse().map_err(|_| format!("cannot parse 'len' value '{value}'"))?;
                if len == 0 {
                    return Err("length must be > 0".into());
                }
                slots.push(len);
                Ok(Self { expr, side, slot: slots.len() - 1, len })
            }
            "id" => {
                let slot = value.parse().map_err(|_| format!("cannot parse id '{value}'"))?;
                Ok(Self { expr, side, slot, len: slots.get(slot).copied().unwrap_or(0) })
            }
            _ => Err(REFUSAL.into()),
        }
    }

    /// `tcp-request content capture <sample> len <n>`.
    pub fn parse_tcp(words: &mut Words<'_>, context: &Context<'_>) -> Result<Self, String> {
        const REFUSAL: &str = "a positive 'len' argument is mandatory";
        let (expr, used) = Expr::parse(words.rest(), context.env)?;
        words.skip(used);
        let len = if words.take("len") { words.value().and_then(|word| word.parse().ok()) } else { None };
        let len = len.filter(|len| *len > 0).ok_or(REFUSAL)?;
        let slots = &mut context.captures.borrow_mut()[0];
        slots.push(len);
        Ok(Self { expr, side: Side::Client, slot: slots.len() - 1, len })
    }

    pub fn apply(&self, exchange: &mut dyn Exchange) -> Step {
        let text = match self.expr.find(exchange) {
            Fetched::NotYet | Fetched::Changing(_) if !exchange.is_final() => return Step::Wait,
            found => found.value().map(|value: Value<'_>| value.into_bytes().into_owned()),
        };
        if let Some(mut text) = text {
            text.truncate(self.len);
            let (side, slot, len) = (self.side, self.slot, self.len);
            exchange.effect(Effect::Capture { side, slot, len, text: Cow::Owned(text) });
        }
        Step::Next
    }
}
