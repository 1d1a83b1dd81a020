//! What stands behind `stats uri` in the address: `;csv`, `;norefresh`, `;st=DONE`, `?scope=web`.

use crate::stats::Row;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    #[default]
    Page,
    Csv,
    Json,
    JsonSchema,
    Typed,
}

impl Form {
    pub fn content_type(self) -> &'static str {
        match self {
            Form::Page => "text/html",
            Form::Csv | Form::Typed => "text/plain",
            Form::Json | Form::JsonSchema => "application/json",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    pub form: Form,
    pub no_refresh: bool,
    /// Only servers that are up.
    pub up: bool,
    /// No servers in maintenance.
    pub no_maint: bool,
    /// What became of a posted form, a word of four letters.
    pub outcome: Option<String>,
    /// Only proxies whose name contains this.
    pub scope: String,
}

/// Characters of `scope` that are looked at; HAProxy cuts at the same length.
const LONGEST_SCOPE: usize = 20;

impl Query {
    /// Reads what follows the page's address. Unknown words are overlooked.
    pub fn parse(rest: &str) -> Self {
        let mut query = Self::default();
        let (words, search) = rest.split_once('?').unwrap_or((rest, ""));
        for word in words.split([';', '/']) {
            query.word(word);
        }
        for pair in search.split(['&', ';']) {
            match pair.split_once('=') {
                Some(("scope", value)) => query.scope = decode(value).chars().take(LONGEST_SCOPE).collect(),
                _ => query.word(pair),
            }
        }
        query
    }

    fn word(&mut self, word: &str) {
        match word {
            "csv" => self.form = Form::Csv,
            "json" => self.form = Form::Json,
            "json-schema" => self.form = Form::JsonSchema,
            "typed" => self.form = Form::Typed,
            "norefresh" => self.no_refresh = true,
            "up" => self.up = true,
            "no-maint" => self.no_maint = true,
            word => {
                if let Some(outcome) = word.strip_prefix("st=") {
                    self.outcome = Some(outcome.chars().take(4).collect());
                }
            }
        }
    }

    pub fn wants(&self, row: &Row) -> bool {
        let filter = crate::stats::Filter { up: self.up, no_maint: self.no_maint, ..Default::default() };
        row.pxname.contains(&self.scope) && filter.wants(row)
    }

    /// The address of the page in the same state, as a link has it. `;` begins each word.
    pub fn address(&self, uri: &str) -> String {
        let mut out = uri.to_owned();
        let form = match self.form {
            Form::Page => "",
            Form::Csv => ";csv",
            Form::Json => ";json",
            Form::JsonSchema => ";json-schema",
            Form::Typed => ";typed",
        };
        out += form;
        if let Some(outcome) = &self.outcome {
            out += &format!(";st={outcome}");
        }
        for (set, word) in [(self.up, ";up"), (self.no_maint, ";no-maint"), (self.no_refresh, ";norefresh")] {
            out += if set { word } else { "" };
        }
        if !self.scope.is_empty() {
            let scope = percent_encoding::utf8_percent_encode(&self.scope, percent_encoding::NON_ALPHANUMERIC);
            out += &format!("?scope={scope}");
        }
        out
    }
}

fn decode(text: &str) -> String {
    let blanks = text.replace('+', " ");
    percent_encoding::percent_decode_str(&blanks).decode_utf8_lossy().into_owned()
}
