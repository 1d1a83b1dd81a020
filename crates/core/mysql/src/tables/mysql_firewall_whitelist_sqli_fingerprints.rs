//! `mysql_firewall_whitelist_sqli_fingerprints`: fingerprints of injected SQL that are no injection.

use super::{Column, Table};

/// Fingerprints of injected SQL that are no injection.
pub const TABLE: Table = Table {
    name: "mysql_firewall_whitelist_sqli_fingerprints",
    columns: &[Column::flag("active", "active IN (0,1)", 1), Column::text("fingerprint")],
    key: &["fingerprint"],
    constraints: &[],
    section: None,
};
