//! Stick tables, as commands see and change them.

use super::View;
use balance::cli::Tables;
use balance::stick::Table;

impl Tables for View {
    fn table_names(&self) -> Vec<String> {
        let running = self.engine.running();
        let proxies = running.config.proxies.iter();
        proxies.map(|proxy| proxy.name.clone()).filter(|name| running.tables.contains_key(name)).collect()
    }

    fn with_table(&self, name: &str, run: &mut dyn FnMut(&mut Table, u64)) -> bool {
        let running = self.engine.running();
        let Some(table) = running.tables.get(name) else { return false };
        run(&mut table.lock().unwrap_or_else(std::sync::PoisonError::into_inner), self.engine.now());
        true
    }
}
