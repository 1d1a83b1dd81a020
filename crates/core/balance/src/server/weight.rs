//! Weights: the one of the configuration, the one an administrator or agent set, and the one in force while a server
//! warms up.

use super::{Millis, Oper};

/// Steps per unit of weight, so that a slow start of weight 1 has stages too.
pub const SCALE: u32 = 16;

/// The largest weight (manual, `weight`).
const MAX: i64 = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// Of the configuration, 0..=256, default 1: what `100%` means.
    pub initial: u32,
    /// The one asked for, 0..=256. 0 drains the server.
    pub user: u32,
    /// `slowstart`, seconds, rounded up; 0 is none.
    pub slowstart: u64,
    /// The backend's algorithm takes weights that change (`roundrobin`, `leastconn`, ..., consistent hashes).
    pub dynamic: bool,
}

impl Weight {
    /// In steps of 1/[`SCALE`], where the server is in state `oper` since `since`.
    pub fn effective(&self, oper: Oper, since: Millis, now: Millis) -> u32 {
        let scale = match self.cold_for(oper, since, now) {
            Some(seconds) if self.dynamic => {
                (u64::from(SCALE) * seconds + self.slowstart).checked_div(self.slowstart).unwrap_or(0) as u32
            }
            _ => SCALE,
        };
        self.user * scale
    }

    /// Seconds of its slow start gone by, while it lasts.
    fn cold_for(&self, oper: Oper, since: Millis, now: Millis) -> Option<u64> {
        let seconds = now.saturating_sub(since) / 1000;
        (oper == Oper::Starting && seconds < self.slowstart).then_some(seconds)
    }

    /// Percent of the slow start gone by, while it lasts: what [`super::Limits::now`] takes.
    pub fn warmth(&self, oper: Oper, since: Millis, now: Millis) -> Option<u32> {
        self.cold_for(oper, since, now).map(|seconds| (100 * seconds / self.slowstart) as u32)
    }

    /// An effective weight in units of weight, rounded up: column `weight` of the statistics.
    pub fn shown(effective: u32) -> u32 {
        effective.div_ceil(SCALE)
    }

    /// Percent of the weight that is in force: column `throttle`.
    pub fn throttle(&self, effective: u32) -> u32 {
        if self.user == 0 { 100 } else { (100 * effective + SCALE - 1) / (SCALE * self.user) }
    }
}

/// Reads a weight as `set weight` and agents give it: `0`..`256`, or `N%` of the initial one. The errors are what the
/// CLI answers.
pub fn parse_weight(text: &str, weight: &Weight) -> Result<u32, String> {
    if text.is_empty() {
        return Err("Require <weight> or <weight%>.".into());
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '+').len();
    let Ok(number) = text[..digits].parse::<i64>() else {
        return Err("Empty weight string empty or preceded by garbage".into());
    };
    let wanted = match &text[digits..] {
        "%" if number < 0 => return Err("Relative weight must be positive.".into()),
        "%" => (i64::from(weight.initial) * number.min(100 * MAX) / 100).min(MAX),
        _ if !(0..=MAX).contains(&number) => {
            return Err("Absolute weight can only be between 0 and 256 inclusive.".into());
        }
        "" => number,
        _ => return Err("Trailing garbage in weight string".into()),
    } as u32;
    if wanted != 0 && wanted != weight.initial && !weight.dynamic {
        return Err("Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.".into());
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const W100: Weight = Weight { initial: 100, user: 100, slowstart: 60, dynamic: true };

    #[test]
    fn grows_over_the_slow_start() {
        let at = |seconds: u64| {
            let effective = W100.effective(Oper::Starting, 5_000, 5_000 + seconds * 1000);
            (Weight::shown(effective), W100.throttle(effective))
        };
        // Seen on HAProxy 2.6: weight 7 of 100 shows a throttle of 6 %.
        assert_eq!([at(0), at(3), at(4)], [(7, 6), (7, 6), (13, 12)]);
        assert_eq!([at(30), at(59), at(60)], [(57, 56), (100, 100), (100, 100)]);
    }

    #[test]
    fn says_what_the_cli_says() {
        let fixed = Weight { dynamic: false, ..W100 };
        for (text, weight, expected) in [
            ("50", W100, Ok(50)),
            ("50%", W100, Ok(50)),
            ("900%", W100, Ok(256)),
            ("99999%", W100, Ok(256)),
            ("0", fixed, Ok(0)),
            ("", W100, Err("Require <weight> or <weight%>.")),
            ("x", W100, Err("Empty weight string empty or preceded by garbage")),
            ("-1%", W100, Err("Relative weight must be positive.")),
            ("300", W100, Err("Absolute weight can only be between 0 and 256 inclusive.")),
            ("5x", W100, Err("Trailing garbage in weight string")),
            ("5", fixed, Err("Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.")),
        ] {
            assert_eq!(parse_weight(text, &weight), expected.map_err(str::to_owned), "{text}");
        }
    }
}
