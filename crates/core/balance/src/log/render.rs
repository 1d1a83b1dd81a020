//! Log-format strings, filled in.

use super::format::{Flags, Flavor, Format, Node};
use super::record::Record;
use crate::sample::{Context, Endpoint, Now, Type};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::io::Write;
use std::net::IpAddr;

/// What variables look at.
pub(super) struct Line<'a> {
    pub context: &'a dyn Context,
    record: OnceCell<Cow<'a, Record>>,
}

impl Line<'_> {
    pub fn record(&self) -> &Record {
        self.record.get_or_init(|| self.context.record())
    }
}

impl Format {
    /// Appends the line, without an end of line.
    pub fn render(&self, context: &dyn Context, out: &mut Vec<u8>) {
        let line = Line { context, record: OnceCell::new() };
        // Blanks at the beginning, and beside what shows nothing at all, are merged away.
        let mut after_blank = true;
        for node in self.nodes() {
            match node {
                Node::Text(text) => {
                    out.extend_from_slice(text.as_bytes());
                    after_blank = false;
                }
                Node::Blank => {
                    if !after_blank {
                        out.push(b' ');
                    }
                    after_blank = true;
                }
                Node::Variable(variable, flags) => {
                    let before = out.len();
                    (variable.show)(&line, &mut Output { out, flags: *flags, flavor: self.flavor() });
                    after_blank &= variable.may_vanish && out.len() == before;
                }
                Node::Sample(expr, flags) => {
                    let found = expr.get(context).and_then(|value| value.cast(Type::Str));
                    let text = found.map(|value| value.into_bytes());
                    Output { out, flags: *flags, flavor: self.flavor() }.sample(text.as_deref());
                    after_blank = false;
                }
            }
        }
    }

    /// The line as bytes of its own.
    pub fn to_bytes(&self, context: &dyn Context) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.text().len() * 2);
        self.render(context, &mut out);
        out
    }
}

/// Which bytes are shown as `#` and two digits (manual section 8.6).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Encode {
    Nothing,
    /// Quotes, `#`, control characters, and what is not ASCII.
    Url,
    /// And what separates captured headers.
    Header,
}

impl Encode {
    fn hits(self, byte: u8) -> bool {
        match self {
            Self::Nothing => false,
            Self::Url => matches!(byte, ..0x20 | 0x7f.. | b'"' | b'#'),
            Self::Header => matches!(byte, ..0x20 | 0x7f.. | b'"' | b'#' | b'{' | b'|' | b'}'),
        }
    }
}

/// Where variables write.
pub(super) struct Output<'o> {
    pub out: &'o mut Vec<u8>,
    flags: Flags,
    flavor: Flavor,
}

