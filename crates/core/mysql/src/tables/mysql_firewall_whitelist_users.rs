//! `mysql_firewall_whitelist_users`: how the whitelist treats a user at an address.

use super::{Column, Table};

/// How the whitelist treats a user at an address.
pub const TABLE: Table = Table {
    name: "mysql_firewall_whitelist_users",
    columns: &[
        Column::flag("active", "active IN (0,1)", 1),
        Column::text("username"),
        Column::text("client_address"),
        Column::text("mode").check("mode IN ('OFF','DETECTING','PROTECTING')").or_text("OFF"),
        Column::comment(),
    ],
    key: &["username", "client_address"],
    constraints: &[],
    section: None,
};
