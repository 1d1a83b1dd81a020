//! Statements: any bytes have an answer, a statement cut anywhere and a digest too.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mysql::digest::{Options, digest};
use mysql::statement::{Modes, analyze};

fuzz_target!(|data: &[u8]| {
    let Some((options, sql)) = data.split_first() else { return };
    let modes =
        Modes { ansi_quotes: options & 1 != 0, no_backslash_escapes: options & 2 != 0, wide_letters: options & 4 != 0 };
    let found = analyze(sql, modes);
    assert!(found.count > 0 || found.not_a_read.is_some());
    assert!(found.first_comment.is_none_or(|range| range.end <= sql.len()));
    let cut = usize::from(options >> 3) * sql.len() / 32;
    analyze(&sql[..cut], modes);

    let options = Options { max_bytes: usize::MAX, ..Options::default() };
    // Of what is no SQL, such as `- - -0e`, a digest may have a shorter one.
    let once = digest(sql, modes, &options);
    digest(once.text.as_bytes(), modes, &options);
    let short = Options { max_bytes: cut, keep_comment: true, no_digits: true, replace_null: true, ..options };
    assert!(digest(sql, modes, &short).text.len() <= cut);
});
