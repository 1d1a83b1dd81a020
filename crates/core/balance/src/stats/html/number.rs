//! Numbers as people read them.

/// `12`, `9,999`, `12.3k`, `4.56M`: three figures or so.
pub fn count(number: u64) -> String {
    match number {
        0..10_000 => grouped(number),
        _ => scaled(number as f64, 1000.0, &["", "k", "M", "G", "T", "P", "E"], ""),
    }
}

/// `12 B`, `1.21 KiB`.
pub fn bytes(number: u64) -> String {
    match number {
        0..1024 => format!("{number} B"),
        _ => scaled(number as f64, 1024.0, &["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"], "B"),
    }
}

/// All figures, for those who point at it.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn scaled(mut number: f64, step: f64, prefixes: &[&str], unit: &str) -> String {
    let mut at = 0;
    while number >= step && at + 1 < prefixes.len() {
        number /= step;
        at += 1;
    }
    let digits = if number < 10.0 { 2 } else { usize::from(number < 100.0) };
    let blank = if unit.is_empty() { "" } else { " " };
    format!("{number:.digits$}{blank}{}{unit}", prefixes[at])
}

/// `7s`, `5m 1s`, `1h 3m`, `2d 4h`.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {}h", seconds / 86400, seconds % 86400 / 3600),
    }
}
