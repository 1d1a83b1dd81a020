//! Dates in cookies: 30 bits of a count of four seconds since 1970, as five letters of base64.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Five letters for a time in seconds, rounded up.
pub fn encode(seconds: i64) -> [u8; 5] {
    letters((seconds + 3) >> 2)
}

/// Five letters for a time that came from a cookie and must not move.
pub fn encode_exact(seconds: i64) -> [u8; 5] {
    letters(seconds >> 2)
}

fn letters(quads: i64) -> [u8; 5] {
    [24, 18, 12, 6, 0].map(|shift| LETTERS[(quads >> shift & 63) as usize])
}

/// Seconds since 1970, if the text begins with a date.
pub fn decode(text: &[u8]) -> Option<i64> {
    let mut quads = 0;
    for letter in text.get(..5)? {
        quads = quads << 6 | LETTERS.iter().position(|known| known == letter)? as i64;
    }
    (quads > 0).then_some(quads << 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for seconds in [4, 1_795_750_000, 4_294_967_292] {
            assert_eq!(decode(&encode(seconds)), Some(seconds));
        }
        assert_eq!((decode(b"AAAAA"), decode(b"AAA"), decode(b"!AAAB")), (None, None, None));
        assert_eq!(decode(&encode(1_795_750_001)), Some(1_795_750_004));
    }
}
