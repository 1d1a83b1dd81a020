//! `scheduler`: programs that ProxySQL starts again and again.

use super::{Column, Table};

/// Programs that ProxySQL starts again and again.
pub const TABLE: Table = Table {
    name: "scheduler",
    columns: &[
        Column::integer("id"),
        Column::flag("active", "active IN (0,1)", 1),
        Column::integer("interval_ms").check("interval_ms BETWEEN 100 AND 100000000"),
        Column::text("filename"),
        Column::text("arg1").nullable(),
        Column::text("arg2").nullable(),
        Column::text("arg3").nullable(),
        Column::text("arg4").nullable(),
        Column::text("arg5").nullable(),
        Column::comment(),
    ],
    key: &["id"],
    constraints: &[],
    section: Some("scheduler"),
};
