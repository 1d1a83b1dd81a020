//! Stick tables. Their commands read and write them by [`crate::stick`].

use crate::stick::Table;

pub trait Tables {
    /// In the order of the configuration.
    fn table_names(&self) -> Vec<String>;
    /// Runs something on a table, with the time; false if there is no such table.
    fn with_table(&self, name: &str, run: &mut dyn FnMut(&mut Table, u64)) -> bool;
}
