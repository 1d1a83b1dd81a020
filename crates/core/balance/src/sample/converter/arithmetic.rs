//! Numbers: arithmetic, bits, comparisons with zero.

use super::variable::value_of;
use crate::sample::args::{Arg, Kind, NONE, spec};
use crate::sample::keyword::{Call, Change, Converter, converter};
use crate::sample::{Env, Type, Value, Var};

pub const CONVERTERS: &[Converter] = &[
    binary("add", |value, call| operate(value, call, i64::saturating_add)),
    binary("sub", |value, call| operate(value, call, i64::saturating_sub)),
    binary("mul", |value, call| operate(value, call, i64::saturating_mul)),
    // Division by zero gives the largest number; a remainder of it nothing.
    binary("div", |value, call| operate(value, call, |a, b| a.checked_div(b).unwrap_or(i64::MAX))),
    binary("mod", |value, call| operate(value, call, |a, b| a.checked_rem(b).unwrap_or(0))),
    binary("and", |value, call| operate(value, call, |a, b| a & b)),
    binary("or", |value, call| operate(value, call, |a, b| a | b)),
    binary("xor", |value, call| operate(value, call, |a, b| a ^ b)),
    unary("cpl", Type::Int, |value, _| Some(Value::Int(!value.as_int()?))),
    unary("neg", Type::Int, |value, _| Some(Value::Int(value.as_int()?.wrapping_neg()))),
    unary("bool", Type::Bool, |value, _| Some(Value::Bool(value.as_int()? != 0))),
    unary("not", Type::Bool, |value, _| Some(Value::Bool(value.as_int()? == 0))),
    unary("odd", Type::Bool, |value, _| Some(Value::Bool(value.as_int()? & 1 == 1))),
    unary("even", Type::Bool, |value, _| Some(Value::Bool(value.as_int()? & 1 == 0))),
];

const fn unary(name: &'static str, output: Type, run: Change) -> Converter {
    converter(name, NONE, Type::Int, output, run)
}

const fn binary(name: &'static str, run: Change) -> Converter {
    converter(name, spec(1, &[Kind::Str]), Type::Int, Type::Int, run).checked(check_operand)
}

fn check_operand(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    if let Some(Arg::Text(text)) = args.first() {
        args[0] = match (text.parse(), Var::parse(text)) {
            (Ok(number), _) => Arg::Int(number),
            _ if text.is_empty() => Arg::Int(0),
            (_, Ok(var)) => Arg::Var(var),
            _ => return Err("expects an integer or a variable name".into()),
        };
    }
    Ok(())
}

fn operate<'a>(value: Value<'a>, call: Call<'a>, operation: fn(i64, i64) -> i64) -> Option<Value<'a>> {
    let operand = match call.int(0) {
        Some(number) => number,
        None => value_of(call, 0)?.as_int()?,
    };
    Some(Value::Int(operation(value.as_int()?, operand)))
}
