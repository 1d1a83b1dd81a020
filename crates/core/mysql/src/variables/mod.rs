//! Variables: what is known of each, and their values.

mod table;

use crate::libconfig::Value as Written;
use std::collections::BTreeMap;
pub use table::ALL;

/// What is known of a variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// With its prefix: `mysql-threads`.
    pub name: &'static str,
    pub kind: Kind,
    /// As text, as `global_variables` has it.
    pub default: &'static str,
    pub fate: Fate,
    /// Never printed or logged.
    pub secret: bool,
    /// Barque's own; ProxySQL has none of this name.
    pub own: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    /// From the first to the second, both included.
    Int(i64, i64),
    Text,
    /// One of these.
    Word(&'static [&'static str]),
}

/// What becomes of a variable that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It works.
    Done,
    /// Taken without effect, for this reason.
    Ignored(&'static str),
    /// Cannot be set, for this reason.
    Refused(&'static str),
}

/// What is known of the variable `name`, in any case of letters.
#[must_use]
pub fn find(name: &str) -> Option<&'static Variable> {
    ALL.iter().find(|variable| variable.name.eq_ignore_ascii_case(name))
}

impl Variable {
    fn refuse(&self, text: &str, wanted: &str) -> String {
        if self.secret || text.len() > 64 {
            format!("{} is not valid; write {wanted}", self.name)
        } else {
            format!("{} is {text}; write {wanted}", self.name)
        }
    }
}

/// Values of all variables; those not set have their defaults.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Variables(BTreeMap<&'static str, String>);

impl Variables {
    /// Value as text; empty where there is no such variable.
    #[must_use]
    pub fn str(&self, name: &str) -> &str {
        let Some(variable) = find(name) else { return "" };
        self.0.get(variable.name).map_or(variable.default, String::as_str)
    }

    #[must_use]
    pub fn bool(&self, name: &str) -> bool {
        self.str(name) == "true"
    }

    /// Value as a number; 0 where it is none.
    #[must_use]
    pub fn int(&self, name: &str) -> i64 {
        self.str(name).parse().unwrap_or(0)
    }

    /// Sets `name` to what `text` says.
    ///
    /// # Errors
    /// What is wrong with the name or the value, in words.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
        let variable = find(name).ok_or_else(|| format!("there is no variable {name}"))?;
        if let Fate::Refused(why) = variable.fate {
            return Err(format!("{name} cannot be set: {why}"));
        }
        let value = variable.kind.read(text).map_err(|wanted| variable.refuse(text, &wanted))?;
        self.0.insert(variable.name, value);
        Ok(())
    }

    /// All variables with their values, in the table's order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Variable, &str)> {
        ALL.iter().map(|variable| (variable, self.str(variable.name)))
    }
}

impl Kind {
    /// What a value of another kind than this one is taken for; `None` where it is of this kind. ProxySQL takes as little
    /// as it can of those, without a word.
    pub(crate) fn taken_for(self, text: &str, written: &Written) -> Option<String> {
        let same = match self {
            Self::Bool => matches!(written, Written::Bool(_)),
            Self::Int(..) => matches!(written, Written::Int(_)),
            Self::Text | Self::Word(_) => matches!(written, Written::Text(_)),
        };
        if same { None } else { self.read(text).ok() }
    }

    /// `text` as it is kept, or what would be right.
    fn read(self, text: &str) -> Result<String, String> {
        match self {
            Self::Bool if ["true", "1", "on"].iter().any(|word| word.eq_ignore_ascii_case(text)) => {
                Ok("true".to_owned())
            }
            Self::Bool if ["false", "0", "off"].iter().any(|word| word.eq_ignore_ascii_case(text)) => {
                Ok("false".to_owned())
            }
            Self::Bool => Err("true or false".to_owned()),
            Self::Text => Ok(text.to_owned()),
            Self::Int(low, high) => {
                let number = match text {
                    "true" => Some(1),
                    "false" => Some(0),
                    _ => text.trim().parse().ok(),
                };
                let fits = number.filter(|number| (low..=high).contains(number));
                fits.map(|number| number.to_string()).ok_or_else(|| format!("a number from {low} to {high}"))
            }
            Self::Word(words) => {
                let word = words.iter().find(|word| word.eq_ignore_ascii_case(text));
                word.map(|&word| word.to_owned()).ok_or_else(|| format!("one of {}", words.join(", ")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_names_are_single() {
        for (at, variable) in ALL.iter().enumerate() {
            assert_eq!(variable.kind.read(variable.default).as_deref(), Ok(variable.default), "{}", variable.name);
            assert!(ALL.iter().take(at).all(|other| other.name != variable.name), "{} is there twice", variable.name);
        }
    }

    #[test]
    fn his_file_is_all_known() {
        let file = include_str!("../../testdata/proxysql.cnf");
        let parsed = crate::config_file::parse("t", file, &|_| Err("none".to_owned()));
        let mut variables = Variables::default();
        for (name, value, place) in &parsed.variables {
            assert_eq!(variables.set(name, value), Ok(()), "{place}");
        }
        assert_eq!((variables.int("mysql-max_connections"), variables.bool("mysql-have_compress")), (2048, true));
        assert!(variables.set("mysql-safe_routing", "lax").is_err());
    }
}
