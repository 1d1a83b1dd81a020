//! Hashes that protect nothing: for keys and statistics.

use crate::pick::{HashFunction, avalanche};
use crate::proxy_protocol::crc32c;
use crate::sample::args::{Kind, spec};
use crate::sample::keyword::{Call, Change, Converter, converter};
use crate::sample::{Type, Value};
use xxhash_rust::{xxh3, xxh32, xxh64};

pub const CONVERTERS: &[Converter] = &[
    hash("crc32", |value, call| mixed(HashFunction::Crc32.hash(&value.into_raw()), call)),
    hash("crc32c", |value, call| mixed(crc32c::checksum(&[&value.into_raw()]), call)),
    hash("djb2", |value, call| mixed(HashFunction::Djb2.hash(&value.into_raw()), call)),
    hash("sdbm", |value, call| mixed(HashFunction::Sdbm.hash(&value.into_raw()), call)),
    hash("wt6", |value, call| mixed(HashFunction::Wt6.hash(&value.into_raw()), call)),
    hash("xxh32", |value, call| Some(Value::Int(i64::from(xxh32::xxh32(&value.into_raw(), seed(call) as u32))))),
    hash("xxh64", |value, call| Some(Value::Int(xxh64::xxh64(&value.into_raw(), seed(call)) as i64))),
    hash("xxh3", |value, call| Some(Value::Int(xxh3::xxh3_64_with_seed(&value.into_raw(), seed(call)) as i64))),
];

const fn hash(name: &'static str, run: Change) -> Converter {
    converter(name, spec(0, &[Kind::Int]), Type::Bin, Type::Int, run)
}

fn mixed<'a>(hash: u32, call: Call<'a>) -> Option<Value<'a>> {
    let full = call.int(0).is_some_and(|flag| flag != 0);
    Some(Value::Int(i64::from(if full { avalanche(hash) } else { hash })))
}

fn seed(call: Call<'_>) -> u64 {
    call.int(0).unwrap_or(0) as u64
}
