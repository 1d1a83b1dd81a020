//! Real clusters for tests: the real binary on a host of its own (a network namespace), real clients, real registries.
//!
//! Everything a test makes lies below one folder and one namespace, and goes with the test.

pub mod balance;
pub mod cluster;
mod flex;
pub mod folder;
pub mod history;
pub mod host;
pub mod images;
pub mod machines;
pub mod mariadb;
pub mod process;
pub mod registry;
pub mod run;
pub mod sql_client;
pub mod sql_proxy;
pub mod tools;

pub use cluster::Cluster;
pub use folder::Folder;
pub use host::Host;
pub use machines::{Five, Machine, Switch, administrator, join_line, ready_nodes};
pub use mariadb::MariaDb;
pub use registry::Registry;
pub use run::{Output, wait_for};
pub use sql_client::SqlClient;
pub use sql_proxy::SqlProxy;

use std::path::PathBuf;

/// Where fetched tools and built images are kept between runs: `target/testbed`.
pub fn cache() -> PathBuf {
    let folder = target().join("testbed");
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("cannot make {}: {error}", folder.display()));
    folder
}

/// A file of the repository's `examples` folder.
pub fn example(name: &str) -> PathBuf {
    let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let file = repository.join("examples").join(name);
    assert!(file.exists(), "{} is missing", file.display());
    file
}

/// The text of a file of the repository's `examples` folder.
pub fn example_text(name: &str) -> String {
    let file = example(name);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The target folder of this build; the binary under test lies in it.
pub fn target() -> PathBuf {
    profile().parent().expect("the profile's folder lies in the target folder").to_path_buf()
}

/// The `barque` binary: `BARQUE_BIN`, or the one built beside this test.
pub fn barque() -> PathBuf {
    if let Some(given) = std::env::var_os("BARQUE_BIN") {
        return given.into();
    }
    let binary = profile().join("barque");
    assert!(binary.exists(), "{} is missing: run `cargo xtask test`, or `cargo build -p cli` first", binary.display());
    binary
}

/// `target/<profile>`: tests run from `deps` in it, xtask from the folder itself.
fn profile() -> PathBuf {
    let exe = std::env::current_exe().expect("the path of the running program");
    let deps = exe.ancestors().find(|folder| folder.ends_with("deps")).unwrap_or(&exe);
    deps.parent().expect("it lies in target/<profile>").to_path_buf()
}
