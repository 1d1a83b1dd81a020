//! Credentials in requests (manual section 7.3.6, RFC 7617, RFC 6750).

use super::http_header::absent;
use crate::sample::args::{Arg, Kind, NONE, spec};
use crate::sample::keyword::{Call, Fetch, one};
use crate::sample::{Context, Fetched, Source, Type, Value};
use base64::Engine;

pub const FETCHES: &[Fetch] = &[
    one("http_auth", spec(1, &[Kind::Userlist]), Type::Bool, Source::RequestHeaders, |call| {
        if call.context.request().is_none() {
            return absent(call);
        }
        let good = basic(call.context).is_some_and(|basic| known(call, &basic, None));
        Fetched::Found(Value::Bool(good))
    }),
    one("http_auth_group", spec(1, &[Kind::Userlist]), Type::Str, Source::RequestHeaders, |call| {
        basic(call.context).filter(|basic| known(call, basic, None)).map(|basic| Value::text(basic.user)).into()
    }),
    one("http_auth_user", NONE, Type::Str, Source::RequestHeaders, |call| {
        basic(call.context).map(|basic| Value::text(basic.user)).into()
    }),
    one("http_auth_pass", NONE, Type::Str, Source::RequestHeaders, |call| {
        basic(call.context).map(|basic| Value::text(basic.password)).into()
    }),
    one("http_auth_type", NONE, Type::Str, Source::RequestHeaders, |call| {
        basic(call.context).map(|_| Value::text("Basic")).into()
    }),
    one("http_auth_bearer", spec(0, &[Kind::Str]), Type::Str, Source::RequestHeaders, |call| {
        let name = call.name(0).unwrap_or("authorization");
        let value = call.context.request().and_then(|head| head.headers.get(name.as_bytes()));
        value.and_then(|value| after_scheme(value, b"bearer")).map(Value::str).into()
    }),
];

struct Basic {
    user: String,
    password: String,
}

/// The user and password of `Authorization: Basic`.
fn basic(context: &dyn Context) -> Option<Basic> {
    let value = context.request()?.headers.get(b"authorization")?;
    let coded = after_scheme(value, b"basic")?;
    let plain = base64::engine::general_purpose::STANDARD.decode(coded).ok()?;
    let plain = String::from_utf8(plain).ok()?;
    let (user, password) = plain.split_once(':')?;
    Some(Basic { user: user.into(), password: password.into() })
}

fn after_scheme<'a>(value: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (name, rest) = value.split_at_checked(scheme.len())?;
    (name.eq_ignore_ascii_case(scheme) && rest.starts_with(b" ")).then(|| rest.trim_ascii())
}

fn known(call: Call<'_>, basic: &Basic, group: Option<&str>) -> bool {
    call.name(0).is_some_and(|list| call.context.check_user(list, &basic.user, &basic.password, group))
}

/// Whether the request's user is one of the group: what `http_auth_group` compares in ACLs.
pub(crate) fn in_group(args: &[Arg], context: &dyn Context, group: &str) -> bool {
    let call = Call { args, context, every: false };
    basic(context).is_some_and(|basic| known(call, &basic, Some(group)))
}
