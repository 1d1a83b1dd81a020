//! `SELECT CONFIG`: what `main` holds, as a configuration file. Secrets are in their form.

use super::{Admin, AdminError, Answer, Module};
use mysql::tables::{self, Row, Table, Value};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;

impl Admin {
    /// Prints it, or writes it to a new file that only its owner reads.
    pub(super) fn configuration(&self, path: Option<&str>) -> Result<Answer, AdminError> {
        let text = self.configuration_text()?;
        let Some(path) = path else { return Ok(Answer::column("Data", [text])) };
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| {
                AdminError::admin(format!("cannot write {path}: {error}; a file that is there is not replaced"))
            })?;
        Ok(Answer::told("passwords are written as hashes; put those of variables in by hand"))
    }

    fn configuration_text(&self) -> Result<String, AdminError> {
        let mut text = String::new();
        for (module, group) in
            [(Module::AdminVariables, "admin_variables"), (Module::MysqlVariables, "mysql_variables")]
        {
            let prefix = module.prefix().unwrap_or_default();
            _ = writeln!(text, "{group}=\n{{");
            for row in self.of_module("main", "global_variables", module)? {
                if let [Value::Text(name), Value::Text(value)] = row.as_slice() {
                    _ = writeln!(text, "    {}={}", name.trim_start_matches(prefix), quoted(value));
                }
            }
            _ = writeln!(text, "}}");
        }
        for table in tables::ALL {
            let Some(section) = table.section else { continue };
            let rows = self.held("main", table.name)?;
            if !rows.is_empty() {
                let groups: Vec<String> = rows.iter().map(|row| group(table, row)).collect();
                _ = writeln!(text, "{section}=\n(\n{}\n)", groups.join(",\n"));
            }
        }
        Ok(text)
    }
}

fn group(table: &Table, row: &Row) -> String {
    let settings = table.columns.iter().zip(row).filter_map(|(column, value)| match value {
        Value::Null => None,
        Value::Integer(number) => Some(format!("{}={number}", column.name)),
        Value::Text(text) => Some(format!("{}={}", column.name, quoted(text))),
    });
    format!("    {{ {} }}", settings.collect::<Vec<_>>().join(", "))
}

/// A string of libconfig.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '\\' | '"' => {
                quoted.push('\\');
                quoted.push(letter);
            }
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
