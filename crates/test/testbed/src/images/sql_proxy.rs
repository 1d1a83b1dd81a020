//! Barque as an image, in place of `severalnines/proxysql`: a pod that mounts `/etc/proxysql.cnf` needs nothing else.
//!
//! Barque and the libraries it is linked with, from the machine that built it; no shell, no package manager.

use super::Recipe;
use crate::run::run;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where images have it.
const PROGRAM: &str = "/usr/bin/barque";

/// Beside the libraries: what checks certificates of servers, and what has to come with these packages.
const DOCUMENTS: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/usr/share/doc/libc6/copyright",
    "/usr/share/doc/libgcc-s1/copyright",
    "/usr/share/doc/libseccomp2/copyright",
    "/usr/share/doc/ca-certificates/copyright",
];

/// Names of servers are looked up as in any Debian. The folders are those of his file.
const SCRIPT: &str = r#"
    mkdir -p "$ROOT"/etc "$ROOT"/tmp "$ROOT"/proc "$ROOT"/sys "$ROOT"/dev "$ROOT"/root "$ROOT"/run "$ROOT"/var/lib/proxysql
    printf 'root:x:0:0:root:/root:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n' > "$ROOT"/etc/passwd
    printf 'root:x:0:\nnogroup:x:65534:\n' > "$ROOT"/etc/group
    printf 'hosts: files dns\n' > "$ROOT"/etc/nsswitch.conf
    chmod 1777 "$ROOT"/tmp
    chmod 0700 "$ROOT"/root
    # Others than root may run it: it needs no right to listen on 6033.
    chmod 1777 "$ROOT"/var/lib/proxysql
    find "$ROOT" -type f -exec chmod 0644 {} +
    # Half of an unoptimised build is for debuggers.
    strip --strip-debug "$ROOT"/usr/bin/barque
    chmod 0755 "$ROOT"/usr/bin/barque
    find "$ROOT" -name 'ld-linux*' -exec chmod 0755 {} +
"#;

/// Of a `barque` that runs on this machine. Without arguments a container of it is `barque sql -f /etc/proxysql.cnf`;
/// with arguments it is `barque` with these.
pub fn sql_proxy(binary: &Path) -> Recipe {
    let documents = DOCUMENTS.iter().map(PathBuf::from).filter(|file| file.exists());
    let mut files: Vec<_> = libraries(binary).into_iter().chain(documents).map(|file| (file.clone(), file)).collect();
    files.push((PROGRAM.into(), binary.to_owned()));
    Recipe {
        name: "sql-proxy",
        packages: &[],
        files,
        script: SCRIPT,
        config: &[
            "--config.entrypoint=/usr/bin/barque",
            "--config.cmd=sql",
            "--config.cmd=-f",
            "--config.cmd=/etc/proxysql.cnf",
            "--config.env=PATH=/usr/bin",
            "--config.exposedports=6033/tcp",
            "--config.exposedports=6032/tcp",
            "--config.stopsignal=SIGTERM",
        ],
    }
}

/// What the program is linked with, and what loads it.
fn libraries(binary: &Path) -> Vec<PathBuf> {
    let said = run(Command::new("ldd").arg(binary));
    if said.stderr.contains("not a dynamic executable") {
        return Vec::new();
    }
    let said = said.expect_ok();
    let mut found: Vec<PathBuf> =
        said.lines().flat_map(str::split_whitespace).filter(|word| word.starts_with('/')).map(Into::into).collect();
    found.sort();
    found
}
