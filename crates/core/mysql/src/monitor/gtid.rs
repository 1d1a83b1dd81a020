//! MariaDB's global transaction ids: `0-1-5` is transaction 5 of domain 0, first written on server 1.
//!
//! A position such as `0-1-5,1-2-7` is the last transaction of each domain. It has all that came before, if both servers
//! have one history; whether they have can only be seen where the same number was given by two servers.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// One transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gtid {
    /// `gtid_domain_id`.
    pub domain: u32,
    /// `server_id` of the server it was written on.
    pub server: u32,
    pub sequence: u64,
}

/// The last transaction of each domain; empty for a server without any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Position(Vec<Gtid>);

/// How far one position is, compared with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    Equal,
    /// It has all of the other, and more.
    Ahead,
    Behind,
    /// Each has what the other lacks, or they gave one number to two transactions.
    Diverged,
}

/// Text that is no GTID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a GTID of MariaDB; one is written domain-server-sequence, as 0-1-5")]
pub struct NotGtid(pub String);

impl FromStr for Gtid {
    type Err = NotGtid;

    fn from_str(text: &str) -> Result<Self, NotGtid> {
        let mut parts = text.trim().splitn(3, '-');
        let mut parse = || {
            let gtid = Self {
                domain: parts.next()?.parse().ok()?,
                server: parts.next()?.parse().ok()?,
                sequence: parts.next()?.parse().ok()?,
            };
            Some(gtid)
        };
        parse().ok_or_else(|| NotGtid(text.to_owned()))
    }
}

impl FromStr for Position {
    type Err = NotGtid;

    /// Of a domain that is named twice (as in `gtid_binlog_state`) the highest sequence counts.
    fn from_str(text: &str) -> Result<Self, NotGtid> {
        let mut position = Self::default();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            position.advance(part.parse()?);
        }
        Ok(position)
    }
}

impl Position {
    /// The last transaction of a domain.
    pub fn get(&self, domain: u32) -> Option<&Gtid> {
        self.place(domain).ok().map(|place| &self.0[place])
    }

    /// Takes in a transaction, unless a later one of its domain is known.
    pub fn advance(&mut self, gtid: Gtid) {
        match self.place(gtid.domain) {
            Ok(place) if self.0[place].sequence < gtid.sequence => self.0[place] = gtid,
            Ok(_) => {}
            Err(place) => self.0.insert(place, gtid),
        }
    }

    /// Whether a transaction is part of it, supposing one history.
    pub fn contains(&self, gtid: &Gtid) -> bool {
        self.get(gtid.domain).is_some_and(|last| last.sequence >= gtid.sequence)
    }

    /// Whether all of another position is part of it, supposing one history.
    pub fn contains_all(&self, other: &Self) -> bool {
        other.0.iter().all(|gtid| self.contains(gtid))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares domain by domain; a domain that one lacks counts as 0 there.
    pub fn compare(&self, other: &Self) -> Relation {
        let forked = |gtid: &Gtid| {
            other.get(gtid.domain).is_some_and(|its| its.sequence == gtid.sequence && its.server != gtid.server)
        };
        match (self.contains_all(other), other.contains_all(self)) {
            _ if self.0.iter().any(forked) => Relation::Diverged,
            (true, true) => Relation::Equal,
            (true, false) => Relation::Ahead,
            (false, true) => Relation::Behind,
            (false, false) => Relation::Diverged,
        }
    }

    /// How a domain's history relates to another's; `None` if neither knows it.
    pub fn compare_domain(&self, other: &Self, domain: u32) -> Option<Relation> {
        let (mine, its) = (self.get(domain), other.get(domain));
        let number = |gtid: Option<&Gtid>| gtid.map(|gtid| gtid.sequence);
        Some(match number(mine).cmp(&number(its)) {
            Ordering::Greater => Relation::Ahead,
            Ordering::Less => Relation::Behind,
            Ordering::Equal if mine?.server == its?.server => Relation::Equal,
            Ordering::Equal => Relation::Diverged,
        })
    }

    fn place(&self, domain: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&domain, |gtid| gtid.domain)
    }
}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.domain, self.server, self.sequence)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, gtid) in self.0.iter().enumerate() {
            write!(f, "{}{gtid}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn positions_are_compared() {
        check("0-1-5", "0-1-5", Relation::Equal);
        check("0-1-6", "0-1-5", Relation::Ahead);
        check("0-2-6", "0-1-5", Relation::Ahead);
        check("0-1-5", "0-1-5,1-1-1", Relation::Behind);
        check("0-1-5", "0-2-5", Relation::Diverged);
        check("0-1-6,1-1-1", "0-1-5,1-1-2", Relation::Diverged);
        check("", "0-1-1", Relation::Behind);
        check("", "", Relation::Equal);
    }

    #[test]
    fn texts() {
        assert_eq!(position(" 1-2-7, 0-1-5,\n").to_string(), "0-1-5,1-2-7");
        assert_eq!(position("0-1-5,0-2-7,0-3-6").to_string(), "0-2-7");
        for wrong in ["0-1", "a-1-2", "0-1-2-3", "0-1--2", "5f3e-11:1-5"] {
            assert_eq!(wrong.parse::<Position>(), Err(NotGtid(wrong.into())));
        }
    }

    #[test]
    fn domains_are_compared() {
        let domain = |mine: &str, its: &str| position(mine).compare_domain(&position(its), 1);
        assert_eq!(domain("0-1-5,1-1-1", "0-1-9"), Some(Relation::Ahead));
        assert_eq!(domain("1-1-1", "1-2-1"), Some(Relation::Diverged));
        assert_eq!(domain("0-1-5", "0-1-9"), None);
    }

    #[track_caller]
    fn check(mine: &str, other: &str, expected: Relation) {
        assert_eq!(position(mine).compare(&position(other)), expected);
    }

    fn position(text: &str) -> Position {
        text.parse().unwrap()
    }

    prop_compose! {
        fn any_position()(gtids in prop::collection::vec((0..4u32, 1..3u32, 0..5u64), 0..6)) -> Position {
            let mut position = Position::default();
            gtids.iter().for_each(|&(domain, server, sequence)| position.advance(Gtid { domain, server, sequence }));
            position
        }
    }

    proptest! {
        #[test]
        fn text_comes_back(position in any_position()) {
            prop_assert_eq!(position.to_string().parse(), Ok(position));
        }

        #[test]
        fn both_sides_agree(mine in any_position(), other in any_position()) {
            let mirrored = match mine.compare(&other) {
                Relation::Ahead => Relation::Behind,
                Relation::Behind => Relation::Ahead,
                same => same,
            };
            prop_assert_eq!(other.compare(&mine), mirrored);
        }

        #[test]
        fn advancing_never_loses(mut position in any_position(), domain in 0..4u32, sequence in 0..5u64) {
            let before = position.clone();
            let gtid = Gtid { domain, server: 1, sequence };
            position.advance(gtid);
            prop_assert!(position.contains(&gtid) && position.contains_all(&before));
        }

        #[test]
        fn any_text(text in "[0-9,-]{0,20}") {
            _ = text.parse::<Position>();
        }
    }
}
