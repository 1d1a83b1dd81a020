//! What streams count in the entries they track.

use super::{
    data::DataType,
    key::Key,
    table::{EntryId, Table},
};

impl Table {
    /// Starts to track: the entry stays until released. Counts the connection, and with `request` the request.
    pub fn track(&mut self, key: Key, now: u64, request: bool) -> Option<EntryId> {
        let id = self.find_or_add(key, now)?;
        self.entries.get_mut(id.0).trackers += 1;
        self.add(id, DataType::ConnCur, 0, 1, now);
        self.count(id, DataType::ConnCnt, DataType::ConnRate, 1, now);
        if request {
            self.count_request(id, now);
        }
        Some(id)
    }

    /// Ends what `track` began.
    pub fn release(&mut self, id: EntryId, now: u64) {
        if let Some((offset, _)) = self.stored(DataType::ConnCur) {
            let current = &mut self.entries.get_mut(id.0).words[offset];
            *current = current.saturating_sub(1);
        }
        let entry = self.entries.get_mut(id.0);
        entry.trackers = entry.trackers.saturating_sub(1);
        self.touch(id, now);
    }

    /// A session was accepted by the connection's rules.
    pub fn count_session(&mut self, id: EntryId, now: u64) {
        self.count(id, DataType::SessCnt, DataType::SessRate, 1, now);
    }

    pub fn count_request(&mut self, id: EntryId, now: u64) {
        self.count(id, DataType::HttpReqCnt, DataType::HttpReqRate, 1, now);
    }

    /// A request that the client got wrong: invalid, denied, tarpitted, not authorized, or answered with 4xx.
    pub fn count_error(&mut self, id: EntryId, now: u64) {
        self.count(id, DataType::HttpErrCnt, DataType::HttpErrRate, 1, now);
    }

    /// A response that the server got wrong: invalid, or 5xx but 501 and 505.
    pub fn count_failure(&mut self, id: EntryId, now: u64) {
        self.count(id, DataType::HttpFailCnt, DataType::HttpFailRate, 1, now);
    }

    /// Bytes from and to the client.
    pub fn count_bytes(&mut self, id: EntryId, received: u64, sent: u64, now: u64) {
        self.count(id, DataType::BytesInCnt, DataType::BytesInRate, received, now);
        self.count(id, DataType::BytesOutCnt, DataType::BytesOutRate, sent, now);
    }

    fn count(&mut self, id: EntryId, total: DataType, rate: DataType, count: u64, now: u64) {
        self.add(id, total, 0, count, now);
        self.add(id, rate, 0, count, now);
        self.touch(id, now);
    }
}
