//! `mysql_galera_hostgroups`: hostgroups of a Galera cluster.

use super::{Column, Table};

/// Hostgroups of a Galera cluster.
pub const TABLE: Table = Table {
    name: "mysql_galera_hostgroups",
    columns: &[
        Column::integer("writer_hostgroup").check("writer_hostgroup>=0"),
        Column::integer("backup_writer_hostgroup").check("backup_writer_hostgroup>=0 AND backup_writer_hostgroup<>writer_hostgroup"),
        Column::integer("reader_hostgroup").check("reader_hostgroup<>writer_hostgroup AND backup_writer_hostgroup<>reader_hostgroup AND reader_hostgroup>0"),
        Column::integer("offline_hostgroup").check("offline_hostgroup<>writer_hostgroup AND offline_hostgroup<>reader_hostgroup AND backup_writer_hostgroup<>offline_hostgroup AND offline_hostgroup>=0"),
        Column::flag("active", "active IN (0,1)", 1),
        Column::integer("max_writers").check("max_writers>=0").or(1),
        Column::integer("writer_is_also_reader").check("writer_is_also_reader IN (0,1,2)").or(0),
        Column::integer("max_transactions_behind").check("max_transactions_behind>=0").or(0),
        Column::comment(),
    ],
    key: &["writer_hostgroup"],
    constraints: &["UNIQUE (reader_hostgroup)", "UNIQUE (offline_hostgroup)", "UNIQUE (backup_writer_hostgroup)"],
    section: Some("mysql_galera_hostgroups"),
};
