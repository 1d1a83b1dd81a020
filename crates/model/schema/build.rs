//! Packs `facts.txt` into arrays of small integers (no pointers, so that nothing is relocated or parsed at start), and
//! upstream's descriptions, taken from the k8s-openapi crate, into one compressed text.

#[path = "build/docs.rs"]
mod docs;
#[path = "build/table.rs"]
mod table;

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=facts.txt");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=../../../Cargo.lock");
    let facts = std::fs::read_to_string("facts.txt").expect("facts.txt is written by `cargo xtask schema`");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    std::fs::write(out.join("table.rs"), table::generate(&facts)).expect("OUT_DIR is writable");
    std::fs::write(out.join("docs.z"), docs::generate(&facts)).expect("OUT_DIR is writable");
}
