//! What a replication hostgroup's `check_type` asks a server: whether it may be written.

/// Each word, and what it asks MariaDB and MySQL. MariaDB has no `super_read_only`: its `read_only` is what comes nearest.
const WORDS: &[(&str, &str, &str)] = &[
    ("read_only", "@@global.read_only", "@@global.read_only"),
    ("innodb_read_only", "@@global.innodb_read_only", "@@global.innodb_read_only"),
    ("super_read_only", "@@global.read_only", "@@global.super_read_only"),
];

/// The SQL expression that is 0 where the server may be written. `|`: either of two stops writes; `&`: only both do.
/// What is not known asks `read_only`.
#[must_use]
pub fn expression(check_type: &str, mariadb: bool) -> String {
    let joined = ['|', '&'].into_iter().find_map(|mark| Some((mark, check_type.split_once(mark)?)));
    match joined {
        Some((mark, (one, other))) => format!("({}{mark}{})", variable(one, mariadb), variable(other, mariadb)),
        None => variable(check_type, mariadb).to_owned(),
    }
}

fn variable(word: &str, mariadb: bool) -> &'static str {
    let known = WORDS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(word.trim()));
    known.map_or("@@global.read_only", |(_, of_mariadb, of_mysql)| if mariadb { of_mariadb } else { of_mysql })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_asks_what_it_says() {
        let check = |check_type, mariadb, expected: &str| assert_eq!(expression(check_type, mariadb), expected);
        check("read_only", true, "@@global.read_only");
        check("innodb_read_only", false, "@@global.innodb_read_only");
        check("super_read_only", false, "@@global.super_read_only");
        check("super_read_only", true, "@@global.read_only");
        check("READ_ONLY|innodb_read_only", true, "(@@global.read_only|@@global.innodb_read_only)");
        check("innodb_read_only&super_read_only", false, "(@@global.innodb_read_only&@@global.super_read_only)");
    }
}
