//! The tables of ProxySQL's admin interface: columns, defaults and checks, each once.
//!
//! The admin database is created from them, the configuration file's lists are read by them, and the documentation's
//! tables are printed from them.

mod check;
pub mod global_variables;
pub mod mysql_aws_aurora_hostgroups;
pub mod mysql_collations;
pub mod mysql_firewall_whitelist_rules;
pub mod mysql_firewall_whitelist_sqli_fingerprints;
pub mod mysql_firewall_whitelist_users;
pub mod mysql_galera_hostgroups;
pub mod mysql_group_replication_hostgroups;
pub mod mysql_hostgroup_attributes;
pub mod mysql_query_rules;
pub mod mysql_query_rules_fast_routing;
pub mod mysql_replication_hostgroups;
pub mod mysql_servers;
pub mod mysql_servers_ssl_params;
pub mod mysql_users;
pub mod proxysql_servers;
pub mod restapi_routes;
pub mod scheduler;
pub mod stats;

/// All tables of `main`, in the order in which they are loaded and printed.
pub const ALL: &[&Table] = &[
    &mysql_servers::TABLE,
    &mysql_users::TABLE,
    &mysql_query_rules::TABLE,
    &mysql_query_rules_fast_routing::TABLE,
    &mysql_replication_hostgroups::TABLE,
    &mysql_group_replication_hostgroups::TABLE,
    &mysql_galera_hostgroups::TABLE,
    &mysql_aws_aurora_hostgroups::TABLE,
    &mysql_hostgroup_attributes::TABLE,
    &mysql_servers_ssl_params::TABLE,
    &mysql_firewall_whitelist_users::TABLE,
    &mysql_firewall_whitelist_rules::TABLE,
    &mysql_firewall_whitelist_sqli_fingerprints::TABLE,
    &mysql_collations::TABLE,
    &scheduler::TABLE,
    &restapi_routes::TABLE,
    &proxysql_servers::TABLE,
    &global_variables::TABLE,
];

/// A value of a row, as SQLite holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    Null,
    Integer(i64),
    Text(String),
}

/// One row: a value for each column of its table, in order.
pub type Row = Vec<Value>;

/// A table of `main` that people write (`runtime_` and `disk` copies have the same columns).
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [Column],
    /// Columns of the primary key.
    pub key: &'static [&'static str],
    /// Further constraints of the whole table, as SQL: `UNIQUE (reader_hostgroup)`, `CHECK (a<>b)`.
    pub constraints: &'static [&'static str],
    /// The list of `proxysql.cnf` that fills it; `None` where ProxySQL's file has none.
    pub section: Option<&'static str>,
}

#[derive(Debug)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    /// Absent: the column has to be given (or may be NULL, where `nullable`).
    pub default: Option<Default>,
    pub nullable: bool,
    /// A condition, as SQL: `status IN ('ONLINE',...)`.
    pub check: Option<&'static str>,
    /// Other words of the file for it: `address` for `hostname`, `hostgroup` for `hostgroup_id`.
    pub aliases: &'static [&'static str],
    /// What the file takes where the setting is absent, if that is not `default` (a rule of the file is active).
    pub file_default: Option<Default>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Integer,
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    Integer(i64),
    Text(&'static str),
}

