//! `mysql_servers_ssl_params`: TLS towards single servers and users.

use super::{Column, Table};

/// TLS towards single servers and users.
pub const TABLE: Table = Table {
    name: "mysql_servers_ssl_params",
    columns: &[
        Column::text("hostname"),
        Column::integer("port").check("port BETWEEN 0 AND 65535").or(3306),
        Column::text("username").or_text(""),
        Column::text("ssl_ca").or_text(""),
        Column::text("ssl_cert").or_text(""),
        Column::text("ssl_key").or_text(""),
        Column::text("ssl_capath").or_text(""),
        Column::text("ssl_crl").or_text(""),
        Column::text("ssl_crlpath").or_text(""),
        Column::text("ssl_cipher").or_text(""),
        Column::text("tls_version").or_text(""),
        Column::comment(),
    ],
    key: &["hostname", "port", "username"],
    constraints: &[],
    section: Some("mysql_servers_ssl_params"),
};
