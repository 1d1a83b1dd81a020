//! What a server was asked, by the account that asked: its general log, taken apart.

use super::MariaDb;
use regex::Regex;
use std::collections::HashMap;
use std::sync::LazyLock;

/// `time`, only where it changed; the connection; what it sent; its text. Further lines belong to the text.
static LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:\d{6} [ \d]\d:\d\d:\d\d)?\t+ *(\d+) (Connect|Query|Prepare|Execute|Init DB|Quit|[A-Z][a-z]+(?: [a-z]+)*)\t(.*)$")
        .expect("a regular expression")
});

impl MariaDb {
    /// Texts of the statements, also prepared ones as they were executed, that came from `user` while the log was on.
    /// Connections that were there before it was on are not known, and left out.
    pub fn statements_of(&self, user: &str) -> Vec<String> {
        statements(&self.general_log(), user)
    }
}

fn statements(log: &str, user: &str) -> Vec<String> {
    let prefix = format!("{user}@");
    let mut connections: HashMap<&str, bool> = HashMap::new();
    let mut found: Vec<String> = Vec::new();
    let mut takes_more = false;
    for line in log.lines() {
        let Some(parts) = LINE.captures(line) else {
            if let (true, Some(last)) = (takes_more, found.last_mut()) {
                last.push('\n');
                last.push_str(line);
            }
            continue;
        };
        let (_, [id, command, text]) = parts.extract();
        if command == "Connect" {
            connections.insert(id, text.starts_with(&prefix));
        }
        takes_more = matches!(command, "Query" | "Execute") && connections.get(id) == Some(&true);
        if takes_more {
            found.push(text.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_statements_they_are() {
        let log = "mariadbd, Version: 10.11 started with:\nTcp port: 1  Unix socket: s\nTime\t\t    Id Command\tArgument\n\
                   261128 19:50:46\t     7 Connect\tapp@127.0.0.1 on test using TCP/IP\n\
                   \t\t     5 Query\tCREATE TABLE t (a INT)\n\
                   \t\t     7 Query\tSELECT 1\nFROM t\n\
                   \t\t     8 Connect\troot@localhost on  using Socket\n\
                   261128  9:50:47\t     8 Query\tDROP TABLE t\n\
                   \t\t     7 Prepare\tSELECT ?\n\t\t     7 Execute\tSELECT 5\n\t\t     7 Quit\t\n";
        assert_eq!(statements(log, "app"), ["SELECT 1\nFROM t", "SELECT 5"]);
        assert_eq!(statements(log, "root"), ["DROP TABLE t"]);
    }
}
