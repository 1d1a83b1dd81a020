//! `mysql_hostgroup_attributes`: limits and manners of a whole hostgroup.

use super::{Column, Table};

/// Limits and manners of a whole hostgroup.
pub const TABLE: Table = Table {
    name: "mysql_hostgroup_attributes",
    columns: &[
        Column::integer("hostgroup_id").check("hostgroup_id>=0").alias(&["hostgroup"]),
        Column::integer("max_num_online_servers").check("max_num_online_servers BETWEEN 0 AND 1000000").or(1000000),
        Column::integer("autocommit").check("autocommit IN (-1,0,1)").or(-1),
        Column::integer("free_connections_pct").check("free_connections_pct BETWEEN 0 AND 100").or(10),
        Column::text("init_connect").or_text(""),
        Column::flag("multiplex", "multiplex IN (0,1)", 1),
        Column::flag("connection_warming", "connection_warming IN (0,1)", 0),
        Column::integer("throttle_connections_per_sec")
            .check("throttle_connections_per_sec BETWEEN 1 AND 1000000")
            .or(1000000),
        Column::text("ignore_session_variables")
            .check("JSON_VALID(ignore_session_variables) OR ignore_session_variables = ''")
            .or_text(""),
        Column::text("hostgroup_settings")
            .check("JSON_VALID(hostgroup_settings) OR hostgroup_settings = ''")
            .or_text(""),
        Column::text("servers_defaults").check("JSON_VALID(servers_defaults) OR servers_defaults = ''").or_text(""),
        Column::comment(),
    ],
    key: &["hostgroup_id"],
    constraints: &[],
    section: Some("mysql_hostgroup_attributes"),
};
