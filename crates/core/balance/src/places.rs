//! Which rule sets evaluate a line: by its keyword and the side of the proxy it stands in.

use crate::config::model::Capability;
use crate::sample::Place;

/// Keyword, its second word where that matters, the frontend's and the backend's place, and how messages call it.
type Row = (&'static str, &'static str, Option<Place>, Option<Place>, &'static str);

const ROWS: &[Row] = {
    use Place::*;
    &[
        ("tcp-request", "connection", Some(FrontendConnection), None, " in tcp-request rule"),
        ("tcp-request", "session", Some(FrontendSession), None, " in tcp-request rule"),
        ("tcp-request", "content", Some(FrontendContent), Some(BackendContent), " in tcp-request rule"),
        (
            "tcp-response",
            "content",
            Some(FrontendResponseContent),
            Some(BackendResponseContent),
            " in tcp-response rule",
        ),
        ("http-request", "", Some(FrontendHttpRequest), Some(BackendHttpRequest), " in http-request expression"),
        ("http-response", "", Some(FrontendHttpResponse), Some(BackendHttpResponse), " in http-response expression"),
        (
            "http-after-response",
            "",
            Some(FrontendHttpResponse),
            Some(BackendHttpResponse),
            " in http-after-response expression",
        ),
        ("redirect", "", Some(FrontendHttpRequest), Some(BackendHttpRequest), " in http-request expression"),
        ("use_backend", "", Some(UseBackend), None, " in use_backend expression"),
        ("use-server", "", None, Some(UseServer), " in use-server expression"),
        ("stick", "on", None, Some(UseServer), " in sticking rule"),
        ("stick", "match", None, Some(UseServer), " in sticking rule"),
        ("stick", "store-request", None, Some(UseServer), " in sticking rule"),
        ("stick", "store-response", None, Some(StoreResponse), " in sticking rule"),
        ("log-format", "", Some(Log), Some(Log), " in log-format string"),
        ("log-format-sd", "", Some(Log), Some(Log), " in log-format-sd string"),
        ("error-log-format", "", Some(Log), Some(Log), " in error-log-format string"),
    ]
};

/// The rule sets that evaluate a line, the frontend's first, and how messages call them. None where samples of all
/// kinds may be looked at.
pub(crate) fn of(words: &[String], capability: Capability) -> (Vec<Place>, &'static str) {
    let word = |place: usize| words.get(place).map_or("", String::as_str);
    let row = ROWS.iter().find(|row| row.0 == word(0) && (row.1.is_empty() || row.1 == word(1)));
    let Some((_, _, front, back, within)) = row else { return (Vec::new(), "") };
    let front = front.filter(|_| capability.frontend());
    let back = back.filter(|_| capability.backend());
    (front.into_iter().chain(back).collect(), within)
}
