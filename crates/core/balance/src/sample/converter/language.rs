//! `language`: which of some languages a client likes best (RFC 9110 section 12.5.4).

use crate::sample::args::{Kind, spec};
use crate::sample::fetch::http_header::list_items;
use crate::sample::keyword::{Call, Converter, converter};
use crate::sample::{Type, Value};

pub const CONVERTERS: &[Converter] =
    &[converter("language", spec(1, &[Kind::Str, Kind::Str]), Type::Str, Type::Str, |value, call| {
        let accepted = value.into_bytes();
        best(&accepted, call).or_else(|| call.text(1)).map(Value::text)
    })];

/// The known language of the highest quality; of equals the first that the client names.
fn best<'a>(accepted: &[u8], call: Call<'a>) -> Option<&'a str> {
    let known = call.text(0)?;
    let mut best: Option<(u16, &str)> = None;
    for item in list_items(accepted) {
        let mut parts = item.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let Some(language) = parts.next() else { continue };
        let quality = parts.find_map(|part| part.strip_prefix(b"q=")).map_or(1000, quality);
        if quality == 0 || best.is_some_and(|(best, _)| best >= quality) {
            continue;
        }
        // A variant that is not known counts as its language.
        let base = language.split(|byte| *byte == b'-').next().unwrap_or(language);
        let find = |name: &[u8]| known.split(';').find(|known| known.as_bytes() == name);
        if let Some(language) = find(language).or_else(|| find(base)) {
            best = Some((quality, language));
        }
    }
    best.map(|(_, language)| language)
}

/// Thousandths: `0.8` is 800. What is no number is 0.
fn quality(text: &[u8]) -> u16 {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f32>().ok()).unwrap_or(0.0);
    (number.clamp(0.0, 1.0) * 1000.0) as u16
}
