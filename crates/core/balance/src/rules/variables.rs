//! `set-var`, `set-var-fmt`, `unset-var`.

use super::{
    Context,
    action::{Step, text},
    exchange::Exchange,
    words::Words,
};
use crate::{
    log::Format,
    sample::{
        Expr, Fetched, Value, Var,
        converter::variable::{CONDITIONS, condition},
    },
};

/// `only` are the conditions (`ifexists`, `ifgt`, ...) that must all hold.
#[derive(Debug, Clone)]
pub enum VarAction {
    Set { var: Var, expr: Expr, only: Vec<&'static str> },
    SetFormat { var: Var, format: Format, only: Vec<&'static str> },
    Unset { var: Var },
}

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
        if only.iter().all(|only| condition(only, || exchange.var(var), &value)) {
            exchange.set_var(var, Some(value));
        }
        Step::Next
    }
}

fn variable(words: &Words<'_>) -> Result<(Var, Vec<&'static str>), String> {
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
        let known = CONDITIONS.into_iter().find(|name| *name == word);
        known.ok_or_else(|| format!("unknown condition \"{word}\""))
    });
    Ok((var, only.collect::<Result<_, _>>()?))
}
