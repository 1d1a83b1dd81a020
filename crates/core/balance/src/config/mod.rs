//! HAProxy's configuration language: text in, `Config` or problems with file and line out.
//!
//! Reads nothing itself: sources come as text, files named in them through [`Files`], variables through [`Env`].

mod address;
mod bind;
pub mod conditions;
mod crt_list;
pub mod diff;
mod finish;
mod global;
mod keyword;
pub mod keywords;
mod line;
pub mod model;
mod params;
mod parser;
pub mod problem;
mod proxy;
mod references;
mod report;
mod sections;
mod server;
pub mod suggest;
#[cfg(test)]
mod tests;
mod tls_params;
pub mod values;
mod words;

pub use model::{Bind, Config, Global, LogTarget, Proxy, Server};
pub use problem::{Level, Problem, Problems};

use parser::Parser;
use sections::userlist;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file of configuration, already read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As given after `-f`, or the folder and the file's name; the name that messages show.
    pub name: String,
    pub text: Vec<u8>,
}

/// What the parser may look at outside its text.
pub trait Files {
    /// The whole file. The error is the system's text, such as `No such file or directory`.
    fn read(&self, path: &Path) -> Result<Vec<u8>, String>;
    /// Paths of the files in a folder, sorted by name as the C locale sorts.
    fn list(&self, path: &Path) -> Result<Vec<PathBuf>, String>;
    fn is_folder(&self, path: &Path) -> bool;
    /// Whether the system knows a user of this name. Without an answer it is taken to.
    fn has_user(&self, _name: &str) -> bool {
        true
    }
    fn has_group(&self, _name: &str) -> bool {
        true
    }
    /// A host's addresses. At start only: HAProxy asks libc then (`init-addr libc`).
    fn resolve(&self, _host: &str) -> Option<std::net::IpAddr> {
        None
    }
}

/// No file at all: for texts that need none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &Path) -> Result<Vec<u8>, String> {
        Err("No such file or directory".into())
    }

    fn list(&self, _: &Path) -> Result<Vec<PathBuf>, String> {
        Err("No such file or directory".into())
    }

    fn is_folder(&self, _: &Path) -> bool {
        false
    }
}

/// Variables of the environment, as `"${NAME}"` and `defined(NAME)` see them.
pub type Env = std::collections::BTreeMap<String, String>;

/// A configuration that can run.
#[derive(Debug, Clone)]
pub struct Parsed {
    pub config: Config,
    /// Warnings and notices, in the order in which they were met.
    pub warnings: Vec<Problem>,
    /// As `setenv` and its like left it.
    pub env: Env,
}

/// Reads a configuration: all sources, in their order, as one text.
///
/// # Errors
/// All that is wrong, with file and line, warnings among them.
pub fn parse(sources: &[Source], env: &Env, files: &dyn Files) -> Result<Parsed, Problems> {
    let patterns = crate::pattern::Library::default();
    let mut parser = Parser::new(files, env.clone(), &patterns);
    if !parser.read(sources) {
        return Err(Problems(parser.report.problems));
    }
    let Parser { mut report, mut config, proxies, userlists, stats_after, env, .. } = parser;
    config.userlists = userlists.into_iter().map(|draft| Arc::new(userlist::close(&mut report, draft))).collect();
    let mut config = finish::finish(&mut report, config, proxies, stats_after);
    report.merge_references(references::check(&config, patterns.notes().take()));
    if report.fatal() {
        report.push(Level::Alert, "Fatal errors found in configuration.");
        return Err(Problems(report.problems));
    }
    finish::resolve(&mut report, &mut config, files);
    if report.fatal() {
        report.push(Level::Alert, "Failed to initialize server(s) addr.");
        return Err(Problems(report.problems));
    }
    for (name, place, reason) in std::mem::take(&mut report.ignored) {
        report.push(Level::Notice, format!("[{place}] : '{name}' is accepted without effect: {reason}."));
    }
    Ok(Parsed { config, warnings: report.problems, env })
}

impl Config {
    /// Whether anything would accept connections, the statistics' socket included; HAProxy refuses to start otherwise, with exit code 2.
    pub fn listens(&self) -> bool {
        finish::listens(self)
    }
}
