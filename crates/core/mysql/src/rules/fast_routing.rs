//! `mysql_query_rules_fast_routing`: a hostgroup by user, schema and flag, by hashes rather than by rules.

use std::collections::HashMap;

use crate::settings::{FastRoute, Hostgroup};

/// By user, then by schema. There may be a million rows, one for each tenant.
#[derive(Debug, Clone, Default)]
pub(super) struct FastRouting(HashMap<String, HashMap<String, Vec<Route>>>);

#[derive(Debug, Clone, Copy)]
struct Route {
    flag_in: i64,
    hostgroup: Hostgroup,
}

impl FastRouting {
    pub fn new(rows: &[FastRoute]) -> Self {
        let mut users = HashMap::<String, HashMap<String, Vec<Route>>>::new();
        for row in rows {
            let routes = users.entry(row.username.clone()).or_default().entry(row.schemaname.clone()).or_default();
            routes.push(Route { flag_in: row.flag_in, hostgroup: row.destination_hostgroup });
        }
        Self(users)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The schema's own route goes before the user's for any schema.
    pub fn find(&self, username: &str, schemaname: &str, flag: i64) -> Option<Hostgroup> {
        let schemas = self.0.get(username)?;
        let find = |schema: &str| schemas.get(schema)?.iter().find(|route| route.flag_in == flag);
        find(schemaname).or_else(|| find("")).map(|route| route.hostgroup)
    }
}
