//! `mysql_query_rules_fast_routing`: hostgroups by user and schema, looked up where the last rule that was examined does not apply.

use super::{Column, Table};

/// Hostgroups by user and schema, looked up where the last rule that was examined does not apply.
pub const TABLE: Table = Table {
    name: "mysql_query_rules_fast_routing",
    columns: &[
        Column::text("username"),
        Column::text("schemaname"),
        Column::integer("flagIN").check("flagIN>=0").or(0),
        Column::integer("destination_hostgroup").check("destination_hostgroup>=0"),
        Column::comment(),
    ],
    key: &["username", "schemaname", "flagIN"],
    constraints: &[],
    section: Some("mysql_query_rules_fast_routing"),
};
