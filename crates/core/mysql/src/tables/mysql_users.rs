//! `mysql_users`: who may log in, and where their statements go unless a rule says otherwise.

use super::{Column, Table};

/// Who may log in, and where their statements go unless a rule says otherwise.
pub const TABLE: Table = Table {
    name: "mysql_users",
    columns: &[
        Column::text("username"),
        Column::text("password").nullable(),
        Column::flag("active", "active IN (0,1)", 1),
        Column::flag("use_ssl", "use_ssl IN (0,1)", 0),
        Column::integer("default_hostgroup").check("default_hostgroup>=0").or(0),
        Column::text("default_schema").nullable(),
        Column::flag("schema_locked", "schema_locked IN (0,1)", 0),
        Column::flag("transaction_persistent", "transaction_persistent IN (0,1)", 1),
        Column::flag("fast_forward", "fast_forward IN (0,1)", 0),
        Column::flag("backend", "backend IN (0,1)", 1),
        Column::flag("frontend", "frontend IN (0,1)", 1),
        Column::integer("max_connections").check("max_connections>=0").or(10000),
        Column::text("attributes").check("JSON_VALID(attributes) OR attributes = ''").or_text(""),
        Column::comment(),
    ],
    key: &["username", "backend"],
    constraints: &["UNIQUE (username, frontend)"],
    section: Some("mysql_users"),
};
