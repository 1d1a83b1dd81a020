//! Words that are numbers, times, sizes (manual, section 2.5).

use std::time::Duration;

/// Longest time that can be said, in milliseconds or in whatever unit is asked.
const TIME_MAX: u64 = i32::MAX as u64;

/// What HAProxy adds to a message about a time too long.
pub const TIME_MAX_TEXT: &str = "maximum value is 2147483647 ms or ~24.8 days";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    Overflow,
    /// The character that is neither digit nor unit; absent at the end of the word.
    Character(Option<char>),
}

/// A time; a bare number counts milliseconds.
///
/// # Errors
/// Too long, or a character that does not belong.
pub fn time(word: &str) -> Result<Duration, Wrong> {
    time_in(word, Duration::from_millis(1))
}

/// A time; a bare number counts `unit`s.
///
/// # Errors
/// As of [`time`].
pub fn time_in(word: &str, unit: Duration) -> Result<Duration, Wrong> {
    let (number, suffix) = digits(word)?;
    let (micros, rest) = match suffix {
        "" => (unit.as_micros() as u64, ""),
        _ if suffix.starts_with("us") => (1, &suffix[2..]),
        _ if suffix.starts_with("ms") => (1_000, &suffix[2..]),
        _ => match suffix.as_bytes()[0] {
            b's' => (1_000_000, &suffix[1..]),
            b'm' => (60_000_000, &suffix[1..]),
            b'h' => (3_600_000_000, &suffix[1..]),
            b'd' => (86_400_000_000, &suffix[1..]),
            _ => (1, suffix),
        },
    };
    if let Some(character) = rest.chars().next() {
        return Err(Wrong::Character(Some(character)));
    }
    let micros = number.checked_mul(micros).ok_or(Wrong::Overflow)?;
    // HAProxy keeps milliseconds and rounds up, so that no time becomes none.
    let millis = micros.div_ceil(1_000);
    if millis > TIME_MAX { Err(Wrong::Overflow) } else { Ok(Duration::from_millis(millis)) }
}

/// Bytes, with `k`, `m`, `g`.
///
/// # Errors
/// As of [`time`].
pub fn size(word: &str) -> Result<u64, Wrong> {
    let (number, suffix) = digits(word)?;
    let shift = match suffix {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        _ => return Err(Wrong::Character(suffix.chars().next())),
    };
    number.checked_mul(1 << shift).filter(|bytes| *bytes <= u64::from(u32::MAX)).ok_or(Wrong::Overflow)
}

fn digits(word: &str) -> Result<(u64, &str), Wrong> {
    let end = word.find(|character: char| !character.is_ascii_digit()).unwrap_or(word.len());
    if end == 0 {
        return Err(Wrong::Character(word.chars().next()));
    }
    word[..end].parse().map(|number| (number, &word[end..])).map_err(|_| Wrong::Overflow)
}

/// The number at the start of a word, as C's `atol` reads it, held within 32 bits. No digits: 0.
pub fn leading_number(word: &str) -> i32 {
    let word = word.trim_start();
    let sign = usize::from(word.starts_with(['-', '+']));
    let end = word[sign..].find(|character: char| !character.is_ascii_digit()).map_or(word.len(), |end| sign + end);
    let number: i64 = match word[..end].parse() {
        Ok(number) => number,
        Err(_) if end == sign => 0,
        Err(_) if word.starts_with('-') => i64::MIN,
        Err(_) => i64::MAX,
    };
    number.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

/// Whether the whole word is a number that [`leading_number`] reads as it stands.
pub fn is_number(word: &str) -> bool {
    word.trim().parse::<i32>().is_ok()
}

impl std::fmt::Display for Wrong {
    /// The character, or nothing.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Character(Some(character)) => write!(f, "{character}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn check(shown: impl std::fmt::Debug, expected: Expect) {
        expected.assert_eq(&format!("{shown:?}"));
    }

    #[test]
    fn times() {
        check(time("5000"), expect!["Ok(5s)"]);
        check(time("1us"), expect!["Ok(1ms)"]);
        check(time("10ms"), expect!["Ok(10ms)"]);
        check(time("1m"), expect!["Ok(60s)"]);
        check(time("1d"), expect!["Ok(86400s)"]);
        check(time("3x"), expect!["Err(Character(Some('x')))"]);
        check(time("3sx"), expect!["Err(Character(Some('x')))"]);
        check(time(""), expect!["Err(Character(None))"]);
        check(time("0.1"), expect!["Err(Character(Some('.')))"]);
        check(time("2147483648"), expect!["Err(Overflow)"]);
        check(time("99999999999999999999"), expect!["Err(Overflow)"]);
        check(time_in("5", Duration::from_secs(1)), expect!["Ok(5s)"]);
    }

    #[test]
    fn sizes() {
        check(size("10"), expect!["Ok(10)"]);
        check(size("1k"), expect!["Ok(1024)"]);
        check(size("200m"), expect!["Ok(209715200)"]);
        check(size("4g"), expect!["Err(Overflow)"]);
        check(size("1x"), expect!["Err(Character(Some('x')))"]);
    }

    #[test]
    fn numbers() {
        check(
            ["12", "12x", "x", "-3", "", "99999999999", "+7"].map(leading_number),
            expect!["[12, 12, 0, -3, 0, 2147483647, 7]"],
        );
    }
}
