//! Image layers: any archive is unpacked or refused, and nothing outside its folder is ever touched.
//!
//! Compiles the runtime's own files: the crate as a whole would be built with coverage for nothing.

#![no_main]
#![allow(dead_code)]

#[path = "../../crates/io/runtime/src/images/confined.rs"]
mod confined;
#[path = "../../crates/io/runtime/src/images/digest.rs"]
mod digest;
#[path = "../../crates/io/runtime/src/images/unpack.rs"]
mod unpack;

use libfuzzer_sys::fuzz_target;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

/// `outside` holds one known file beside the folder that is unpacked into.
static PLACE: LazyLock<PathBuf> = LazyLock::new(|| {
    let place = PathBuf::from(format!("/dev/shm/barque-fuzz-{}", std::process::id()));
    fs::create_dir_all(place.join("outside")).expect("a folder in memory");
    fs::write(place.join("outside/file"), "untouched").expect("a file in memory");
    place
});

fuzz_target!(|data: &[u8]| {
    let inside = PLACE.join("inside");
    fs::create_dir_all(&inside).expect("a folder in memory");
    _ = unpack::layer(data, &inside);
    unpack::remove_folder(&inside).expect("what was unpacked can be removed");
    assert_eq!(fs::read(PLACE.join("outside/file")).expect("still there"), b"untouched");
    let names = |folder: &PathBuf| fs::read_dir(folder).expect("still there").count();
    assert_eq!((names(&PLACE), names(&PLACE.join("outside"))), (1, 1), "something was written beside the folder");
});
