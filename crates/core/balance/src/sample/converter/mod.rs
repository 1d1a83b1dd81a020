//! All converter keywords (manual section 7.3.1).

mod arithmetic;
mod bytes;
mod digest;
mod encoding;
mod hash;
mod json;
mod jwt;
mod language;
mod map;
mod net;
mod protobuf;
mod refused;
mod text;
mod time;
pub(crate) mod variable;

use super::fetch::counters;
use super::keyword::Converter;

const TABLES: [&[Converter]; 14] = [
    arithmetic::CONVERTERS,
    bytes::CONVERTERS,
    digest::CONVERTERS,
    encoding::CONVERTERS,
    hash::CONVERTERS,
    json::CONVERTERS,
    jwt::CONVERTERS,
    language::CONVERTERS,
    net::CONVERTERS,
    protobuf::CONVERTERS,
    refused::CONVERTERS,
    text::CONVERTERS,
    time::CONVERTERS,
    variable::CONVERTERS,
];

/// The converter of this name.
pub fn find(name: &str) -> Option<Converter> {
    let listed = names().find(|converter| converter.name == name).copied();
    listed.or_else(|| counters::find_converter(name))
}

fn names() -> impl Iterator<Item = &'static Converter> {
    TABLES.iter().flat_map(|table| table.iter()).chain(map::converters())
}

/// All, those of stick tables among them, each with the reason if it is refused.
pub fn table() -> impl Iterator<Item = (String, Option<&'static str>)> {
    let listed = names().map(|converter| match converter.run {
        super::keyword::Convert::Refused(why) => (converter.name.to_owned(), Some(why)),
        _ => (converter.name.to_owned(), None),
    });
    listed.chain(counters::converter_names().map(|name| (name, None)))
}
