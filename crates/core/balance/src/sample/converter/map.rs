//! Maps: `map`, `map_<match>`, `map_<match>_<output>`.

use crate::pattern::{Flags, Matcher, Method, Output};
use crate::sample::args::{Arg, Kind, Spec, spec};
use crate::sample::keyword::{Call, Check, Converter, converter};
use crate::sample::{Env, Type, Value};
use std::sync::Arc;

const TEXT_DEFAULT: Spec = spec(1, &[Kind::Str, Kind::Str]);
const NUMBER_DEFAULT: Spec = spec(1, &[Kind::Str, Kind::Int]);

/// Keywords of one method: with text, number and address as values.
macro_rules! maps {
    ($method:ident, $input:ident, $text:literal, $int:literal, $ip:literal) => {
        [
            map($text, Type::$input, Type::Str, |args, env| load(args, env, Method::$method, Output::Str)),
            map($int, Type::$input, Type::Int, |args, env| load(args, env, Method::$method, Output::Int)),
            map($ip, Type::$input, Type::Addr, |args, env| load(args, env, Method::$method, Output::Ip)),
        ]
    };
}

const GROUPS: [[Converter; 3]; 10] = [
    maps!(Str, Str, "map", "map_str_int", "map_str_ip"),
    maps!(Str, Str, "map_str", "map_str_int", "map_str_ip"),
    maps!(Beg, Str, "map_beg", "map_beg_int", "map_beg_ip"),
    maps!(Sub, Str, "map_sub", "map_sub_int", "map_sub_ip"),
    maps!(Dir, Str, "map_dir", "map_dir_int", "map_dir_ip"),
    maps!(Dom, Str, "map_dom", "map_dom_int", "map_dom_ip"),
    maps!(End, Str, "map_end", "map_end_int", "map_end_ip"),
    maps!(Reg, Str, "map_reg", "map_reg_int", "map_reg_ip"),
    maps!(Int, Int, "map_int", "map_int_int", "map_int_ip"),
    maps!(Ip, Addr, "map_ip", "map_ip_int", "map_ip_ip"),
];

const REGM: [Converter; 1] =
    [map("map_regm", Type::Str, Type::Str, |args, env| load(args, env, Method::Reg, Output::Template))];

pub(super) fn converters() -> impl Iterator<Item = &'static Converter> {
    const { &GROUPS }.iter().flatten().chain(const { &REGM })
}

const fn map(name: &'static str, input: Type, output: Type, check: Check) -> Converter {
    let args = if matches!(output, Type::Int) { NUMBER_DEFAULT } else { TEXT_DEFAULT };
    converter(name, args, input, output, lookup).checked(check)
}

fn load(args: &mut [Arg], env: Env<'_>, method: Method, output: Output) -> Result<(), String> {
    if let (Output::Ip, Some(Arg::Text(text))) = (output, args.get(1)) {
        let address = text.parse().map_err(|_| format!("map: cannot parse default ip <{text}>."))?;
        args[1] = Arg::Ip(address);
    }
    if let Some(Arg::Text(file)) = args.first() {
        let list = env.patterns.file(file, true, env.files)?;
        let matcher = Matcher::new(list, method, Flags::default(), Some(output), "by map at", env.patterns)?;
        args[0] = Arg::Map(Arc::new(matcher));
    }
    Ok(())
}

/// The value in the map, or the default.
fn lookup<'a>(value: Value<'a>, call: Call<'a>) -> Option<Value<'a>> {
    let Some(Arg::Map(map)) = call.args.first() else { return None };
    map.lookup(&value).or_else(|| {
        Some(match call.args.get(1)? {
            Arg::Text(text) => Value::text(text.to_string()),
            Arg::Int(number) => Value::Int(*number),
            Arg::Ip(address) => Value::Ip(*address),
            _ => return None,
        })
    })
}
