//! Asking a server by the real `mariadb` client.

use super::MariaDb;
use crate::run::{Output, run_with_input};
use std::process::Command;

/// A result as text: rows of columns. NULL reads `NULL`.
pub type Rows = Vec<Vec<String>>;

impl MariaDb {
    /// The client as root over the server's socket; add `--execute`, or statements on its standard input.
    pub fn client(&self) -> Command {
        let mut command = client();
        command.arg(format!("--socket={}", self.socket().display())).arg("--user=root");
        command
    }

    /// The client as a user by TCP.
    pub fn client_as(&self, (user, password): (&str, &str)) -> Command {
        client_at(self.port(), (user, password))
    }

    /// Statements that must succeed, as root; the rows of all results.
    #[track_caller]
    pub fn sql(&self, text: &str) -> Rows {
        match self.try_sql(text) {
            Ok(rows) => rows,
            Err(why) => panic!("server {}: {text}: {why}", self.server_id()),
        }
    }

    /// Statements that may fail; the error is the client's text (`ERROR 1290 (HY000) at line 1: …`).
    pub fn try_sql(&self, text: &str) -> Result<Rows, String> {
        rows(run_with_input(&mut self.client(), text))
    }

    /// The first column of the first row, as root.
    #[track_caller]
    pub fn value(&self, text: &str) -> String {
        let first = self.sql(text).into_iter().flatten().next();
        first.unwrap_or_else(|| panic!("server {}: {text}: no row", self.server_id()))
    }
}

/// The client as a user by TCP at a port of 127.0.0.1: a server's or a proxy's.
pub fn client_at(port: u16, (user, password): (&str, &str)) -> Command {
    let mut command = client();
    command.args(["--host=127.0.0.1", "--protocol=TCP"]).arg(format!("--port={port}"));
    command.arg(format!("--user={user}")).arg(format!("--password={password}"));
    command
}

/// Statements as a user by TCP; the rows of all results, or the client's error.
pub fn ask(port: u16, user: (&str, &str), database: &str, text: &str) -> Result<Rows, String> {
    let mut command = client_at(port, user);
    command.arg("--comments").arg(format!("--database={database}"));
    rows(run_with_input(&mut command, text))
}

fn client() -> Command {
    let mut command = Command::new("mariadb");
    command.args(["--no-defaults", "--batch", "--skip-column-names", "--connect-timeout=10"]);
    command
}

fn rows(output: Output) -> Result<Rows, String> {
    if !output.ok {
        return Err(output.stderr.trim().to_owned());
    }
    let row = |line: &str| line.split('\t').map(unescape).collect();
    Ok(output.stdout.lines().map(row).collect())
}

/// Undoes what `mariadb --batch` does to tabs, line ends, zero bytes and backslashes.
fn unescape(column: &str) -> String {
    let (mut text, mut signs) = (String::with_capacity(column.len()), column.chars());
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => match signs.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('0') => text.push('\0'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            sign => text.push(sign),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_unescaped() {
        assert_eq!(unescape(r"a\tb\nc\\d\0"), "a\tb\nc\\d\0");
        assert_eq!(unescape("plain"), "plain");
    }
}
