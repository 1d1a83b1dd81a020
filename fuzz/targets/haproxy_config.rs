//! Configurations of the balancer: any bytes are one, or refused with at least one alert that names a line.
//!
//! Files named in it have what follows the first zero byte, so that maps, errorfiles and lists are read, too.

#![no_main]

use balance::config::{Env, Files, Level, Source, parse};
use libfuzzer_sys::fuzz_target;
use std::path::{Path, PathBuf};

/// Every file there is says the same.
struct Same<'a>(&'a [u8]);

impl Files for Same<'_> {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        if path.starts_with("/no") { Err("No such file or directory".into()) } else { Ok(self.0.to_vec()) }
    }

    fn list(&self, path: &Path) -> Result<Vec<PathBuf>, String> {
        Ok(vec![path.join("a.pem")])
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.ends_with("certs")
    }
}

fuzz_target!(|data: &[u8]| {
    let (text, file) = match data.iter().position(|byte| *byte == 0) {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &[][..]),
    };
    let source = Source { name: "f".to_owned(), text: text.to_vec() };
    let env: Env = [("A".to_owned(), "one two".to_owned())].into();
    match parse(&[source], &env, &Same(file)) {
        Ok(parsed) => {
            assert!(parsed.warnings.iter().all(|problem| problem.level != Level::Alert));
            let ids: std::collections::HashSet<u32> = parsed.config.proxies.iter().map(|proxy| proxy.id).collect();
            assert_eq!(ids.len(), parsed.config.proxies.len());
        }
        Err(problems) => assert!(problems.0.iter().any(|problem| problem.level == Level::Alert)),
    }
});
