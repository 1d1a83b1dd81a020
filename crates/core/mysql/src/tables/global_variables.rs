//! `global_variables`: all variables, `mysql-` and `admin-`, as text.

use super::{Column, Table};

/// All variables, `mysql-` and `admin-`, as text.
pub const TABLE: Table = Table {
    name: "global_variables",
    columns: &[Column::text("variable_name"), Column::text("variable_value")],
    key: &["variable_name"],
    constraints: &[],
    section: None,
};
