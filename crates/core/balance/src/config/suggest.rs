//! `did you mean '...' maybe ?`: the known word most like an unknown one.
//!
//! A word is described by how often each character follows each other one; words are alike when these counts are.

use std::collections::HashMap;

/// Classes of characters: letters of either case, digits, everything else and both ends of the word.
type Pair = (u8, u8);

const DIGIT: u8 = 27;
const OTHER: u8 = 28;

/// The best of the candidates, unless even that is too far. The first of equals wins, as in HAProxy's lists.
pub fn best<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let counted = pairs(word);
    let mut best: Option<(&str, i32)> = None;
    for candidate in candidates {
        let far = distance(&counted, &pairs(candidate));
        if best.is_none_or(|(_, least)| far < least) {
            best = Some((candidate, far));
        }
    }
    let (candidate, far) = best?;
    let near = 2 * word.len().min(candidate.len()) as i32;
    (far <= near).then_some(candidate)
}

fn pairs(word: &str) -> HashMap<Pair, i32> {
    let mut pairs = HashMap::new();
    let mut from = OTHER;
    for byte in word.bytes() {
        let to = match byte.to_ascii_lowercase() {
            letter @ b'a'..=b'z' => letter - b'a' + 1,
            b'0'..=b'9' => DIGIT,
            _ => OTHER,
        };
        *pairs.entry((from, to)).or_default() += 1;
        // That the character is there at all counts, too.
        pairs.insert((0, to), 1);
        from = to;
    }
    *pairs.entry((from, OTHER)).or_default() += 1;
    pairs
}

fn distance(left: &HashMap<Pair, i32>, right: &HashMap<Pair, i32>) -> i32 {
    let missing = right.iter().filter(|(pair, _)| !left.contains_key(pair)).map(|(_, count)| count * count);
    let differing = left.iter().map(|(pair, count)| (count - right.get(pair).copied().unwrap_or(0)).pow(2));
    missing.sum::<i32>() + differing.sum::<i32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn check(word: &str, expected: Expect) {
        let known = ["maxconn", "tfo", "timeout", "balance", "check-ssl", "mode"];
        expected.assert_eq(best(word, known).unwrap_or_default());
    }

    #[test]
    fn near_and_far() {
        check("maxcon", expect!["maxconn"]);
        check("foo", expect!["tfo"]);
        check("timeuot", expect!["timeout"]);
        check("balence", expect!["balance"]);
        check("ssl-check", expect!["check-ssl"]);
        check("1.2.3.4", expect![""]);
        check("completely-different", expect![""]);
    }
}