impl Column {
    /// A column of whole numbers that has to be given.
    const fn integer(name: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Integer,
            default: None,
            nullable: false,
            check: None,
            aliases: &[],
            file_default: None,
        }
    }

    /// A column of text that has to be given.
    const fn text(name: &'static str) -> Self {
        Self { kind: Kind::Text, ..Self::integer(name) }
    }

    /// Whole numbers of 0 and 1.
    const fn flag(name: &'static str, check: &'static str, default: i64) -> Self {
        Self::integer(name).check(check).or(default)
    }

    /// A remark of the operator, empty where none is given.
    const fn comment() -> Self {
        Self::text("comment").or_text("")
    }

    const fn or(self, value: i64) -> Self {
        Self { default: Some(Default::Integer(value)), ..self }
    }

    const fn or_text(self, value: &'static str) -> Self {
        Self { default: Some(Default::Text(value)), ..self }
    }

    const fn nullable(self) -> Self {
        Self { nullable: true, ..self }
    }

    const fn check(self, condition: &'static str) -> Self {
        Self { check: Some(condition), ..self }
    }

    const fn alias(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    const fn in_file(self, value: i64) -> Self {
        Self { file_default: Some(Default::Integer(value)), ..self }
    }

    /// Whether `name` means this column, in any case of letters, as SQLite has it.
    fn is_called(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) || self.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    }

    fn definition(&self) -> String {
        let kind = match self.kind {
            Kind::Integer => "INTEGER",
            Kind::Text => "VARCHAR",
        };
        let check = self.check.map(|check| format!(" CHECK ({check})")).unwrap_or_default();
        let null = if self.nullable { "" } else { " NOT NULL" };
        let default = match self.default {
            Some(Default::Integer(value)) => format!(" DEFAULT {value}"),
            Some(Default::Text(value)) => format!(" DEFAULT '{}'", value.replace('\'', "''")),
            None => String::new(),
        };
        let quote = if self.name == "Default" { "`" } else { "" };
        format!("{quote}{}{quote} {kind}{check}{null}{default}", self.name)
    }
}

impl From<Default> for Value {
    fn from(default: Default) -> Self {
        match default {
            Default::Integer(value) => Self::Integer(value),
            Default::Text(text) => Self::Text(text.to_owned()),
        }
    }
}

impl Table {
    /// Position of the column called `name`, by its own name or one of the file's other words for it.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.is_called(name))
    }

    /// The column called `name`, by its own name or one of the file's other words for it.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.is_called(name))
    }

    /// The statement of SQLite that makes this table under `name` (`runtime_mysql_servers`, `disk.mysql_servers`).
    #[must_use]
    pub fn create(&self, name: &str) -> String {
        let key = format!("PRIMARY KEY ({})", self.key.join(", "));
        let columns = self.columns.iter().map(Column::definition);
        let parts: Vec<_> =
            columns.chain([key]).chain(self.constraints.iter().map(|&constraint| constraint.to_owned())).collect();
        format!("CREATE TABLE {name} (\n    {}\n)", parts.join(",\n    "))
    }
}

/// The table of `main` called `name`, in any case of letters.
#[must_use]
pub fn find(name: &str) -> Option<&'static Table> {
    ALL.iter().copied().find(|table| table.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[test]
    fn makes_a_table() {
        check(
            "mysql_replication_hostgroups",
            expect![[r#"
                CREATE TABLE runtime_mysql_replication_hostgroups (
                    writer_hostgroup INTEGER CHECK (writer_hostgroup>=0) NOT NULL,
                    reader_hostgroup INTEGER CHECK (reader_hostgroup<>writer_hostgroup AND reader_hostgroup>=0) NOT NULL,
                    check_type VARCHAR CHECK (LOWER(check_type) IN ('read_only','innodb_read_only','super_read_only','read_only|innodb_read_only','read_only&innodb_read_only','innodb_read_only|read_only','innodb_read_only&read_only','read_only|super_read_only','read_only&super_read_only','super_read_only|read_only','super_read_only&read_only','innodb_read_only|super_read_only','innodb_read_only&super_read_only','super_read_only|innodb_read_only','super_read_only&innodb_read_only')) NOT NULL DEFAULT 'read_only',
                    comment VARCHAR NOT NULL DEFAULT '',
                    PRIMARY KEY (writer_hostgroup),
                    UNIQUE (reader_hostgroup)
                )"#]],
        );
    }

    #[test]
    fn keys_are_columns() {
        for table in ALL {
            for key in table.key {
                assert!(table.column(key).is_some(), "{}: {key}", table.name);
            }
        }
    }

    #[test]
    fn knows_the_words_of_the_file() {
        let servers = find("MYSQL_SERVERS").expect("it is a table");
        assert_eq!(servers.position("address"), servers.position("hostname"));
        assert_eq!(servers.position("hostgroup"), Some(0));
    }

    #[track_caller]
    fn check(name: &str, expected: Expect) {
        expected.assert_eq(&find(name).expect("it is a table").create(&format!("runtime_{name}")));
    }
}
