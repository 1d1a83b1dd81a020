//! Secrets: tables hold a form that tells nothing, the clear text stands beside them.
//!
//! The form is MySQL's own, `*` and 40 hex digits of SHA1 of SHA1: as the password of a user it works as it is.

use mysql::tables::{Row, Value};
use sha1::{Digest, Sha1};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Place of that column in `mysql_users`.
pub const ATTRIBUTES: usize = 12;

#[derive(Default)]
pub struct Secrets {
    /// Clear text by its form.
    clear: BTreeMap<String, String>,
}

impl Secrets {
    /// What was kept on disk.
    pub fn learn(&mut self, form: String, clear: String) {
        self.clear.insert(form, clear);
    }

    /// The clear text of those forms that stand in `text`.
    pub fn known_in(&self, text: &str) -> Vec<(String, String)> {
        forms(text).filter_map(|form| self.clear.get(form).map(|clear| (form.to_owned(), clear.clone()))).collect()
    }

    /// The same of a row of `mysql_users` or `global_variables`.
    pub fn known_in_row(&self, row: &mut Row) -> Vec<(String, String)> {
        let mut known = Vec::new();
        additional("mysql_users", row, |text| {
            known.extend(self.known_in(text));
            text.to_owned()
        });
        if let [_, Value::Text(text), ..] = row.as_slice() {
            known.extend(self.known_in(text));
        }
        known
    }

    /// Puts forms in place of clear texts.
    pub fn hide(&mut self, table: &str, row: &mut Row) {
        if let Some((value, many)) = Self::place(table, row) {
            *value = if many { self.hide_list(value) } else { self.hide_one(value) };
        }
        additional(table, row, |clear| self.hide_one(clear));
    }

    /// Puts forms in place of clear texts, for an answer only.
    pub fn cover(table: &str, row: &mut Row) {
        let form = |clear: &str| if is_hidden(clear) { clear.to_owned() } else { form_of(clear) };
        additional(table, row, form);
        if let Some((value, many)) = Self::place(table, row) {
            *value = if many && value.contains(':') { map_list(value, form) } else { form(value) };
        }
    }

    /// Puts clear texts in place of forms, where they are known.
    pub fn reveal(&self, table: &str, row: &mut Row) {
        if let Some((value, many)) = Self::place(table, row) {
            *value = if many { map_list(value, |password| self.reveal_one(password)) } else { self.reveal_one(value) };
        }
        additional(table, row, |form| self.reveal_one(form));
    }

    /// The secret of a row, and whether it is a list of `user:password`.
    fn place<'r>(table: &str, row: &'r mut Row) -> Option<(&'r mut String, bool)> {
        match (table, row.as_mut_slice()) {
            ("mysql_users", [_, Value::Text(password), ..]) => Some((password, false)),
            ("global_variables", [Value::Text(name), Value::Text(value)]) if is_secret(name) => {
                let many = name.ends_with("credentials");
                Some((value, many))
            }
            _ => None,
        }
    }

    fn hide_one(&mut self, clear: &str) -> String {
        if is_hidden(clear) {
            return clear.to_owned();
        }
        let form = form_of(clear);
        self.clear.insert(form.clone(), clear.to_owned());
        form
    }

    fn hide_list(&mut self, list: &str) -> String {
        if !list.contains(':') {
            return self.hide_one(list);
        }
        map_list(list, |password| self.hide_one(password))
    }

    fn reveal_one(&self, text: &str) -> String {
        self.clear.get(text).cloned().unwrap_or_else(|| text.to_owned())
    }
}

/// Applies `change` to the second password of a user: in its attributes, in hex.
fn additional(table: &str, row: &mut Row, change: impl FnOnce(&str) -> String) {
    if table != "mysql_users" {
        return;
    }
    let Some(Value::Text(attributes)) = row.get_mut(ATTRIBUTES) else { return };
    let Some((_, rest)) = attributes.split_once("\"additional_password\"") else { return };
    let Some(hex) = rest.split('"').nth(1).map(str::to_owned) else { return };
    let Some(text) = mysql::settings::unhex(&hex).filter(|text| !text.is_empty()) else { return };
    let changed = change(&text);
    if changed != text {
        let changed = changed.bytes().fold(String::new(), |mut out, byte| {
            _ = write!(out, "{byte:02X}");
            out
        });
        *attributes = attributes.replacen(&hex, &changed, 1);
    }
}

fn is_secret(name: &str) -> bool {
    mysql::variables::find(name).is_some_and(|variable| variable.secret)
}

/// Applies `change` to each password of `user:password;user:password`.
fn map_list(list: &str, mut change: impl FnMut(&str) -> String) -> String {
    let entries = list.split(';').map(|entry| match entry.split_once(':') {
        Some((user, password)) => format!("{user}:{}", change(password)),
        None => change(entry),
    });
    entries.collect::<Vec<_>>().join(";")
}

fn form_of(clear: &str) -> String {
    let digest = Sha1::digest(Sha1::digest(clear.as_bytes()));
    digest.iter().fold(String::from("*"), |mut text, byte| {
        _ = write!(text, "{byte:02X}");
        text
    })
}

/// Nothing of it has to be hidden: nothing is there, or a hash already.
fn is_hidden(text: &str) -> bool {
    text.is_empty() || is_form(text) || text.starts_with("$A$005$") || text.starts_with("$ED$")
}

fn is_form(text: &str) -> bool {
    text.len() == 41 && text.starts_with('*') && text[1..].bytes().all(|b| b.is_ascii_hexdigit())
}

fn forms(text: &str) -> impl Iterator<Item = &str> {
    text.split([':', ';']).filter(|part| is_form(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_and_revealed() {
        let mut secrets = Secrets::default();
        let row = |value: &str| vec![Value::Text("admin-admin_credentials".into()), Value::Text(value.into())];
        let mut hidden = row("a:one;b:*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19");
        let clear = hidden.clone();
        secrets.hide("global_variables", &mut hidden);
        assert_ne!(hidden, clear);
        assert!(!format!("{hidden:?}").contains("one"), "{hidden:?}");
        secrets.reveal("global_variables", &mut hidden);
        assert_eq!(hidden, clear);
    }

    #[test]
    fn a_second_password_is_hidden_too() {
        let mut secrets = Secrets::default();
        assert_eq!(mysql::tables::mysql_users::TABLE.position("attributes"), Some(ATTRIBUTES));
        let mut row = vec![Value::Text("app".into()), Value::Text("one".into())];
        row.resize(ATTRIBUTES, Value::Null);
        row.push(Value::Text(r#"{"a":1,"additional_password":"74776F"}"#.into()));
        let clear = row.clone();
        secrets.hide("mysql_users", &mut row);
        assert!(!format!("{row:?}").contains("74776F"), "{row:?}");
        assert_eq!(secrets.known_in_row(&mut row.clone()).len(), 2);
        secrets.reveal("mysql_users", &mut row);
        assert_eq!(row, clear);
        Secrets::cover("mysql_users", &mut row);
        assert!(!format!("{row:?}").contains("74776F"), "{row:?}");
    }

    #[test]
    fn the_form_is_mysqls() {
        assert_eq!(form_of("password"), "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19");
    }
}
