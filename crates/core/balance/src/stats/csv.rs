//! `show stat` as CSV (management guide, 9.1).

use super::row::{COLUMNS, Row, STATIC};

/// The line of titles, with its line end. The column `-` ends the part that never changes.
pub fn header() -> String {
    let mut out = String::from("# ");
    for (at, column) in COLUMNS.iter().enumerate() {
        if at == STATIC {
            out += "-,";
        }
        out += column.name;
        out.push(',');
    }
    out.push('\n');
    out
}

/// One line per row, each with its line end.
pub fn rows(rows: &[Row]) -> String {
    let mut out = String::with_capacity(rows.len() * 512);
    for row in rows {
        line(&mut out, row);
    }
    out
}

fn line(out: &mut String, row: &Row) {
    use std::fmt::Write as _;
    for (at, column) in COLUMNS.iter().enumerate() {
        if at == STATIC {
            out.push_str("-,");
        }
        match (column.get)(row) {
            Some(super::Value::Str(text)) => quoted(out, text),
            Some(value) => _ = write!(out, "{value}"),
            None => {}
        }
        out.push(',');
    }
    out.push('\n');
}

/// Text as it is, or between quotes when it would be read as more than one column. Line ends become blanks: a row is
/// one line.
fn quoted(out: &mut String, text: &str) {
    let text = text.replace(['\r', '\n'], " ");
    if text.contains([',', '"']) {
        out.push('"');
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Kind;
    use expect_test::{Expect, expect};

    /// Recorded from HAProxy 2.6.12.
    const TITLES: &str = include_str!("testdata/header.csv");

    #[test]
    fn titles_are_those_of_2_6() {
        assert_eq!(header(), TITLES);
        assert_eq!(header().matches(',').count(), 128);
    }

    #[test]
    fn a_frontend() {
        let row = Row {
            pxname: "web".into(),
            svname: "FRONTEND".into(),
            scur: Some(0),
            smax: Some(1),
            slim: Some(200),
            stot: Some(16),
            status: "OPEN".into(),
            pid: 1,
            iid: 2,
            h1_bytes_out: Some(2209),
            ..Row::default()
        };
        check(
            row,
            expect![[r#"
                web,FRONTEND,,,0,1,200,16,,,,,,,,,,OPEN,,,,,,,,,1,2,0,,,,0,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,-,,,,,,,,,,,,,,,,,,,,,,2209,,,
            "#]],
        );
    }

    #[test]
    fn commas_quotes_and_line_ends_stay_inside_their_column() {
        let row = Row {
            pxname: "b".into(),
            svname: "s".into(),
            kind: Kind::Server,
            last_chk: Some("said \"no\", twice\r\nand left".into()),
            ..Row::default()
        };
        check(
            row,
            expect![[r#"
                b,s,,,,,,,,,,,,,,,,,,,,,,,,,0,0,0,,,,2,,,,,,,,,,,,,,,,,,,,,,,,"said ""no"", twice  and left",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,-,,,,,,,,,,,,,,,,,,,,,,,,,
            "#]],
        );
    }

    #[track_caller]
    fn check(row: Row, expected: Expect) {
        expected.assert_eq(&rows(&[row]));
    }
}
