//! What commands say to people.

use std::error::Error;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// Prints `error: ...` with all causes, and fails.
pub fn fail(error: &dyn Error) -> ExitCode {
    eprintln!("error: {}", stdx::chain(error));
    ExitCode::FAILURE
}

/// Asks a person, who has to type yes; where nobody can be asked says `unasked`, and it is no.
pub fn agreed(what: &str, unasked: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        eprintln!("{unasked}");
        return false;
    }
    eprint!("{what}Type yes to go on: ");
    // A prompt that cannot be shown is no reason to go on: the answer is then read all the same.
    _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && answer.trim() == "yes"
}

/// Prints rows as columns, each as wide as its widest cell.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("   ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align() {
        let rows = [["NAME", "SIZE"], ["nginx:1.15", "3"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "NAME         SIZE\nnginx:1.15   3\n");
    }
}
