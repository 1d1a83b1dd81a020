//! `restapi_routes`: programs that ProxySQL starts for a request.

use super::{Column, Table};

/// Programs that ProxySQL starts for a request.
pub const TABLE: Table = Table {
    name: "restapi_routes",
    columns: &[
        Column::integer("id"),
        Column::flag("active", "active IN (0,1)", 1),
        Column::integer("timeout_ms").check("timeout_ms BETWEEN 100 AND 100000000"),
        Column::text("method").check("UPPER(method) IN ('GET','POST')"),
        Column::text("uri"),
        Column::text("script"),
        Column::comment(),
    ],
    key: &["id"],
    constraints: &["UNIQUE (method, uri)"],
    section: Some("restapi"),
};
