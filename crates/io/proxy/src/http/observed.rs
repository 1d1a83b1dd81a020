//! What the wait for an answer tells of the server's health (`observe layer7`).

use super::relay::Stop;
use super::wire::NoHead;
use balance::health::Observed;

/// An answer of this status. HAProxy holds 501 and 505 against the request, not the server.
pub fn answer(status: u16) -> Observed {
    match status {
        100..=499 | 501 | 505 => Observed::GoodResponse,
        _ => Observed::WrongStatus,
    }
}

/// No answer came; nothing where that was not the server's doing.
pub fn no_answer(stop: &Stop) -> Option<Observed> {
    Some(match stop {
        Stop::ServerTimeout => Observed::ReadTimeout,
        Stop::NoHead(NoHead::Invalid(_)) => Observed::InvalidHeaders,
        Stop::NoHead(NoHead::Closed | NoHead::Cut) => Observed::BrokenPipe,
        Stop::NoHead(NoHead::Broken(_)) | Stop::ServerGone => Observed::ReadError,
        _ => return None,
    })
}
