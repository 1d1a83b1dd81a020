//! Log lines: log-format strings, the standard formats, termination states, syslog framing.
