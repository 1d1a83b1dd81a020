//! `docs/proxysql-configuration.md` is made of the tables: UPDATE_EXPECT=1 writes it anew.

use mysql::config_file;
use mysql::tables;
use mysql::variables::{self, Fate, Kind, Variable};
use std::fmt::Write;

#[test]
fn the_page_is_what_the_tables_say() {
    expect_test::expect_file!["../../../../docs/proxysql-configuration.md"].assert_eq(&page());
}

fn page() -> String {
    let mut page = "# What becomes of a proxysql.cnf\n\nMade from the tables in `core/mysql`; where the behaviour differs: \
                    [proxysql-differences.md](proxysql-differences.md).\n\nA key that is not known is said with file, line and column, \
                    and left out.\n\n## Single settings and sections of others\n\n| setting | what becomes of it |\n|---|---|\n"
        .to_owned();
    for (name, fate) in config_file::TOP {
        // Writing to a String cannot fail.
        _ = writeln!(page, "| `{name}` | {} |", shown(*fate));
    }
    for (name, why) in config_file::FOREIGN {
        _ = writeln!(page, "| `{name}` | left out: {why} |");
    }
    page += "\n## Lists\n\n| list | keys (other words for them) |\n|---|---|\n";
    for table in tables::ALL {
        let Some(section) = table.section else { continue };
        let keys: Vec<String> = table.columns.iter().map(key).collect();
        _ = writeln!(page, "| `{section}`{} | {} |", used(table.name), keys.join(" "));
    }
    page += "\n## Variables\n\n| variable | values | default | what becomes of it |\n|---|---|---|---|\n";
    let mut sorted: Vec<&Variable> = variables::ALL.iter().collect();
    sorted.sort_by_key(|variable| (variable.own, variable.name));
    for variable in sorted {
        _ = writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            variable.name,
            values(variable.kind),
            default(variable),
            fate(variable)
        );
    }
    page
}

fn key(column: &tables::Column) -> String {
    let aliases: Vec<String> = column.aliases.iter().map(|alias| format!("`{alias}`")).collect();
    if aliases.is_empty() {
        format!("`{}`", column.name)
    } else {
        format!("`{}` ({})", column.name, aliases.join(", "))
    }
}

/// Tables whose rows have no effect in this version.
fn used(table: &str) -> &'static str {
    const USED: [&str; 9] = [
        "mysql_servers",
        "mysql_users",
        "mysql_query_rules",
        "mysql_query_rules_fast_routing",
        "mysql_replication_hostgroups",
        "mysql_hostgroup_attributes",
        "mysql_firewall_whitelist_users",
        "mysql_firewall_whitelist_rules",
        "mysql_servers_ssl_params",
    ];
    if USED.contains(&table) { "" } else { " (no effect yet)" }
}

fn values(kind: Kind) -> String {
    match kind {
        Kind::Bool => "true, false".to_owned(),
        Kind::Int(least, most) => format!("{least} to {most}"),
        Kind::Text => "text".to_owned(),
        Kind::Word(words) => words.join(", "),
    }
}

fn default(variable: &Variable) -> String {
    if variable.default.is_empty() || variable.secret { String::new() } else { format!("`{}`", variable.default) }
}

fn fate(variable: &Variable) -> String {
    let own = if variable.own { ", not ProxySQL's" } else { "" };
    shown(variable.fate) + own
}

fn shown(fate: Fate) -> String {
    match fate {
        Fate::Done => "done".to_owned(),
        Fate::Ignored(why) => format!("no effect: {why}"),
        Fate::Refused(why) => format!("refused: {why}"),
    }
}
