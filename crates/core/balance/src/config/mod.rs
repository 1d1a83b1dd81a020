//! HAProxy's configuration language: text in, `Config` or problems with file and line out.
//!
//! Reads nothing itself: sources come as text, files named in them through [`Files`], variables through [`Env`].

pub mod model;
pub mod problem;

pub use model::{Bind, Config, Global, Proxy, Server};
pub use problem::{Level, Problem, Problems};

use std::path::{Path, PathBuf};

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
    /// A host's addresses. At start only: HAProxy asks libc then (`init-addr libc`).
    fn resolve(&self, _host: &str) -> Option<std::net::IpAddr> {
        None
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
}

/// Reads a configuration: all sources, in their order, as one text.
///
/// # Errors
/// All that is wrong, with file and line, warnings among them.
pub fn parse(sources: &[Source], _env: &Env, _files: &dyn Files) -> Result<Parsed, Problems> {
    let name = sources.first().map_or("", |source| source.name.as_str());
    Err(Problems(vec![Problem::alert(format!("config : no configuration in '{name}'."))]))
}
