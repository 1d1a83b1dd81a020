//! `resource.Quantity`: exact amounts of CPU, memory and the like, in upstream's text forms.
//!
//! An amount is a whole number of nanos (10^-9) in an i128; finer parts round away from zero, as upstream does. The
//! suffix family a text used (binary `Ki`, decimal `k`, exponent `e3`) is kept and used again when it is written.
//!
//! Upstream: `apimachinery/pkg/api/resource/quantity.go`, `suffix.go`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub, SubAssign};
use std::str::FromStr;

const NANOS: i128 = 1_000_000_000;

/// More than this is cut off (upstream: `maxAllowed`, 2^63-1 whole units).
const MAX: i128 = i64::MAX as i128 * NANOS;

/// Digits read of a number; more than i128 could need are refused by the cut-off anyhow.
const MAX_DIGITS: usize = 256;

/// How an amount is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `12e6`
    DecimalExponent,
    /// `12Mi`
    BinarySi,
    /// `12M`, `100m`
    #[default]
    DecimalSi,
}

/// Equal amounts are equal whatever their format.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

/// Upstream's three ways to say that a text is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    #[error("unable to parse numeric part of quantity")]
    Numeric,
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

impl Quantity {
    pub const ZERO: Self = Self { nanos: 0, format: Format::DecimalSi };

    /// So many whole units.
    pub fn new(value: i64, format: Format) -> Self {
        Self { nanos: i128::from(value) * NANOS, format }
    }

    /// So many thousandths, as CPU is counted.
    pub fn from_milli(milli: i64) -> Self {
        Self { nanos: i128::from(milli) * 1_000_000, format: Format::DecimalSi }
    }

    /// Reads any of upstream's forms: `1`, `1.5`, `100m`, `2Gi`, `1e3`, `-5k`.
    ///
    /// # Errors
    /// If the text is no quantity; the error's text is upstream's.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        parse(text)
    }

    pub fn format(&self) -> Format {
        self.format
    }

    pub fn nanos(&self) -> i128 {
        self.nanos
    }

    /// Whole units, rounded up (away from zero), held within i64.
    pub fn value(&self) -> i64 {
        clamp(round_up(self.nanos, NANOS))
    }

    /// Thousandths, rounded up, held within i64.
    pub fn milli_value(&self) -> i64 {
        clamp(round_up(self.nanos, 1_000_000))
    }

    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// -1, 0 or 1.
    pub fn sign(&self) -> i32 {
        self.nanos.signum() as i32
    }

    /// The amount as a floating number, for ratios.
    pub fn as_f64(&self) -> f64 {
        self.nanos as f64 / NANOS as f64
    }
}

/// The canonical text of a quantity text; the very text if it is not one.
pub fn canonical(text: &str) -> String {
    Quantity::parse(text).map_or_else(|_| text.to_owned(), |quantity| quantity.to_string())
}

