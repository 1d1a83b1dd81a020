//! Addresses and ports that belong to one Service each.
//!
//! Pure: it knows what is taken, nobody else's state.
//!
//! Upstream: `pkg/registry/core/service/ipallocator`, `portallocator`.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

/// Why a wish cannot be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    Taken,
    OutOfRange,
    /// Nothing is free.
    Full,
}

/// Numbers of a range, each free or taken.
#[derive(Debug)]
pub struct Numbers {
    range: RangeInclusive<u32>,
    taken: HashSet<u32>,
    /// Numbers below this are given only to those who ask for them by name, as long as there are others.
    /// Upstream: the "static band".
    reserved: u32,
}

impl Numbers {
    pub fn new(range: RangeInclusive<u32>, reserved: u32) -> Self {
        Self { reserved: range.start().saturating_add(reserved).min(*range.end()), range, taken: HashSet::new() }
    }

    /// # Errors
    /// If the number is taken or not in the range.
    pub fn take(&mut self, number: u32) -> Result<(), Refused> {
        if !self.range.contains(&number) {
            return Err(Refused::OutOfRange);
        }
        if self.taken.insert(number) { Ok(()) } else { Err(Refused::Taken) }
    }

    /// Takes a free number, searching upwards from a place that `random` chooses.
    ///
    /// # Errors
    /// If none is free.
    pub fn take_any(&mut self, random: u32) -> Result<u32, Refused> {
        let upper = self.reserved..=*self.range.end();
        let lower = *self.range.start()..=self.reserved;
        let found = search(&upper, random, &self.taken).or_else(|| search(&lower, 0, &self.taken));
        let number = found.ok_or(Refused::Full)?;
        self.taken.insert(number);
        Ok(number)
    }

    pub fn release(&mut self, number: u32) {
        self.taken.remove(&number);
    }
}

fn search(range: &RangeInclusive<u32>, random: u32, taken: &HashSet<u32>) -> Option<u32> {
    let size = range.end().checked_sub(*range.start())?.saturating_add(1);
    let from = random % size;
    (0..size).map(|step| range.start() + (from + step) % size).find(|number| !taken.contains(number))
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
    fn every_number_is_given_once() {
        let mut numbers = Numbers::new(10..=13, 1);
        numbers.take(12).unwrap();
        assert_eq!(numbers.take(12), Err(Refused::Taken));
        assert_eq!(numbers.take(14), Err(Refused::OutOfRange));
        let mut given: Vec<u32> = (0..3).map(|_| numbers.take_any(7).unwrap()).collect();
        given.sort_unstable();
        assert_eq!(given, [10, 11, 13]);
        assert_eq!(numbers.take_any(0), Err(Refused::Full));
        numbers.release(11);
        assert_eq!(numbers.take_any(0), Ok(11));
    }

    #[test]
    fn the_first_address_is_that_of_the_api() {
        let range = addresses("10.96.0.0".parse().unwrap(), 12);
        assert_eq!(Ipv4Addr::from(*range.start()).to_string(), "10.96.0.1");
        assert_eq!(Ipv4Addr::from(*range.end()).to_string(), "10.111.255.254");
        assert_eq!(reserved_addresses(&range), 256);
    }
}
