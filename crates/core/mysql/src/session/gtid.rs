//! MariaDB's global transaction ids as far as waiting for one needs them: a position is a sequence number a domain.
//!
//! Source: MariaDB Knowledge Base "Global Transaction ID".

use std::fmt;

/// `domain-server-sequence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gtid {
    pub domain: u32,
    pub server: u32,
    pub sequence: u64,
}

impl Gtid {
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let domain = parts.next()?.parse().ok()?;
        let server = parts.next()?.parse().ok()?;
        let sequence = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self { domain, server, sequence })
    }
}

impl fmt::Display for Gtid {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}-{}-{}", self.domain, self.server, self.sequence)
    }
}

/// The last transaction of each domain. Few: most servers have one domain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    last: Vec<Gtid>,
}

impl Position {
    /// `gtid_current_pos`, `gtid_slave_pos`: ids separated by commas. What is none is left out.
    pub fn parse(text: &str) -> Self {
        let mut position = Self::default();
        text.split(',').filter_map(Gtid::parse).for_each(|gtid| position.advance(gtid));
        position
    }

    /// At least as far as `gtid`, in its domain.
    pub fn reaches(&self, gtid: &Gtid) -> bool {
        self.last.iter().any(|last| last.domain == gtid.domain && last.sequence >= gtid.sequence)
    }

    /// Takes in that `gtid` was reached; never goes back.
    pub fn advance(&mut self, gtid: Gtid) {
        match self.last.iter_mut().find(|last| last.domain == gtid.domain) {
            Some(last) if last.sequence < gtid.sequence => *last = gtid,
            Some(_) => {}
            None => self.last.push(gtid),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Gtid> {
        self.last.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.last.is_empty()
    }
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        for (index, gtid) in self.last.iter().enumerate() {
            write!(out, "{}{gtid}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reaches_what_it_has_seen() {
        let position = Position::parse("0-1-5,1-2-7");
        for (text, expected) in [("0-3-5", true), ("0-1-6", false), ("1-1-7", true), ("2-1-1", false)] {
            assert_eq!(position.reaches(&Gtid::parse(text).unwrap()), expected, "{text}");
        }
        assert_eq!(position.to_string(), "0-1-5,1-2-7");
        assert_eq!(Gtid::parse("0-1"), None);
    }

    #[test]
    fn it_never_goes_back() {
        let mut position = Position::parse("0-1-5");
        position.advance(Gtid { domain: 0, server: 2, sequence: 4 });
        assert_eq!(position.to_string(), "0-1-5");
    }
}