fn parse(text: &str) -> Result<Quantity, QuantityError> {
    if text.is_empty() {
        return Err(QuantityError::Format);
    }
    let (negative, unsigned) = match text.as_bytes()[0] {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let whole_len = digits(unsigned);
    let (whole, rest) = unsigned.split_at(whole_len);
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    check_form(suffix)?;
    if (whole.is_empty() && fraction.is_empty()) || whole.len() + fraction.len() > MAX_DIGITS {
        return Err(QuantityError::Numeric);
    }
    let (unit, format) = unit(suffix).ok_or(QuantityError::Suffix)?;
    let magnitude = scale(whole, fraction, unit).min(MAX);
    Ok(Quantity { nanos: if negative { -magnitude } else { magnitude }, format: kept_format(format, magnitude) })
}

/// Amounts below one are never written in binary suffixes (upstream's rule).
fn kept_format(format: Format, magnitude: i128) -> Format {
    if format == Format::BinarySi && magnitude < NANOS && magnitude > 0 { Format::DecimalSi } else { format }
}

/// The suffix part must have letters first, then at most a signed number.
fn check_form(suffix: &str) -> Result<(), QuantityError> {
    let letters = suffix.bytes().take_while(|b| b"eEinumkKMGTP".contains(b)).count();
    let rest = &suffix[letters..];
    let rest = rest.strip_prefix(['-', '+']).unwrap_or(rest);
    if rest.bytes().all(|b| b.is_ascii_digit()) { Ok(()) } else { Err(QuantityError::Format) }
}

/// What one unit of a suffix is worth.
#[derive(Clone, Copy)]
enum Unit {
    /// 10^n
    Ten(i32),
    /// 2^n
    Two(u32),
}

fn unit(suffix: &str) -> Option<(Unit, Format)> {
    const SI: [(&str, i32); 11] = [
        ("n", -9),
        ("u", -6),
        ("m", -3),
        ("", 0),
        ("k", 3),
        ("M", 6),
        ("G", 9),
        ("T", 12),
        ("P", 15),
        ("E", 18),
        ("Z", 21),
    ];
    const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];
    if let Some((_, power)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        return Some((Unit::Two(*power), Format::BinarySi));
    }
    if let Some((_, power)) = SI.iter().take(10).find(|(name, _)| *name == suffix) {
        return Some((Unit::Ten(*power), Format::DecimalSi));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    Some((Unit::Ten(exponent.parse().ok()?), Format::DecimalExponent))
}

/// The digits times the unit in nanos, rounded up, cut at [`MAX`].
fn scale(whole: &str, fraction: &str, unit: Unit) -> i128 {
    match unit {
        Unit::Ten(power) => decimal(whole, fraction, power.saturating_add(9)),
        Unit::Two(power) => binary(whole, fraction, power),
    }
}

/// `whole.fraction * 10^power`, rounded up.
fn decimal(whole: &str, fraction: &str, power: i32) -> i128 {
    let point = i64::try_from(whole.len()).unwrap_or(i64::MAX).saturating_add(power.into());
    let all = whole.bytes().chain(fraction.bytes());
    let mut amount: i128 = 0;
    let mut lost = false;
    let mut seen: i64 = 0;
    for digit in all {
        let digit = i128::from(digit - b'0');
        if seen < point {
            amount = amount.saturating_mul(10).saturating_add(digit);
        } else {
            lost |= digit != 0;
        }
        seen += 1;
    }
    while seen < point && amount != 0 && amount < MAX {
        amount = amount.saturating_mul(10);
        seen += 1;
    }
    amount.saturating_add(lost.into())
}

/// `whole.fraction * 2^power` in nanos, rounded up. Digits beyond the 18th after the point only round.
fn binary(whole: &str, fraction: &str, power: u32) -> i128 {
    const KEPT: usize = 18;
    let unit = 1i128 << power;
    let units = whole.bytes().fold(0i128, |n, digit| n.saturating_mul(10).saturating_add((digit - b'0').into()));
    let mut amount = units.saturating_mul(unit).saturating_mul(NANOS);
    let (kept, rest) = fraction.split_at(fraction.len().min(KEPT));
    let parts: i128 = kept.parse().unwrap_or(0);
    if parts != 0 {
        // parts / 10^len * 2^power * 10^9, in an order that stays below 2^127: 10^18 * 2^60 is 2^120.
        let divisor = 10i128.pow(kept.len() as u32);
        let product = parts * unit;
        let (units, remainder) = (product / divisor, product % divisor);
        amount = amount.saturating_add(units * NANOS).saturating_add(round_up(remainder * NANOS, divisor));
    } else if rest.bytes().any(|digit| digit != b'0') {
        amount = amount.saturating_add(1);
    }
    amount
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn round_up(amount: i128, unit: i128) -> i128 {
    let quotient = amount / unit;
    if amount % unit == 0 { quotient } else { quotient + amount.signum() }
}

fn clamp(amount: i128) -> i64 {
    amount.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

fn cut(nanos: i128) -> i128 {
    nanos.clamp(-MAX, MAX)
}

impl fmt::Display for Quantity {
    /// The canonical form: no fraction, the largest suffix that keeps the number whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        if self.format == Format::BinarySi && self.nanos.abs() >= 1024 * NANOS && self.nanos % NANOS == 0 {
            return write_binary(self.nanos / NANOS, f);
        }
        write_decimal(self.nanos, self.format, f)
    }
}

fn write_binary(mut amount: i128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let mut step = 0;
    while amount % 1024 == 0 && step + 1 < SUFFIXES.len() {
        amount /= 1024;
        step += 1;
    }
    write!(f, "{amount}{}", SUFFIXES[step])
}

fn write_decimal(mut amount: i128, format: Format, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const SUFFIXES: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    let mut step = 0;
    while amount % 1000 == 0 && step + 1 < SUFFIXES.len() {
        amount /= 1000;
        step += 1;
    }
    match (format, step) {
        (Format::DecimalExponent, 3) => write!(f, "{amount}"),
        (Format::DecimalExponent, _) => write!(f, "{amount}e{}", step as i32 * 3 - 9),
        _ => write!(f, "{amount}{}", SUFFIXES[step]),
    }
}

impl Add for Quantity {
    type Output = Self;

    /// The sum, in this amount's format (in the other's where this one is zero, as upstream does).
    fn add(self, other: Self) -> Self {
        let format = if self.nanos == 0 { other.format } else { self.format };
        Self { nanos: cut(self.nanos.saturating_add(other.nanos)), format }
    }
}

impl Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + Self { nanos: -other.nanos, ..other }
    }
}

impl AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Quantity {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Mul<i64> for Quantity {
    type Output = Self;

    fn mul(self, times: i64) -> Self {
        Self { nanos: cut(self.nanos.saturating_mul(times.into())), format: self.format }
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        parse(text)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    /// Texts and bare numbers, as upstream accepts.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Text(String),
            Number(serde_json::Number),
        }
        let text = match Form::deserialize(from)? {
            Form::Text(text) => text,
            Form::Number(number) => number.to_string(),
        };
        parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use proptest::prelude::*;

