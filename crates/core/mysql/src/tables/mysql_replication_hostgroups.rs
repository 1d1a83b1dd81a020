//! `mysql_replication_hostgroups`: pairs of hostgroups between which servers move by their `read_only`.

use super::{Column, Table};

/// ProxySQL takes the first five; the others are of the same kind. What they ask: [`crate::monitor::check_type`].
const CHECK_TYPES: &str = "LOWER(check_type) IN ('read_only','innodb_read_only','super_read_only',\
'read_only|innodb_read_only','read_only&innodb_read_only','innodb_read_only|read_only','innodb_read_only&read_only',\
'read_only|super_read_only','read_only&super_read_only','super_read_only|read_only','super_read_only&read_only',\
'innodb_read_only|super_read_only','innodb_read_only&super_read_only','super_read_only|innodb_read_only',\
'super_read_only&innodb_read_only')";

/// Pairs of hostgroups between which servers move by their `read_only`.
pub const TABLE: Table = Table {
    name: "mysql_replication_hostgroups",
    columns: &[
        Column::integer("writer_hostgroup").check("writer_hostgroup>=0"),
        Column::integer("reader_hostgroup").check("reader_hostgroup<>writer_hostgroup AND reader_hostgroup>=0"),
        Column::text("check_type").check(CHECK_TYPES).or_text("read_only"),
        Column::comment(),
    ],
    key: &["writer_hostgroup"],
    constraints: &["UNIQUE (reader_hostgroup)"],
    section: Some("mysql_replication_hostgroups"),
};
