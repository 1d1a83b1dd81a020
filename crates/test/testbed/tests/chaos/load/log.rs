//! The history of one load: written line by line, so that a kill leaves all of it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::SystemTime;
use testbed::history::{Micros, Record};

pub struct Log(Mutex<File>);

impl Log {
    pub fn create(path: &Path) -> Self {
        Self(Mutex::new(File::create(path).expect("a file of the test")))
    }

    pub fn note(&self, record: &Record) {
        let mut line = serde_json::to_vec(record).expect("a record");
        line.push(b'\n');
        self.0.lock().expect("nobody panics here").write_all(&line).expect("the disk is not full");
    }
}

pub fn now() -> Micros {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    since.as_micros() as Micros
}