impl Output<'_> {
    pub fn raw(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    pub fn quote(&mut self) {
        if self.flags.quote {
            self.out.push(b'"');
        }
    }

    /// A text, or what stands for none.
    pub fn text(&mut self, text: Option<&[u8]>, encode: Encode) {
        match text {
            Some(text) if !text.is_empty() => {
                self.quote();
                self.part(text, encode);
                self.quote();
            }
            _ if self.flags.quote => self.raw(b"\"\""),
            _ if self.flavor == Flavor::Log => self.out.push(b'-'),
            _ => {}
        }
    }

    /// A text that may be empty.
    pub fn quoted(&mut self, text: &[u8], encode: Encode) {
        self.quote();
        self.part(text, encode);
        self.quote();
    }

    /// A text without quotes around it.
    pub fn part(&mut self, text: &[u8], encode: Encode) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        if !self.flags.escape && (encode == Encode::Nothing || !text.iter().any(|byte| encode.hits(*byte))) {
            return self.raw(text);
        }
        for byte in text {
            if encode.hits(*byte) {
                self.out.extend_from_slice(&[b'#', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
                continue;
            }
            if self.flags.escape && matches!(byte, b'"' | b'\\' | b']') {
                self.out.push(b'\\');
            }
            self.out.push(*byte);
        }
    }

    /// What `%[...]` found. Rules get it without quotes, control characters but tabs as `%XX`.
    fn sample(&mut self, text: Option<&[u8]>) {
        if self.flavor == Flavor::Log {
            return self.text(text, Encode::Nothing);
        }
        for byte in text.unwrap_or_default() {
            match byte {
                b'\t' => self.out.push(b'\t'),
                ..0x20 | 0x7f => _ = write!(self.out, "%{byte:02X}"),
                _ => self.out.push(*byte),
            }
        }
    }

    /// Without the machinery of `fmt`: a log line has some twenty numbers.
    pub fn number(&mut self, number: i64) {
        let mut digits = [0; 20];
        let mut start = digits.len();
        let mut rest = number.unsigned_abs();
        while rest > 0 || start == digits.len() {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        if number < 0 {
            self.out.push(b'-');
        }
        self.out.extend_from_slice(&digits[start..]);
    }

    /// The last two digits.
    fn two(&mut self, number: u32) {
        self.out.extend_from_slice(&[b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]);
    }

    /// In hexadecimal of at least so many digits, where `X` wants it.
    pub fn hex_number(&mut self, number: i64, digits: usize) {
        match self.flags.hex {
            // Writing to memory does not fail.
            true => _ = write!(self.out, "{number:0digits$X}"),
            false => self.number(number),
        }
    }

    /// Three digits.
    pub fn milliseconds(&mut self, number: i64) {
        match self.flags.hex {
            true => _ = write!(self.out, "{number:02X}"),
            false => self.millis(number as u32),
        }
    }

    pub fn address(&mut self, end: Option<Endpoint>) {
        match (end, end.and_then(Endpoint::ip)) {
            (None, _) => self.text(None, Encode::Nothing),
            (Some(Endpoint::Unix), _) | (_, None) => self.text(Some(b"unix"), Encode::Nothing),
            (_, Some(address)) if self.flags.hex => {
                let hex = match address {
                    IpAddr::V4(address) => format!("{:08X}", u32::from(address)),
                    IpAddr::V6(address) => format!("{:032X}", u128::from(address)),
                };
                self.quoted(hex.as_bytes(), Encode::Nothing);
            }
            (_, Some(address)) => {
                self.quote();
                match address {
                    IpAddr::V4(address) => {
                        for (place, octet) in address.octets().into_iter().enumerate() {
                            if place > 0 {
                                self.out.push(b'.');
                            }
                            self.number(octet.into());
                        }
                    }
                    IpAddr::V6(address) => _ = write!(self.out, "{address}"),
                }
                self.quote();
            }
        }
    }

    /// A unix socket shows the listener's number instead.
    pub fn port(&mut self, end: Option<Endpoint>, listener: Option<u32>) {
        match (end, end.and_then(Endpoint::port), listener) {
            (_, Some(port), _) => self.hex_number(i64::from(port), 4),
            (Some(Endpoint::Unix), None, Some(listener)) => self.number(i64::from(listener)),
            _ => self.text(None, Encode::Nothing),
        }
    }

    /// `28/Nov/2026:00:17:27`, with milliseconds or with the distance from UTC.
    pub fn date(&mut self, time: Now, offset: i32, millis: bool) {
        let date = Date::of(time.seconds() + i64::from(offset));
        self.two(date.day.into());
        self.out.push(b'/');
        self.out.extend_from_slice(date.month_name().as_bytes());
        self.out.push(b'/');
        self.two((date.year / 100) as u32);
        self.two((date.year % 100) as u32);
        for part in [date.hour, date.minute, date.second] {
            self.out.push(b':');
            self.two(part.into());
        }
        if millis {
            self.out.push(b'.');
            return self.millis(time.micros.rem_euclid(1_000_000) as u32 / 1000);
        }
        self.out.extend_from_slice(if offset < 0 { b" -" } else { b" +" });
        self.two(offset.unsigned_abs() / 3600);
        self.two(offset.unsigned_abs() / 60 % 60);
    }

    fn millis(&mut self, number: u32) {
        self.out.push(b'0' + (number / 100 % 10) as u8);
        self.two(number);
    }
}

/// A day and a time of it.
pub(super) struct Date {
    pub year: i64,
    /// 1..=12.
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
}

impl Date {
    /// From seconds since 1970: days in eras of 400 years that begin in March, so that leap days come last.
    pub fn of(seconds: i64) -> Self {
        const DAYS_PER_ERA: i64 = 146_097;
        /// From 1 March of the year 0 to 1 January 1970.
        const EPOCH: i64 = 719_468;
        let (days, time) = (seconds.div_euclid(86_400) + EPOCH, seconds.rem_euclid(86_400));
        let (era, day) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        Self {
            year: year + era * 400 + i64::from(month <= 2),
            month: month as u8,
            day: day as u8,
            hour: (time / 3600) as u8,
            minute: (time / 60 % 60) as u8,
            second: (time % 60) as u8,
        }
    }

    pub fn month_name(&self) -> &'static str {
        const NAMES: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        NAMES[usize::from(self.month - 1)]
    }
}
