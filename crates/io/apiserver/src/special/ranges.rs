//! Addresses and ports that belong to one Service each: which are there, and which to choose.
//!
//! Pure: who has which is asked, not known here.
//!
//! Upstream: `pkg/registry/core/service/ipallocator`, `portallocator`.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

/// Numbers of a range.
#[derive(Debug, Clone)]
pub struct Numbers {
    range: RangeInclusive<u32>,
    /// Numbers below this are given only to those who ask for them by name, as long as there are others.
    /// Upstream: the "static band".
    reserved: u32,
}

impl Numbers {
    pub fn new(range: RangeInclusive<u32>, reserved: u32) -> Self {
        Self { reserved: range.start().saturating_add(reserved).min(*range.end()), range }
    }

    pub fn contains(&self, number: u32) -> bool {
        self.range.contains(&number)
    }

    /// A free number, searched upwards from a place that `random` chooses; None if none is free.
    pub fn choose(&self, random: u32, is_taken: impl Fn(u32) -> bool) -> Option<u32> {
        let upper = self.reserved..=*self.range.end();
        let lower = *self.range.start()..=self.reserved;
        search(&upper, random, &is_taken).or_else(|| search(&lower, 0, &is_taken))
    }
}

fn search(range: &RangeInclusive<u32>, random: u32, is_taken: impl Fn(u32) -> bool) -> Option<u32> {
    let size = range.end().checked_sub(*range.start())?.saturating_add(1);
    let from = random % size;
    (0..size).map(|step| range.start() + (from + step) % size).find(|number| !is_taken(*number))
}

/// The usable addresses of `base/prefix`: without the network's own and the last one.
pub fn addresses(base: Ipv4Addr, prefix: u8) -> RangeInclusive<u32> {
    let bits = 32 - u32::from(prefix.min(30));
    let first = u32::from(base) & !((1u32 << bits) - 1);
    first + 1..=first + (1u32 << bits) - 2
}

/// Addresses kept for those who ask by name: between 16 and 256, a sixteenth of the range.
pub fn reserved_addresses(range: &RangeInclusive<u32>) -> u32 {
    ((range.end() - range.start()) / 16).clamp(16, 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_number_is_found_if_there_is_one() {
        let numbers = Numbers::new(10..=13, 1);
        let mut taken = vec![12];
        for _ in 0..3 {
            let number = numbers.choose(7, |number| taken.contains(&number)).unwrap();
            assert!(numbers.contains(number) && !taken.contains(&number));
            taken.push(number);
        }
        assert_eq!(taken.last(), Some(&10), "the static band comes last");
        assert_eq!(numbers.choose(0, |number| taken.contains(&number)), None);
        assert!(!numbers.contains(14));
    }

    #[test]
    fn the_first_address_is_that_of_the_api() {
        let range = addresses("10.96.0.0".parse().unwrap(), 12);
        assert_eq!(Ipv4Addr::from(*range.start()).to_string(), "10.96.0.1");
        assert_eq!(Ipv4Addr::from(*range.end()).to_string(), "10.111.255.254");
        assert_eq!(reserved_addresses(&range), 256);
    }
}
