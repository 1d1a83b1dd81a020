//! `mysql_servers`: servers behind the proxy, by hostgroup.

use super::{Column, Table};

/// Servers behind the proxy, by hostgroup.
pub const TABLE: Table = Table {
    name: "mysql_servers",
    columns: &[
        Column::integer("hostgroup_id").check("hostgroup_id>=0").or(0).alias(&["hostgroup"]),
        Column::text("hostname").alias(&["address"]),
        Column::integer("port").check("port BETWEEN 0 AND 65535").or(3306),
        Column::integer("gtid_port")
            .check("(gtid_port <> port OR gtid_port=0) AND gtid_port BETWEEN 0 AND 65535")
            .or(0),
        Column::text("status")
            .check("UPPER(status) IN ('ONLINE','SHUNNED','OFFLINE_SOFT','OFFLINE_HARD')")
            .or_text("ONLINE"),
        Column::integer("weight").check("weight BETWEEN 0 AND 10000000").or(1),
        Column::flag("compression", "compression IN (0,1)", 0),
        Column::integer("max_connections").check("max_connections>=0").or(1000),
        Column::integer("max_replication_lag").check("max_replication_lag BETWEEN 0 AND 126144000").or(0),
        Column::flag("use_ssl", "use_ssl IN (0,1)", 0),
        Column::integer("max_latency_ms").check("max_latency_ms>=0").or(0),
        Column::comment(),
    ],
    key: &["hostgroup_id", "hostname", "port"],
    constraints: &[],
    section: Some("mysql_servers"),
};
