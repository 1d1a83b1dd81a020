//! Names of servers that are asked for while running (manual, section 5.3): messages, and who gets which address.

mod message;

pub use message::{Answer, Kind, Refusal, answer, query};

use crate::config::model::ResolveHold;
use std::net::IpAddr;
use std::time::Duration;

/// Which address each server of one name has after an answer. Those whose address is still there keep it; the others get
/// one that nobody has, in the order of the answer; for the rest there is none. `shared`: several may have the same.
pub fn assign(current: &[Option<IpAddr>], found: &[IpAddr], shared: bool) -> Vec<Option<IpAddr>> {
    let mut assigned: Vec<Option<IpAddr>> = Vec::new();
    for address in current {
        let kept = address.filter(|address| found.contains(address) && (shared || !assigned.contains(&Some(*address))));
        assigned.push(kept);
    }
    for place in 0..assigned.len() {
        if assigned[place].is_none() {
            let free = found.iter().find(|address| !assigned.contains(&Some(**address)));
            assigned[place] = free.or(found.first().filter(|_| shared)).copied();
        }
    }
    assigned
}

impl Refusal {
    /// For how long the last addresses are kept when this is the answer.
    pub fn hold(self, hold: &ResolveHold) -> Duration {
        match self {
            Self::Nx => hold.nx,
            Self::Refused => hold.refused,
            Self::Timeout => hold.timeout,
            Self::Other => hold.other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    /// `current | found`: addresses as the last number of 10.0.0.x, `-` for none.
    #[track_caller]
    fn check(case: &str, shared: bool, expected: Expect) {
        let (current, found) = case.split_once('|').unwrap();
        let address = |word: &str| word.parse().ok().map(|last: u8| IpAddr::from([10, 0, 0, last]));
        let current: Vec<_> = current.split_whitespace().map(address).collect();
        let found: Vec<_> = found.split_whitespace().filter_map(address).collect();
        let shown = |address: &Option<IpAddr>| match address {
            Some(IpAddr::V4(address)) => address.octets()[3].to_string(),
            _ => "-".to_owned(),
        };
        let assigned = assign(&current, &found, shared);
        expected.assert_eq(&assigned.iter().map(shown).collect::<Vec<_>>().join(" "));
    }

    #[test]
    fn addresses_are_kept_and_shared_out() {
        check("- - - | 1 2", false, expect!["1 2 -"]);
        check("2 - | 1 2", false, expect!["2 1"]);
        check("1 2 | 3 2", false, expect!["3 2"]);
        check("1 2 | ", false, expect!["- -"]);
        check("1 1 | 1 2", false, expect!["1 2"]);
        check("- - - | 1 2", true, expect!["1 2 1"]);
        check("1 1 | 1", true, expect!["1 1"]);
    }
}
