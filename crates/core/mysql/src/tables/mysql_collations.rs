//! `mysql_collations`: collations that the proxy knows.

use super::{Column, Table};

/// Collations that the proxy knows.
pub const TABLE: Table = Table {
    name: "mysql_collations",
    columns: &[Column::integer("Id"), Column::text("Collation"), Column::text("Charset"), Column::text("Default")],
    key: &["Id"],
    constraints: &[],
    section: None,
};
