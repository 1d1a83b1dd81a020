//! Query parameters of the pod subresources, read as upstream's generated conversions read them.
//!
//! Upstream: `apimachinery/pkg/runtime/converter.go`, `apimachinery/pkg/conversion/queryparams`.

use apimachinery::{ApiError, ApiResult};
use percent_encoding::percent_decode_str;

/// Decoded `name=value` pairs in order.
pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        });
        Self(pairs.collect())
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// `false` and `0` are false, anything else that is given is true, even nothing: `?follow`.
    pub fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| !value.eq_ignore_ascii_case("false") && value != "0")
    }

    /// # Errors
    /// 400 with Go's words if it is not a number.
    pub fn number(&self, name: &str) -> ApiResult<Option<i64>> {
        let Some(text) = self.text(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        text.parse()
            .map(Some)
            .map_err(|_| ApiError::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax")))
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}
