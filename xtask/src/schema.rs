//! `cargo xtask schema`: the facts table of the schema crate, from crates that already carry upstream's facts.
//!
//! k8s-pb gives protobuf tags, wire types and upstream's doc markers (merge keys, list types); k8s-openapi gives the JSON
//! names and what is required. Both are joined by names without case and underscores, since each crate changes
//! upstream's names in its own way. What neither knows stands in [`overrides`].
//!
//! Invariants
//! - The output is a function of the two crates' sources: running it twice changes nothing.
//! - Nothing is guessed silently: a field that does not join stops the run.

mod join;
mod openapi;
mod overrides;
mod protobuf;
mod text;

use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// Only says whether the checked-in table is up to date.
    #[arg(long)]
    check: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cargo metadata failed")]
    Metadata(#[from] cargo_metadata::Error),
    #[error("no dependency {0} was found through cargo metadata; add it to xtask/Cargo.toml")]
    NoCrate(&'static str),
    #[error("failed to read or write {0}: {1}")]
    File(PathBuf, std::io::Error),
    #[error("{0}")]
    Source(String),
    #[error("{0} is out of date; run `cargo xtask schema` and commit the result")]
    OutOfDate(PathBuf),
}

pub fn run(args: &Args) -> Result<(), Error> {
    let metadata = cargo_metadata::MetadataCommand::new().other_options(["--offline".to_owned()]).exec()?;
    let messages = protobuf::read(&sources(&metadata, "k8s-pb")?)?;
    let structs = openapi::read(&sources(&metadata, "k8s-openapi")?.join("v1_35"))?;
    let table = text::render(&join::join(&messages, &structs)?);
    let path = metadata.workspace_root.join("crates/model/schema/facts.txt").into_std_path_buf();
    if !args.check {
        return std::fs::write(&path, table).map_err(|error| Error::File(path, error));
    }
    if std::fs::read_to_string(&path).is_ok_and(|old| old == table) { Ok(()) } else { Err(Error::OutOfDate(path)) }
}

fn sources(metadata: &cargo_metadata::Metadata, name: &'static str) -> Result<PathBuf, Error> {
    let package = metadata.packages.iter().find(|package| package.name == name).ok_or(Error::NoCrate(name))?;
    Ok(package.manifest_path.with_file_name("src").into_std_path_buf())
}

/// All `.rs` files below a folder, sorted.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |error| Error::File(folder.to_owned(), error);
    let mut found = Vec::new();
    let mut entries: Vec<_> = std::fs::read_dir(folder).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            found.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

fn read_text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::File(path.to_owned(), error))
}

/// What is left of a name when case and underscores do not count.
fn normal(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// `apimachinery/pkg/apis/meta/v1` to `io.k8s.apimachinery.pkg.apis.meta.v1`.
fn package_of(folders: &[&str]) -> String {
    format!("io.k8s.{}", folders.join("."))
        .replace("apiextensions_apiserver", "apiextensions-apiserver")
        .replace("kube_aggregator", "kube-aggregator")
}
