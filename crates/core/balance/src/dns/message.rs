//! Queries for addresses and their answers (RFC 1035, section 4; AAAA: RFC 3596; larger answers: RFC 6891).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    A,
    Aaaa,
}

/// Why there is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The name does not exist.
    Nx,
    Refused,
    /// Nobody answered.
    Timeout,
    /// Anything else, an answer without addresses among them.
    Other,
}

/// What a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Addresses(Vec<IpAddr>),
    Refused(Refusal),
    /// Not the answer to this query: somebody else's, or not a message at all.
    Stray,
}

const HEADER: usize = 12;
const CLASS_IN: u16 = 1;
const CNAME: u16 = 5;
const OPT: u16 = 41;

/// Longest answer that is taken without asking for more (RFC 1035, section 4.2.1).
const PLAIN_PAYLOAD: u16 = 512;

/// The message to send; none for a name that cannot be asked for. `payload` is how many bytes an answer may have.
pub fn query(id: u16, name: &str, kind: Kind, payload: u16) -> Option<Vec<u8>> {
    let extended = payload > PLAIN_PAYLOAD;
    let mut message = Vec::with_capacity(HEADER + name.len() + 20);
    // Recursion is desired, one question; one additional record where larger answers are taken.
    for field in [id, 0x0100, 1, 0, 0, u16::from(extended)] {
        message.extend(field.to_be_bytes());
    }
    for label in name.trim_end_matches('.').split('.') {
        if label.is_empty() || label.len() > 63 {
            return None;
        }
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.push(0);
    for field in [kind.number(), CLASS_IN] {
        message.extend(field.to_be_bytes());
    }
    if extended {
        message.push(0);
        message.extend(OPT.to_be_bytes());
        message.extend(payload.to_be_bytes());
        message.extend([0; 6]);
    }
    (message.len() <= HEADER + 255 + 15).then_some(message)
}

/// Reads what came for a query. Names of answers are not compared: those behind an alias differ, and the number and the
/// question say whose answer it is.
pub fn answer(query: &[u8], message: &[u8], kind: Kind) -> Answer {
    read(query, message, kind).unwrap_or(Answer::Stray)
}

fn read(query: &[u8], message: &[u8], kind: Kind) -> Option<Answer> {
    let mut reader = Reader { message, at: 0 };
    let (id, flags) = (reader.number()?, reader.number()?);
    let [questions, answers] = [reader.number()?, reader.number()?];
    reader.skip(4)?;
    let is_answer = flags & 0x8000 != 0;
    let question = question(query)?;
    let same = message.get(HEADER..HEADER + question.len())?.eq_ignore_ascii_case(question);
    if !is_answer || id != u16::from_be_bytes([query[0], query[1]]) || questions != 1 || !same {
        return None;
    }
    match flags & 0x000f {
        0 => {}
        3 => return Some(Answer::Refused(Refusal::Nx)),
        5 => return Some(Answer::Refused(Refusal::Refused)),
        _ => return Some(Answer::Refused(Refusal::Other)),
    }
    reader.skip(question.len())?;
    let mut addresses = Vec::new();
    for _ in 0..answers {
        // A message that was cut, or that lies: what was read of it counts.
        let Some(address) = reader.record(kind) else { break };
        addresses.extend(address.filter(|address| !addresses.contains(address)));
    }
    Some(if addresses.is_empty() { Answer::Refused(Refusal::Other) } else { Answer::Addresses(addresses) })
}

/// The question in a query of ours: from the header to its class.
fn question(query: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader { message: query, at: HEADER };
    reader.name()?;
    reader.skip(4)?;
    query.get(HEADER..reader.at)
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes).filter(|at| *at <= self.message.len())?;
        Some(())
    }

    fn number(&mut self) -> Option<u16> {
        let bytes = self.message.get(self.at..self.at + 2)?;
        self.at += 2;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// Passes over a name; a pointer ends it.
    fn name(&mut self) -> Option<()> {
        loop {
            match *self.message.get(self.at)? {
                0 => return self.skip(1),
                pointer if pointer & 0xc0 == 0xc0 => return self.skip(2),
                length if length < 64 => self.skip(1 + usize::from(length))?,
                _ => return None,
            }
        }
    }

    /// A record's address, if it has one of the kind.
    fn record(&mut self, kind: Kind) -> Option<Option<IpAddr>> {
        self.name()?;
        let (found, _class) = (self.number()?, self.number()?);
        self.skip(4)?;
        let length = usize::from(self.number()?);
        let data = self.message.get(self.at..self.at + length)?;
        self.at += length;
        let address = match (kind, found) {
            (_, CNAME) => None,
            (Kind::A, 1) => <[u8; 4]>::try_from(data).ok().map(|octets| Ipv4Addr::from(octets).into()),
            (Kind::Aaaa, 28) => <[u8; 16]>::try_from(data).ok().map(|octets| Ipv6Addr::from(octets).into()),
            _ => None,
        };
        Some(address)
    }
}

impl Kind {
    fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reply(query: &[u8], code: u8, records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut message = query[..2].to_vec();
        message.extend([0x81, 0x80 | code, 0, 1, 0, records.len() as u8, 0, 0, 0, 0]);
        message.extend(&query[HEADER..]);
        for (kind, data) in records {
            message.extend([0xc0, 12]);
            message.extend(kind.to_be_bytes());
            message.extend([0, 1, 0, 0, 0, 5, 0, data.len() as u8]);
            message.extend(*data);
        }
        message
    }

    #[test]
    fn reads_addresses() {
        let query = query(7, "a.example.", Kind::A, 512).unwrap();
        let records: [(u16, &[u8]); 3] = [(CNAME, &[0]), (1, &[10, 0, 0, 1]), (1, &[10, 0, 0, 2])];
        let expected = Answer::Addresses(vec![[10, 0, 0, 1].into(), [10, 0, 0, 2].into()]);
        assert_eq!(answer(&query, &reply(&query, 0, &records), Kind::A), expected);
        assert_eq!(answer(&query, &reply(&query, 3, &[]), Kind::A), Answer::Refused(Refusal::Nx));
        assert_eq!(answer(&query, &reply(&query, 5, &[]), Kind::A), Answer::Refused(Refusal::Refused));
        assert_eq!(answer(&query, &reply(&query, 0, &[]), Kind::A), Answer::Refused(Refusal::Other));
    }

    #[test]
    fn answers_of_others_are_stray() {
        let ours = query(7, "a.example", Kind::A, 512).unwrap();
        for other in [query(8, "a.example", Kind::A, 512), query(7, "b.example", Kind::A, 512)] {
            let reply = reply(&other.unwrap(), 0, &[(1, &[10, 0, 0, 1])]);
            assert_eq!(answer(&ours, &reply, Kind::A), Answer::Stray);
        }
        assert_eq!(answer(&ours, &ours, Kind::A), Answer::Stray);
    }

    #[test]
    fn names_that_cannot_be_asked_for() {
        assert_eq!(query(1, "a..b", Kind::A, 512), None);
        assert_eq!(query(1, &"a".repeat(64), Kind::A, 512), None);
        assert_eq!(query(1, &"abc.".repeat(80), Kind::A, 512), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..60) {
            let query = query(7, "a.example", Kind::Aaaa, 1200).unwrap();
            answer(&query, &bytes, Kind::Aaaa);
            let mut broken = reply(&query, 0, &[(28, &[1; 16])]);
            broken.truncate(at.max(2));
            answer(&query, &broken, Kind::Aaaa);
        }
    }
}
