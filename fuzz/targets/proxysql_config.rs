//! A proxysql.cnf: any bytes are read or refused with places, and what is read as rows can be taken as settings or not.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mysql::config_file::parse;
use mysql::settings::Settings;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let parsed = parse("proxysql.cnf", &text, &|_| Err("nothing is included here".to_owned()));
    for problem in &parsed.problems {
        assert!(!problem.to_string().is_empty());
    }
    _ = Settings::from_rows(parsed.rows.iter().map(|(table, row, _)| (*table, row)));
});
