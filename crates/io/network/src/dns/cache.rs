//! Answers of other servers, kept for a short while.

use hickory_proto::op::Message;
use hickory_proto::rr::{Name, Record, RecordType};
use netplan::dns::{Query, cacheable_seconds};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Answers kept: with some 300 bytes each at most a third of a MB.
const ENTRIES: usize = 1024;
/// Larger answers are rare and would break the bound on memory.
const ENTRY_BYTES: usize = 2048;

#[derive(Default)]
pub struct Cache {
    entries: HashMap<Key, Entry>,
    /// Oldest first. A key may stand here twice; the first time evicts it early, which costs one question.
    order: VecDeque<Key>,
}

type Key = (Name, RecordType, bool);

struct Entry {
    /// As it came: decoded messages take ten times the memory.
    packet: Vec<u8>,
    since: Instant,
    keep: Duration,
}

impl Cache {
    pub fn get(&self, query: &Query, now: Instant) -> Option<Message> {
        let entry = self.entries.get(&key(query))?;
        let age = now.saturating_duration_since(entry.since);
        let mut answer = Message::from_vec(&entry.packet).ok().filter(|_| age < entry.keep)?;
        answer.metadata.id = query.message.metadata.id;
        answer.queries = query.message.queries.clone();
        for record in records(&mut answer) {
            record.decrement_ttl(age.as_secs() as u32);
        }
        Some(answer)
    }

    pub fn put(&mut self, query: &Query, answer: &Message, now: Instant) {
        let Some(seconds) = cacheable_seconds(answer) else { return };
        let Some(packet) = answer.to_vec().ok().filter(|packet| packet.len() <= ENTRY_BYTES) else { return };
        let key = key(query);
        let entry = Entry { packet, since: now, keep: Duration::from_secs(seconds.into()) };
        self.entries.insert(key.clone(), entry);
        self.order.push_back(key);
        while self.order.len() > ENTRIES {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
    }
}

fn key(query: &Query) -> Key {
    (query.name().to_lowercase(), query.kind(), query.wants_dnssec())
}

fn records(message: &mut Message) -> impl Iterator<Item = &mut Record> {
    message.answers.iter_mut().chain(&mut message.authorities).chain(&mut message.additionals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::{Query as Question, ResponseCode};
    use hickory_proto::rr::{RData, rdata::A};
    use netplan::dns::{Received, receive};
    use std::net::Ipv4Addr;

    fn query(name: &str) -> Query {
        let mut message = Message::query();
        message.add_query(Question::query(Name::from_ascii(name).unwrap(), RecordType::A));
        let Received::Query(query) = receive(&message.to_vec().unwrap()) else { panic!("refused") };
        query
    }

    fn answer(query: &Query) -> Message {
        let mut answer = query.reply(ResponseCode::NoError);
        answer.add_answer(Record::from_rdata(query.name().clone(), 20, RData::A(A(Ipv4Addr::LOCALHOST))));
        answer
    }

    #[test]
    fn an_answer_ages_and_goes() {
        let (mut cache, start) = (Cache::default(), Instant::now());
        let first = query("Example.com.");
        cache.put(&first, &answer(&first), start);
        let again = query("eXample.com.");
        let found = cache.get(&again, start + Duration::from_secs(5)).unwrap();
        assert_eq!((found.metadata.id, found.answers[0].ttl), (again.message.metadata.id, 15));
        assert_eq!(found.queries[0].name().to_ascii(), "eXample.com.");
        assert!(cache.get(&again, start + Duration::from_secs(20)).is_none());
        assert!(cache.get(&query("other.com."), start).is_none());
    }

    #[test]
    fn it_is_bounded() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        for number in 0..2 * ENTRIES {
            let query = query(&format!("n{number}.com."));
            cache.put(&query, &answer(&query), now);
        }
        assert_eq!(cache.entries.len(), ENTRIES);
        assert!(cache.get(&query("n0.com."), now).is_none());
        assert!(cache.get(&query(&format!("n{}.com.", 2 * ENTRIES - 1)), now).is_some());
    }
}
