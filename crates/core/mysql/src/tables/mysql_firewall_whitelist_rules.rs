//! `mysql_firewall_whitelist_rules`: statements that the whitelist lets pass.

use super::{Column, Table};

/// Statements that the whitelist lets pass.
pub const TABLE: Table = Table {
    name: "mysql_firewall_whitelist_rules",
    columns: &[
        Column::flag("active", "active IN (0,1)", 1),
        Column::text("username"),
        Column::text("client_address"),
        Column::text("schemaname"),
        Column::integer("flagIN").or(0),
        Column::text("digest"),
        Column::comment(),
    ],
    key: &["username", "client_address", "schemaname", "flagIN", "digest"],
    constraints: &[],
    section: None,
};
