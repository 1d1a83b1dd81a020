//! Stick tables: entries with counters and rates that expire; time is an argument (manual section 4.2, "stick-table").
//!
//! A [`Table`] is bounded by its configured size. Entries live in the order in which they were last touched: the oldest
//! is the first to expire, and the first to go when the table is full. An entry that streams track stays.

mod command;
mod config;
mod data;
mod entries;
mod key;
mod rate;
mod table;
mod tracking;

pub use command::{clear, header, set, show};
pub use config::TableConfig;
pub use data::{DATA_TYPES, DataType, Kind};
pub use key::{Key, KeyType};
pub use rate::Rate;
pub use table::{EntryId, Table};

#[cfg(test)]
mod tests;
