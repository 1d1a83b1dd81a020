//! How a check can end: HAProxy's codes and their texts.

/// What a result says about the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing yet.
    Unknown,
    /// The check ran and leaves everything as it is (an agent that says nothing of health).
    Neutral,
    Failed,
    Passed,
    /// Passed, and the server wants nothing new (`disable-on-404`).
    Conditional,
}

/// The end of a check (manual, 9.1 `check_status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Status {
    #[default]
    Unknown,
    Initializing,
    Checked,
    Analyze,
    SocketError,
    L4Ok,
    L4Timeout,
    L4Connection,
    L6Ok,
    L6Timeout,
    L6Response,
    L7Timeout,
    L7Response,
    L7Ok,
    L7OkConditional,
    L7Status,
    ProcessError,
    ProcessTimeout,
    ProcessOk,
}

/// Status, code in statistics, text in logs, what it says.
type Line = (Status, &'static str, &'static str, Verdict);

#[rustfmt::skip]
const TABLE: &[Line] = &[
    (Status::Unknown,         "UNK",      "Unknown",                           Verdict::Unknown),
    (Status::Initializing,    "INI",      "Initializing",                      Verdict::Unknown),
    (Status::Checked,         "CHECKED",  "No status change",                  Verdict::Neutral),
    (Status::Analyze,         "HANA",     "Health analyze",                    Verdict::Failed),
    (Status::SocketError,     "SOCKERR",  "Socket error",                      Verdict::Failed),
    (Status::L4Ok,            "L4OK",     "Layer4 check passed",               Verdict::Passed),
    (Status::L4Timeout,       "L4TOUT",   "Layer4 timeout",                    Verdict::Failed),
    (Status::L4Connection,    "L4CON",    "Layer4 connection problem",         Verdict::Failed),
    (Status::L6Ok,            "L6OK",     "Layer6 check passed",               Verdict::Passed),
    (Status::L6Timeout,       "L6TOUT",   "Layer6 timeout",                    Verdict::Failed),
    (Status::L6Response,      "L6RSP",    "Layer6 invalid response",           Verdict::Failed),
    (Status::L7Timeout,       "L7TOUT",   "Layer7 timeout",                    Verdict::Failed),
    (Status::L7Response,      "L7RSP",    "Layer7 invalid response",           Verdict::Failed),
    (Status::L7Ok,            "L7OK",     "Layer7 check passed",               Verdict::Passed),
    (Status::L7OkConditional, "L7OKC",    "Layer7 check conditionally passed", Verdict::Conditional),
    (Status::L7Status,        "L7STS",    "Layer7 wrong status",               Verdict::Failed),
    (Status::ProcessError,    "PROCERR",  "External check error",              Verdict::Failed),
    (Status::ProcessTimeout,  "PROCTOUT", "External check timeout",            Verdict::Failed),
    (Status::ProcessOk,       "PROCOK",   "External check passed",             Verdict::Passed),
];

impl Status {
    /// As in column `check_status`.
    pub fn code(self) -> &'static str {
        self.line().1
    }

    /// As in logs after `reason:` and in column `check_desc`.
    pub fn description(self) -> &'static str {
        self.line().2
    }

    pub fn verdict(self) -> Verdict {
        self.line().3
    }

    pub fn from_code(code: &str) -> Option<Self> {
        TABLE.iter().find(|line| line.1 == code).map(|line| line.0)
    }

    /// The server's answer bore a status code, which logs and statistics show.
    pub fn has_code(self) -> bool {
        matches!(self, Self::L7Ok | Self::L7OkConditional | Self::L7Status) || self >= Self::ProcessError
    }

    fn line(self) -> &'static Line {
        &TABLE[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_variants() {
        for (place, line) in TABLE.iter().enumerate() {
            assert_eq!(line.0 as usize, place);
        }
    }
}
