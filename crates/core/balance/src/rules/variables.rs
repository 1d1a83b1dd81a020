//! `set-var`, `set-var-fmt`, `unset-var`.

use super::{
    Context,
    action::{Step, text},
    exchange::Exchange,
    words::Words,
};
use crate::{
    log::Format,
    sample::{Expr, Fetched, Value, Var},
};

#[derive(Debug, Clone)]
pub enum VarAction {
    Set { var: Var, expr: Expr, only: Vec<Only> },
    SetFormat { var: Var, format: Format, only: Vec<Only> },
    Unset { var: Var },
}

/// Under what circumstances a variable is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    Exists,
    NotExists,
    Empty,
    NotEmpty,
    Set,
    NotSet,
    Greater,
    Less,
}

const ONLY: &[(&str, Only)] = &[
    ("ifexists", Only::Exists),
    ("ifnotexists", Only::NotExists),
    ("ifempty", Only::Empty),
    ("ifnotempty", Only::NotEmpty),
    ("ifset", Only::Set),
    ("ifnotset", Only::NotSet),
    ("ifgt", Only::Greater),
    ("iflt", Only::Less),
];

impl VarAction {
    pub fn parse_set(words: &mut Words<'_>, context: &Context<'_>) -> Result<Self, String> {
        let (var, only) = variable(words)?;
        let (expr, used) = Expr::parse(words.rest(), context.env)?;
        words.skip(used);
        Ok(Self::Set { var, expr, only })
    }

    pub fn parse_set_format(words: &mut Words<'_>, context: &Context<'_>) -> Result<Self, String> {
        let (var, only) = variable(words)?;
        Ok(Self::SetFormat { var, format: words.format("missing format", context)?, only })
    }

    pub fn parse_unset(words: &mut Words<'_>, _: &Context<'_>) -> Result<Self, String> {
        Ok(Self::Unset { var: variable(words)?.0 })
    }

    pub fn apply(&self, exchange: &dyn Exchange) -> Step {
        let (var, only, value) = match self {
            Self::Unset { var } => {
                exchange.set_var(var, None);
                return Step::Next;
            }
            Self::Set { var, expr, only } => match expr.find(exchange) {
                Fetched::NotYet if !exchange.is_final() => return Step::Wait,
                found => (var, only, found.value().map(Value::into_owned)),
            },
            Self::SetFormat { var, format, only } => (var, only, Some(Value::str(text(format, exchange)))),
        };
        let Some(value) = value else { return Step::Next };
        let allowed = only.is_empty() || {
            let old = exchange.var(var);
            only.iter().all(|only| only.holds(old.as_ref(), &value))
        };
        if allowed {
            exchange.set_var(var, Some(value));
        }
        Step::Next
    }
}

impl Only {
    fn holds(self, old: Option<&Value<'_>>, new: &Value<'_>) -> bool {
        let empty = || matches!(new, Value::Str(bytes) | Value::Bin(bytes) if bytes.is_empty());
        let order = || old.and_then(Value::as_int).zip(new.as_int()).map(|(old, new)| new.cmp(&old));
        match self {
            Self::Exists => old.is_some(),
            Self::NotExists => old.is_none(),
            Self::Empty => empty(),
            Self::NotEmpty => !empty(),
            Self::Set => old.is_some_and(|old| !old.as_bytes().is_empty()),
            Self::NotSet => old.is_none_or(|old| old.as_bytes().is_empty()),
            Self::Greater => order().is_some_and(std::cmp::Ordering::is_gt),
            Self::Less => order().is_some_and(std::cmp::Ordering::is_lt),
        }
    }
}

fn variable(words: &Words<'_>) -> Result<(Var, Vec<Only>), String> {
    let argument = words.argument.ok_or_else(|| {
        format!(
            "invalid or incomplete action '{}'. Expects 'set-var(<var-name>)', 'set-var-fmt(<var-name>)' or \
             'unset-var(<var-name>)'",
            words.name
        )
    })?;
    let mut parts = argument.split(',');
    let var = Var::parse(parts.next().unwrap_or_default())?;
    let only = parts.map(|word| {
        let known = ONLY.iter().find(|(name, _)| *name == word);
        known.map(|(_, only)| *only).ok_or_else(|| format!("unknown condition \"{word}\""))
    });
    Ok((var, only.collect::<Result<_, _>>()?))
}
