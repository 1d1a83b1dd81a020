//! How a hostgroup is treated as a whole: `mysql_hostgroup_attributes`, over the variables that hold for all hostgroups.

use mysql::settings::{Hostgroup, HostgroupAttributes};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Of all hostgroups that have a row.
#[derive(Debug, Default)]
pub struct AllManners {
    rows: HashMap<Hostgroup, HostgroupAttributes>,
    /// New connections by hostgroup: the second they fall into, and how many they are.
    windows: HashMap<Hostgroup, Arc<AtomicU64>>,
    /// `mysql-init_connect`.
    init_connect: String,
    /// `mysql-throttle_connections_per_sec_to_hostgroup`.
    connects_per_second: u32,
}

/// Bits of a window that count.
const COUNT: u32 = 32;

impl AllManners {
    pub fn new(
        rows: &[HostgroupAttributes],
        hostgroups: impl IntoIterator<Item = Hostgroup>,
        init_connect: &str,
        connects_per_second: u32,
    ) -> Self {
        Self {
            rows: rows.iter().map(|row| (row.hostgroup_id, row.clone())).collect(),
            windows: hostgroups.into_iter().map(|hostgroup| (hostgroup, Arc::default())).collect(),
            init_connect: init_connect.to_owned(),
            connects_per_second,
        }
    }

    /// What a new connection to a server of `hostgroup` begins with; empty: nothing.
    pub fn init_connect(&self, hostgroup: Hostgroup) -> &str {
        let own = self.rows.get(&hostgroup).map(|row| row.init_connect.as_str());
        own.filter(|text| !text.is_empty()).unwrap_or(&self.init_connect)
    }

    /// Connections of `hostgroup` stay with the session that has used them.
    pub fn keeps_connections(&self, hostgroup: Hostgroup) -> bool {
        !self.rows.is_empty() && self.rows.get(&hostgroup).is_some_and(|row| !row.multiplex)
    }

    /// One more connection to `hostgroup`, `second` of the process' clock; false: there were enough in this second.
    pub fn may_connect(&self, hostgroup: Hostgroup, second: u64) -> bool {
        let own = self.rows.get(&hostgroup).map(|row| row.throttle_connections_per_sec);
        let limit = u64::from(own.unwrap_or(u32::MAX).min(self.connects_per_second));
        let Some(window) = self.windows.get(&hostgroup) else { return true };
        let next = |before: u64| {
            let fresh = before >> COUNT != second;
            let count = if fresh { 0 } else { before & u64::from(u32::MAX) };
            (count < limit).then_some(second << COUNT | (count + 1))
        };
        window.fetch_update(Relaxed, Relaxed, next).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(init_connect: &str, throttle_connections_per_sec: u32) -> HostgroupAttributes {
        HostgroupAttributes {
            hostgroup_id: 1,
            max_num_online_servers: 1,
            free_connections_pct: 10,
            init_connect: init_connect.to_owned(),
            multiplex: false,
            connection_warming: false,
            throttle_connections_per_sec,
        }
    }

    #[test]
    fn a_row_goes_before_the_variables() {
        let manners = AllManners::new(&[row("SET @own=1", 1000)], [1, 2], "SET @all=1", 1000);
        assert_eq!((manners.init_connect(1), manners.init_connect(2)), ("SET @own=1", "SET @all=1"));
        assert_eq!((manners.keeps_connections(1), manners.keeps_connections(2)), (true, false));
        let empty = AllManners::new(&[row("", 1000)], [1], "SET @all=1", 1000);
        assert_eq!(empty.init_connect(1), "SET @all=1");
    }

    #[test]
    fn so_many_a_second() {
        let manners = AllManners::new(&[row("", 2)], [1, 2], "", 3);
        let allowed = |hostgroup, second| (0..10).filter(|_| manners.may_connect(hostgroup, second)).count();
        assert_eq!((allowed(1, 5), allowed(2, 5)), (2, 3));
        assert_eq!((allowed(1, 6), allowed(1, 6)), (2, 0));
    }
}
