//! `mysql_aws_aurora_hostgroups`: hostgroups of an Aurora cluster.

use super::{Column, Table};

/// Hostgroups of an Aurora cluster.
pub const TABLE: Table = Table {
    name: "mysql_aws_aurora_hostgroups",
    columns: &[
        Column::integer("writer_hostgroup").check("writer_hostgroup>=0"),
        Column::integer("reader_hostgroup").check("reader_hostgroup<>writer_hostgroup AND reader_hostgroup>0"),
        Column::flag("active", "active IN (0,1)", 1),
        Column::integer("aurora_port").check("aurora_port BETWEEN 1 AND 65535").or(3306),
        Column::text("domain_name").check("SUBSTR(domain_name,1,1) = '.'"),
        Column::integer("max_lag_ms").check("max_lag_ms BETWEEN 10 AND 600000").or(600000),
        Column::integer("check_interval_ms").check("check_interval_ms BETWEEN 100 AND 600000").or(1000),
        Column::integer("check_timeout_ms").check("check_timeout_ms BETWEEN 80 AND 3000").or(800),
        Column::flag("writer_is_also_reader", "writer_is_also_reader IN (0,1)", 0),
        Column::integer("new_reader_weight").check("new_reader_weight>=0").or(1),
        Column::integer("add_lag_ms").check("add_lag_ms BETWEEN 0 AND 600000").or(30),
        Column::integer("min_lag_ms").check("min_lag_ms BETWEEN 0 AND 600000").or(30),
        Column::integer("lag_num_checks").check("lag_num_checks BETWEEN 1 AND 16").or(1),
        Column::comment(),
    ],
    key: &["writer_hostgroup"],
    constraints: &["UNIQUE (reader_hostgroup)"],
    section: Some("mysql_aws_aurora_hostgroups"),
};
