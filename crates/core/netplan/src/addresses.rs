//! Which address a new pod gets.

use crate::Cidr;
use std::net::Ipv4Addr;

/// The next free address after `last`, going round the range once; None when the range is used up.
///
/// Going round keeps a freed address unused for as long as possible, so that a client that still knows the old pod
/// does not meet a stranger. The network address, the gateway and the broadcast address are never given out.
pub fn next_free(range: Cidr, last: Option<Ipv4Addr>, taken: impl Fn(Ipv4Addr) -> bool) -> Option<Ipv4Addr> {
    const FIRST: u64 = 2;
    let end = range.size().checked_sub(1).filter(|end| *end > FIRST)?;
    let count = end - FIRST;
    let start = match last.filter(|last| range.contains(*last)) {
        Some(last) => u64::from(last.to_bits() - range.base().to_bits() + 1).saturating_sub(FIRST),
        None => 0,
    };
    (0..count).filter_map(|step| range.nth(FIRST + (start + step) % count)).find(|address| !taken(*address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(range: &str, last: &str, taken: &[&str]) -> String {
        let taken: Vec<Ipv4Addr> = taken.iter().map(|text| text.parse().unwrap()).collect();
        let found = next_free(range.parse().unwrap(), last.parse().ok(), |address| taken.contains(&address));
        found.map_or("none".to_owned(), |address| address.to_string())
    }

    #[test]
    fn goes_round() {
        assert_eq!(next("10.0.0.0/29", "", &[]), "10.0.0.2");
        assert_eq!(next("10.0.0.0/29", "10.0.0.2", &[]), "10.0.0.3");
        assert_eq!(next("10.0.0.0/29", "10.0.0.3", &["10.0.0.4"]), "10.0.0.5");
        assert_eq!(next("10.0.0.0/29", "10.0.0.6", &[]), "10.0.0.2");
        assert_eq!(next("10.0.0.0/29", "172.16.0.1", &[]), "10.0.0.2");
    }

    #[test]
    fn says_when_it_is_full() {
        assert_eq!(next("10.0.0.0/30", "", &["10.0.0.2"]), "none");
        assert_eq!(next("10.0.0.0/31", "", &[]), "none");
        assert_eq!(next("10.0.0.0/32", "", &[]), "none");
    }
}
