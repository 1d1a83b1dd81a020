//! Files of `crt-list`: a certificate a line, with settings in brackets and names (manual, section 5.1).

use super::bind::{Draft, TLS};
use super::model::CrtListLine;
use super::params::{Params, Stop};

/// Reads the file; words of its lines are as in a configuration, without quotes.
///
/// # Errors
/// What follows the line's place and the `bind` it belongs to.
pub(super) fn read(params: &Params, path: &str) -> Result<Vec<CrtListLine>, String> {
    let cannot = |error| format!("'crt-list' : cannot open file '{path}' : {error}");
    let content = params.files.read(path.as_ref()).map_err(cannot)?;
    let content = String::from_utf8_lossy(&content);
    let mut lines = vec![];
    for (number, line) in content.lines().enumerate() {
        let text = line.split('#').next().unwrap_or_default().trim();
        if !text.is_empty() {
            let place = |error| format!("'crt-list' : error processing line {} in file '{path}' : {error}", number + 1);
            lines.push(entry(params, text).map_err(place)?);
        }
    }
    Ok(lines)
}

/// `cert [settings] names`.
fn entry(params: &Params, text: &str) -> Result<CrtListLine, String> {
    let (crt, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    let rest = rest.trim_start();
    let (settings, names) = match rest.strip_prefix('[') {
        Some(inner) => inner.split_once(']').ok_or("file too many arguments or missing ']'")?,
        None => ("", rest),
    };
    let words: Vec<String> = settings.split_ascii_whitespace().map(str::to_owned).collect();
    let mut draft = Draft::default();
    params.nested(&words).read(&[TLS], &mut draft).map_err(|stop| match stop {
        Stop::Unknown(word, _) => format!("unknown ssl keyword {word}"),
        Stop::Wrong(error) => error,
        Stop::Refused(name, reason, cure) => format!("'{name}' is not supported: {reason}; {cure}"),
    })?;
    Ok(CrtListLine {
        crt: params.crt_path(crt),
        filters: names.split_ascii_whitespace().map(str::to_owned).collect(),
        settings: Box::new(draft.tls),
    })
}
