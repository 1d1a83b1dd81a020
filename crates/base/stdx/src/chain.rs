//! An error with all its causes on one line, as logs and users want it.

use std::error::Error;

/// `opening the store: /var/lib/x: permission denied`. A cause already quoted by its parent is not repeated.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}
