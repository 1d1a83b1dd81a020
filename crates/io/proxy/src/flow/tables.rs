//! Stick tables of the running configuration, and the entries that a stream tracks.

use super::Flow;
use balance::sample::Value;
use balance::sample::context::{Counter, Entry, TableNumber, Touch};

/// Entries that a stream or a connection counts in.
#[derive(Debug, Default)]
pub struct Tracked {}

impl Flow<'_> {
    pub(crate) fn stuck_server(
        &self,
        _backend: &crate::backend::Backend,
    ) -> Option<std::sync::Arc<crate::server::Server>> {
        None
    }
    pub(crate) fn store_stuck(
        &self,
        _backend: &crate::backend::Backend,
        _server: &crate::server::Server,
        _response: bool,
    ) {
    }
    pub(super) fn track(&mut self, _slot: u8, _table: Option<&str>, _key: &Value<'_>) {}
    pub(super) fn set_gpt(&mut self, _slot: u8, _index: Option<u8>, _value: u32) {}
    pub(super) fn number_of_table(&self, _what: TableNumber, _table: Option<&str>) -> Option<i64> {
        None
    }
    pub(super) fn table_counter(
        &self,
        _entry: Entry<'_>,
        _table: Option<&str>,
        _what: Counter,
        _touch: Touch,
    ) -> Option<i64> {
        None
    }
}
