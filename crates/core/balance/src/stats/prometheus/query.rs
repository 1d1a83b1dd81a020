//! The filters in the address: `?scope=server&scope=backend&no-maint&metrics=a,b`.

use crate::stats::{Kind, Row};

const SCOPES: &[&str] = &["global", "frontend", "listener", "backend", "server", "sticktable"];

/// Which metrics are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// `None` is all of them.
    scopes: Option<Vec<String>>,
    /// Full names of families; empty is all of them.
    metrics: Vec<String>,
    /// No servers in maintenance.
    no_maint: bool,
}

/// A scope that does not exist; the answer is 400.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no such scope")]
pub struct BadScope;

impl Query {
    /// Reads what stands behind the `?`. A scope of `*` is all of them, an empty one none; unknown keys are overlooked.
    pub fn parse(text: &str) -> Result<Self, BadScope> {
        let mut query = Self::default();
        for (key, value) in pairs(text) {
            match key.as_str() {
                "scope" => query.add_scope(&value)?,
                "metrics" => query.metrics.extend(value.split(',').filter(|name| !name.is_empty()).map(str::to_owned)),
                "no-maint" => query.no_maint = true,
                _ => {}
            }
        }
        Ok(query)
    }

    fn add_scope(&mut self, value: &str) -> Result<(), BadScope> {
        let scopes = self.scopes.get_or_insert_default();
        match value {
            "" => scopes.clear(),
            "*" => scopes.extend(SCOPES.iter().map(|scope| (*scope).to_owned())),
            known if SCOPES.contains(&known) => scopes.push(known.to_owned()),
            _ => return Err(BadScope),
        }
        Ok(())
    }

    pub(super) fn scope(&self, name: &str) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|scope| scope == name))
    }

    pub(super) fn metric(&self, name: &str) -> bool {
        self.metrics.is_empty() || self.metrics.iter().any(|metric| metric == name)
    }

    pub(super) fn row(&self, row: &Row) -> bool {
        !(self.no_maint && row.kind == Kind::Server && row.status.starts_with("MAINT"))
    }
}

/// Keys and values of a query, with `%xx` and `+` resolved.
fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    let decode = |text: &str| {
        let blanks = text.replace('+', " ");
        percent_encoding::percent_decode_str(&blanks).decode_utf8_lossy().into_owned()
    };
    text.split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    })
}
