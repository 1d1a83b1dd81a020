//! From a recipe to an OCI layout, by Debian's mmdebstrap and umoci.

use super::Recipe;
use crate::cache;
use crate::run::run;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// The time of everything in an image, so that when it was made changes nothing.
const TIME: &str = "1970-01-01T00:00:00Z";

impl Recipe {
    /// The OCI layout with the image's tag, `<folder>:<name>`; built if this recipe was not built before.
    pub fn layout(&self) -> PathBuf {
        static ONE: Mutex<()> = Mutex::new(());
        let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let place = cache().join("images").join(format!("{}-{}", self.name, self.fingerprint()));
        if !place.join("index.json").exists() {
            if !self.files.is_empty() {
                self.forget_others();
            }
            let work = cache().join("images").join(format!(".{}.{}", self.name, std::process::id()));
            std::fs::create_dir_all(&work).expect("a folder below target");
            self.build(&work);
            // An older, incomplete one may be in the way.
            _ = std::fs::remove_dir_all(&place);
            std::fs::rename(work.join("layout"), &place).expect("both are below target");
            run(Command::new("rm").arg("-rf").arg(&work)).expect_ok();
        }
        place
    }

    /// As `skopeo` and `barque image import` name it.
    pub fn reference(&self) -> String {
        format!("{}:{}", self.layout().display(), self.name)
    }

    fn build(&self, work: &Path) {
        let bundle = work.join("bundle");
        let layout = work.join("layout");
        let image = format!("{}:{}", layout.display(), self.name);
        umoci(&["init", "--layout", &layout.display().to_string()]);
        umoci(&["new", "--image", &image]);
        umoci(&["unpack", "--image", &image, &bundle.display().to_string()]);
        let root = bundle.join("rootfs");
        if !self.packages.is_empty() {
            unpack_packages(self.packages, &root, work);
        }
        for (inside, here) in &self.files {
            place(here, &root.join(inside.strip_prefix("/").unwrap_or(inside)));
        }
        run(Command::new("sh").args(["-euc", self.script]).env("ROOT", &root)).expect_ok();
        run(Command::new("find").arg(&root).args(["-exec", "touch", "-h", "-d", TIME, "{}", "+"])).expect_ok();
        umoci(&["repack", "--no-history", "--image", &image, &bundle.display().to_string()]);
        let fixed = ["config", "--no-history", "--created", TIME, "--image", &image];
        umoci(&fixed.into_iter().chain(self.config.iter().copied()).collect::<Vec<_>>());
        // What the steps before left: they hold times, and are in no image.
        umoci(&["gc", "--layout", &layout.display().to_string()]);
    }

    /// Each build of a program gives another image; the cache is not to hold them all.
    fn forget_others(&self) {
        let mine = format!("{}-", self.name);
        let entries = std::fs::read_dir(cache().join("images")).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&mine)) {
            run(Command::new("rm").arg("-rf").arg(entry.path())).expect_ok();
        }
    }

    /// Of all that the image is made of.
    fn fingerprint(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(format!("{TIME}{:?}{}{:?}{}", self.packages, self.script, self.config, debian()));
        for (inside, here) in &self.files {
            hasher.update(inside.as_os_str().as_encoded_bytes());
            hasher.update(std::fs::read(here).unwrap_or_else(|error| panic!("{}: {error}", here.display())));
        }
        hasher.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            _ = write!(text, "{byte:02x}");
            text
        })
    }
}

fn unpack_packages(packages: &[&str], root: &Path, work: &Path) {
    let tar = work.join("root.tar");
    run(Command::new("mmdebstrap")
        .args(["--quiet", "--variant=essential", "--dpkgopt=path-exclude=/usr/share/doc/*"])
        .arg(format!("--include={}", packages.join(",")))
        .arg(debian())
        .arg(&tar))
    .expect_ok();
    run(Command::new("tar").arg("-xf").arg(&tar).arg("-C").arg(root).args(["--exclude=./dev/*"])).expect_ok();
}

/// Copies the file that a link names.
fn place(here: &Path, there: &Path) {
    let folder = there.parent().expect("it lies below the root");
    std::fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    std::fs::copy(here, there).unwrap_or_else(|error| panic!("{}: {error}", here.display()));
}

fn umoci(arguments: &[&str]) {
    run(Command::new("umoci").args(arguments)).expect_ok();
}

/// The running Debian's name, so that images are made of packages this machine can fetch.
fn debian() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.unwrap_or("bookworm").trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::{BUSYBOX, Recipe};
    use crate::Folder;
    use std::path::PathBuf;

    #[test]
    fn the_same_recipe_gives_the_same_image() {
        let folder = Folder::new("image-twice");
        let given = folder.path().join("given");
        std::fs::write(&given, "a file of this machine").expect("a file of the test");
        let recipe = Recipe { files: vec![("/etc/given".into(), given.clone())], ..BUSYBOX };
        let built = |name: &str| -> (Vec<PathBuf>, String) {
            let work = folder.path().join(name);
            std::fs::create_dir_all(&work).expect("a folder of the test");
            recipe.build(&work);
            let blobs = std::fs::read_dir(work.join("layout/blobs/sha256")).expect("umoci made it");
            let mut blobs: Vec<PathBuf> = blobs.flatten().map(|blob| blob.file_name().into()).collect();
            blobs.sort();
            (blobs, recipe.fingerprint())
        };
        let first = built("a");
        // The layer's times are not those of the files.
        std::fs::write(&given, "a file of this machine").expect("a file of the test");
        assert_eq!(first, built("b"));
        assert_eq!(first.0.len(), 3, "manifest, configuration, one layer: {first:?}");
        std::fs::write(&given, "another").expect("a file of the test");
        let other = built("c");
        assert!(first.0 != other.0 && first.1 != other.1, "{other:?}");
    }
}
