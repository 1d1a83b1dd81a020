//! What a command answers.

/// How grave a message is, as `set severity-output` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
    Notice,
    Info,
}

impl Severity {
    fn number(self) -> u8 {
        match self {
            Severity::Error => 3,
            Severity::Warning => 4,
            Severity::Notice => 5,
            Severity::Info => 6,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Severity::Error => "err",
            Severity::Warning => "warning",
            Severity::Notice => "notice",
            Severity::Info => "info",
        }
    }
}

/// `set severity-output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Show {
    #[default]
    None,
    Number,
    Word,
}

/// A text, to be followed by an empty line or at least by its line end: some of HAProxy's messages end their line
/// themselves and some do not, and we do as they do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Absent for what is data and no message.
    pub severity: Option<Severity>,
    pub text: String,
}

impl Answer {
    /// It was done and there is nothing to say.
    pub fn done() -> Self {
        Self::default()
    }

    /// Data.
    pub fn data(text: impl Into<String>) -> Self {
        Self { severity: None, text: text.into() }
    }

    pub fn error(text: impl Into<String>) -> Self {
        Self { severity: Some(Severity::Error), text: text.into() }
    }

    pub fn warning(text: impl Into<String>) -> Self {
        Self { severity: Some(Severity::Warning), text: text.into() }
    }

    pub fn info(text: impl Into<String>) -> Self {
        Self { severity: Some(Severity::Info), text: text.into() }
    }

    pub fn notice(text: impl Into<String>) -> Self {
        Self { severity: Some(Severity::Notice), text: text.into() }
    }

    pub fn denied() -> Self {
        Self::error("Permission denied\n")
    }

    /// As it goes out.
    pub fn render(&self, show: Show) -> String {
        let prefix = match (self.severity, show) {
            (Some(severity), Show::Number) => format!("[{}]: ", severity.number()),
            (Some(severity), Show::Word) => format!("[{}]: ", severity.word()),
            _ => String::new(),
        };
        format!("{prefix}{}\n", self.text)
    }
}

impl From<Result<(), String>> for Answer {
    /// A refusal gets a line of its own.
    fn from(result: Result<(), String>) -> Self {
        match result {
            Ok(()) => Self::done(),
            Err(text) => Self::error(text.trim_end().to_owned() + "\n"),
        }
    }
}
