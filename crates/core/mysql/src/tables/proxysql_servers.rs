//! `proxysql_servers`: other proxies of the cluster.

use super::{Column, Table};

/// Other proxies of the cluster.
pub const TABLE: Table = Table {
    name: "proxysql_servers",
    columns: &[
        Column::text("hostname").alias(&["address"]),
        Column::integer("port").check("port BETWEEN 0 AND 65535").or(6032),
        Column::integer("weight").check("weight>=0").or(0),
        Column::comment(),
    ],
    key: &["hostname", "port"],
    constraints: &[],
    section: Some("proxysql_servers"),
};
