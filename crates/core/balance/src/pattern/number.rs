//! Numbers and ranges in patterns (manual section 7.1.2).

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Syntax {
    #[default]
    Plain,
    /// `3.1`: two numbers of 16 bits each (`req.ssl_ver`).
    Dotted,
}

/// Both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub low: i64,
    pub high: i64,
}

impl Range {
    /// `5`, `5:9`, `5:`, `:9`.
    pub fn parse(text: &str, syntax: Syntax) -> Result<Self, String> {
        let what = if syntax == Syntax::Plain { "number" } else { "dotted number" };
        let number = |text: &str| syntax.parse(text);
        let Some((low, high)) = text.split_once(':') else {
            let value = number(text).ok_or_else(|| format!("'{text}' is not a {what}"))?;
            return Ok(Self { low: value, high: value });
        };
        let wrong = || format!("'{text}' is not a valid {what} range");
        let end = |text: &str, open| if text.is_empty() { Some(open) } else { number(text) };
        let (low_end, high_end) = (end(low, i64::MIN).ok_or_else(wrong)?, end(high, i64::MAX).ok_or_else(wrong)?);
        if low_end > high_end || low.is_empty() && high.is_empty() {
            return Err(wrong());
        }
        Ok(Self { low: low_end, high: high_end })
    }

    pub fn contains(self, value: i64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

impl Syntax {
    pub fn parse(self, text: &str) -> Option<i64> {
        match self {
            Self::Plain => text.parse().ok(),
            Self::Dotted => {
                let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
                Some(i64::from(major.parse::<u16>().ok()?) << 16 | i64::from(minor.parse::<u16>().ok()?))
            }
        }
    }

    /// A number as ranges are written with it.
    pub fn show(self, number: i64) -> String {
        match self {
            Self::Plain => number.to_string(),
            Self::Dotted => format!("{}.{}", number >> 16, number & 0xffff),
        }
    }
}
