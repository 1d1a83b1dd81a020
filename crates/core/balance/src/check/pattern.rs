//! Regular expressions over bytes of an answer.

#[derive(Debug, Clone)]
pub(super) enum Regex {
    Plain(regex::bytes::Regex),
    /// With look-around or back-references: works on text, so what is not UTF-8 does not match; beyond its limit of
    /// backtracking nothing does.
    Fancy(Box<fancy_regex::Regex>),
}

impl Regex {
    pub fn new(pattern: &str) -> Result<Self, String> {
        Self::build(pattern, false)
    }

    pub fn without_case(pattern: &str) -> Result<Self, String> {
        Self::build(pattern, true)
    }

    fn build(pattern: &str, no_case: bool) -> Result<Self, String> {
        let error = match regex::bytes::RegexBuilder::new(pattern).unicode(false).case_insensitive(no_case).build() {
            Ok(plain) => return Ok(Self::Plain(plain)),
            Err(error) => error.to_string(),
        };
        fancy_regex::Regex::new(pattern).map(|fancy| Self::Fancy(Box::new(fancy))).map_err(|_| {
            let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            format!("regex '{pattern}' is invalid (error={reason})")
        })
    }

    pub fn is_match(&self, text: &[u8]) -> bool {
        match self {
            Self::Plain(regex) => regex.is_match(text),
            Self::Fancy(regex) => std::str::from_utf8(text).is_ok_and(|text| regex.is_match(text).unwrap_or(false)),
        }
    }
}
