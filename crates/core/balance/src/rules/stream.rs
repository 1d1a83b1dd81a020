//! Actions on the stream itself: addresses, log level, priorities, packets, timeouts.

use std::net::IpAddr;

use super::{
    Context,
    action::Step,
    exchange::{Effect, Exchange, Timer},
    words::{Words, millis},
};
use crate::{log::Level, sample::Expr};

#[derive(Debug, Clone)]
pub enum StreamAction {
    /// Always the same.
    Fixed(Effect<'static>),
    /// What a sample says, if it says anything that fits.
    Sampled(Sampled, Expr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampled {
    Source,
    SourcePort,
    Destination,
    DestinationPort,
    Timeout(Timer),
    PriorityClass,
    PriorityOffset,
}

impl StreamAction {
    pub fn parse_sampled(words: &mut Words<'_>, context: &Context<'_>, what: Sampled) -> Result<Self, String> {
        let (expr, used) = Expr::parse(words.rest(), context.env)?;
        words.skip(used);
        Ok(Self::Sampled(what, expr))
    }

    pub fn parse_log_level(words: &mut Words<'_>, _: &Context<'_>) -> Result<Self, String> {
        const REFUSAL: &str = "expects exactly 1 argument (log level name or 'silent')";
        let name = words.next_argument().ok_or(REFUSAL)?;
        let level = match name {
            "silent" => None,
            _ => Some(Level::parse(name).ok_or(REFUSAL)?),
        };
        Ok(Self::Fixed(Effect::LogLevel(level)))
    }

    pub fn parse_nice(words: &mut Words<'_>, _: &Context<'_>) -> Result<Self, String> {
        let word = words.next_argument().ok_or("expects exactly 1 argument (integer value)")?;
        // HAProxy reads what is no number as 0, and cuts at the limits.
        let nice = word.parse::<i32>().unwrap_or(0).clamp(-1024, 1024);
        Ok(Self::Fixed(Effect::Nice(nice)))
    }

    pub fn parse_mark(words: &mut Words<'_>, _: &Context<'_>) -> Result<Self, String> {
        number(words).map(|mark| Self::Fixed(Effect::Mark(mark)))
    }

    pub fn parse_tos(words: &mut Words<'_>, _: &Context<'_>) -> Result<Self, String> {
        number(words).map(|tos| Self::Fixed(Effect::Tos(tos as u8)))
    }

    pub fn parse_timeout(words: &mut Words<'_>, context: &Context<'_>) -> Result<Self, String> {
        const REFUSAL: &str = "expects exactly 2 arguments";
        let name = words.next_argument().ok_or(REFUSAL)?;
        let timer = match name {
            "server" => Timer::Server,
            "tunnel" => Timer::Tunnel,
            other => return Err(format!("'set-timeout' rule supports 'server'/'tunnel' (got '{other}')")),
        };
        let value = words.peek().ok_or(REFUSAL)?;
        if value.starts_with(|first: char| first.is_ascii_digit()) {
            words.skip(1);
            let refusal = |error| format!("{error} in rule 'set-timeout {name}'");
            return match millis(value).map_err(refusal)? {
                0 => Err(format!("null value is not valid for a 'set-timeout {name}' rule")),
                millis => Ok(Self::Fixed(Effect::Timeout { timer, millis })),
            };
        }
        Self::parse_sampled(words, context, Sampled::Timeout(timer))
    }

    pub fn apply(&self, exchange: &mut dyn Exchange) -> Step {
        let effect = match self {
            Self::Fixed(effect) => Some(effect.clone()),
            Self::Sampled(what, expr) => what.effect(expr, exchange),
        };
        if let Some(effect) = effect {
            exchange.effect(effect);
        }
        Step::Next
    }
}

impl Sampled {
    fn effect(self, expr: &Expr, exchange: &dyn Exchange) -> Option<Effect<'static>> {
        let value = expr.get(exchange)?;
        let address = || -> Option<IpAddr> { value.as_ip() };
        let port = || u16::try_from(value.as_int()?).ok();
        let within = |limit: i64| Some(value.as_int()?.clamp(-limit, limit) as i32);
        Some(match self {
            Self::Source => Effect::Source(address()?),
            Self::SourcePort => Effect::SourcePort(port()?),
            Self::Destination => Effect::Destination(address()?),
            Self::DestinationPort => Effect::DestinationPort(port()?),
            Self::Timeout(timer) => {
                let millis = u64::try_from(value.as_int()?).ok().filter(|millis| *millis > 0)?;
                Effect::Timeout { timer, millis }
            }
            Self::PriorityClass => Effect::PriorityClass(within(2047)?),
            Self::PriorityOffset => Effect::PriorityOffset(within(524_287)?),
        })
    }
}

/// Decimal, or hexadecimal behind `0x`.
fn number(words: &mut Words<'_>) -> Result<u32, String> {
    let word = words.next_argument().ok_or("expects exactly 1 argument (integer/hex value)")?;
    let parsed = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => word.parse(),
    };
    parsed.map_err(|_| format!("invalid character starting at '{word}' (integer/hex value expected)"))
}
