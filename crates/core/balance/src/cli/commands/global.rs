//! Limits of the process.

use crate::cli::Limit;
use crate::cli::answer::Answer;
use crate::cli::call::{Call, leading_number};

pub fn set_maxconn(call: &mut Call<'_>) -> Answer {
    if call.word(0).is_empty() {
        return Answer::error("Expects an integer value.\n");
    }
    let most = call.subject.most_connections();
    match u32::try_from(leading_number(call.word(0))) {
        Ok(0) => call.subject.set_limit(Limit::Maxconn, most),
        Ok(value) if value <= most => call.subject.set_limit(Limit::Maxconn, value),
        _ => return Answer::error("Value out of range.\n"),
    }
    Answer::done()
}

/// Name, limit, how many bytes its unit stands for.
const RATES: &[(&str, Limit, u32)] = &[
    ("connections", Limit::ConnectionRate, 1),
    ("sessions", Limit::SessionRate, 1),
    ("ssl-sessions", Limit::SslRate, 1),
    ("http-compression", Limit::CompressionRate, 1024),
];

const RATES_USAGE: &str = "'set rate-limit' only supports :
   - 'connections global' to set the per-process maximum connection rate
   - 'sessions global' to set the per-process maximum session rate
   - 'ssl-sessions global' to set the per-process maximum SSL session rate
   - 'http-compression global' to set the per-process maximum compression speed in kB/s
";

pub fn set_rate_limit(call: &mut Call<'_>) -> Answer {
    let rate = RATES.iter().find(|(name, ..)| *name == call.word(0));
    let Some((_, limit, unit)) = rate.filter(|_| call.word(1) == "global") else {
        return Answer::error(RATES_USAGE);
    };
    if call.word(2).is_empty() {
        return Answer::error("Expects an integer value.\n");
    }
    let Ok(value) = u32::try_from(leading_number(call.word(2))) else {
        return Answer::error("Value out of range.\n");
    };
    call.subject.set_limit(*limit, value.saturating_mul(*unit));
    Answer::done()
}

/// Nothing is profiled here; the status says so in the words scripts know.
pub fn show_profiling(_call: &mut Call<'_>) -> Answer {
    Answer::data(
        "Per-task CPU profiling              : off           # set profiling tasks {on|auto|off}\n\
         Memory usage profiling              : off           # set profiling memory {on|off}\n",
    )
}

pub fn set_profiling(call: &mut Call<'_>) -> Answer {
    match (call.word(0), call.word(1)) {
        ("tasks" | "memory", "off") => Answer::done(),
        ("tasks" | "memory", "on" | "auto") => {
            Answer::error("Profiling is not built in; use 'perf' on the process instead.\n")
        }
        ("tasks" | "memory", _) => Answer::error("Expects 'on', 'auto', or 'off'.\n"),
        _ => Answer::error("Expects either 'tasks' or 'memory'.\n"),
    }
}