    #[test]
    fn canonical_forms() {
        let cases = [
            "0",
            "0n",
            "1",
            "1.5",
            "1500m",
            "0.1",
            "100m",
            "1000",
            "1000k",
            "1024",
            "1024Ki",
            "1Ki",
            "1.5Gi",
            "0.5Mi",
            "0.5Ki",
            "0.0005Ki",
            "1e3",
            "1E3",
            "1.5e3",
            "12e6",
            "1e-3",
            "+1",
            "-1",
            "-1.5",
            "1n",
            "0.1n",
            "0.0000000001",
            "100Mi",
            "128974848",
            "129e6",
            "129M",
            "123Mi",
            "9223372036854775807",
            "9223372036854775808",
            "1Ei",
            "8Ei",
            "1E",
            "10E",
            "0.3Gi",
            "1.1Ki",
            "3.141592653589793238",
            "500u",
            "1000000n",
            ".5",
            "5.",
            "1000Ki",
            "1e21",
        ];
        let shown: Vec<String> = cases.iter().map(|text| format!("{text} -> {}", canonical(text))).collect();
        expect![[r#"
            0 -> 0
            0n -> 0
            1 -> 1
            1.5 -> 1500m
            1500m -> 1500m
            0.1 -> 100m
            100m -> 100m
            1000 -> 1k
            1000k -> 1M
            1024 -> 1024
            1024Ki -> 1Mi
            1Ki -> 1Ki
            1.5Gi -> 1536Mi
            0.5Mi -> 512Ki
            0.5Ki -> 512
            0.0005Ki -> 512m
            1e3 -> 1e3
            1E3 -> 1e3
            1.5e3 -> 1500
            12e6 -> 12e6
            1e-3 -> 1e-3
            +1 -> 1
            -1 -> -1
            -1.5 -> -1500m
            1n -> 1n
            0.1n -> 1n
            0.0000000001 -> 1n
            100Mi -> 100Mi
            128974848 -> 128974848
            129e6 -> 129e6
            129M -> 129M
            123Mi -> 123Mi
            9223372036854775807 -> 9223372036854775807
            9223372036854775808 -> 9223372036854775807
            1Ei -> 1Ei
            8Ei -> 9223372036854775807
            1E -> 1E
            10E -> 9223372036854775807
            0.3Gi -> 322122547200m
            1.1Ki -> 1126400m
            3.141592653589793238 -> 3141592654n
            500u -> 500u
            1000000n -> 1m
            .5 -> 500m
            5. -> 5
            1000Ki -> 1000Ki
            1e21 -> 9223372036854775807"#]]
        .assert_eq(&shown.join("\n"));
    }

    #[test]
    fn values_round_up() {
        let of = |text: &str| Quantity::parse(text).unwrap();
        assert_eq!((of("1.5").value(), of("-1.5").value(), of("1n").value(), of("1n").milli_value()), (2, -2, 1, 1));
        assert_eq!((of("250m").milli_value(), of("2").milli_value(), of("1Gi").value()), (250, 2000, 1 << 30));
    }

    #[test]
    fn wrong_texts() {
        let shown: Vec<String> = ["", "a", "1.2.3", "1Kx", "--1", ".", "1kk", "1i", "1 ", "1e", "1ee3", "+"]
            .iter()
            .map(|text| format!("{text:?}: {:?}", Quantity::parse(text).unwrap_err()))
            .collect();
        expect![[r#"
            "": Format
            "a": Format
            "1.2.3": Format
            "1Kx": Format
            "--1": Numeric
            ".": Numeric
            "1kk": Suffix
            "1i": Suffix
            "1 ": Format
            "1e": Suffix
            "1ee3": Suffix
            "+": Numeric"#]]
        .assert_eq(&shown.join("\n"));
    }

    proptest! {
        #[test]
        fn canonical_text_reads_back(milli in any::<i32>(), binary in any::<bool>()) {
            let format = if binary { Format::BinarySi } else { Format::DecimalSi };
            let amount = Quantity { nanos: i128::from(milli) * 1_000_000, format };
            let text = amount.to_string();
            prop_assert_eq!(Quantity::parse(&text).unwrap(), amount);
            prop_assert_eq!(canonical(&text), text);
        }

        #[test]
        fn sums_agree_with_numbers(a in -1_000_000_000i64..1_000_000_000, b in -1_000_000_000i64..1_000_000_000) {
            let (x, y) = (Quantity::from_milli(a), Quantity::from_milli(b));
            prop_assert_eq!((x + y).milli_value(), a + b);
            prop_assert_eq!((x - y).milli_value(), a - b);
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[+-]?[0-9.]{0,30}[eEinumkKMGTP]{0,3}[-+]?[0-9]{0,12}") {
            if let Ok(amount) = Quantity::parse(&text) {
                prop_assert_eq!(Quantity::parse(&amount.to_string()).unwrap(), amount);
            }
        }
    }
}
