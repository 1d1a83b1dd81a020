//! Images for tests, built from Debian's packages into OCI layouts, kept in the cache by their recipe.

use crate::cache;
use crate::run::run;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// How an image is made.
pub struct Recipe {
    pub name: &'static str,
    /// Debian packages; none builds on an empty root.
    pub packages: &'static [&'static str],
    /// A shell script run with `$ROOT` set to the image's root folder.
    pub script: &'static str,
    /// Arguments of `umoci config`.
    pub config: &'static [&'static str],
}

/// Debian's static busybox with links for its programs. `busybox:1`
pub const BUSYBOX: Recipe = Recipe {
    name: "busybox",
    packages: &[],
    script: r#"
        mkdir -p "$ROOT"/bin "$ROOT"/etc "$ROOT"/tmp "$ROOT"/proc "$ROOT"/sys "$ROOT"/dev "$ROOT"/root "$ROOT"/var/log
        cp /bin/busybox "$ROOT"/bin/busybox
        for name in $(/bin/busybox --list); do [ -e "$ROOT/bin/$name" ] || ln -s busybox "$ROOT/bin/$name"; done
        printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' > "$ROOT"/etc/passwd
        printf 'root:x:0:\nnogroup:x:65534:\n' > "$ROOT"/etc/group
        chmod 1777 "$ROOT"/tmp
    "#,
    config: &["--config.cmd=/bin/sh", "--config.env=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
};

/// Debian's nginx where the `nginx:1.15` image has it: configuration, pid and log in the same places.
pub const NGINX: Recipe = Recipe {
    name: "nginx",
    packages: &["nginx-light"],
    script: r#"
        ln -sf /dev/stdout "$ROOT"/var/log/nginx/access.log
        ln -sf /dev/stderr "$ROOT"/var/log/nginx/error.log
        mkdir -p "$ROOT"/var/www/html
    "#,
    config: &[
        "--config.cmd=nginx",
        "--config.cmd=-g",
        "--config.cmd=daemon off; user www-data;",
        "--config.stopsignal=SIGTERM",
    ],
};

/// Debian's php-fpm on 9000 with a small site laid out as his nginx.conf expects, copied to the volume at start.
pub const NEXTCLOUD: Recipe = Recipe {
    name: "nextcloud",
    packages: &["php-fpm"],
    script: include_str!("images/nextcloud.sh"),
    config: &["--config.entrypoint=/entrypoint.sh", "--config.workingdir=/var/www/html"],
};

/// A shell and a stand-in `php` for the matomo job.
pub const MATOMO: Recipe = Recipe {
    name: "matomo",
    packages: &["bash"],
    script: r#"
        mkdir -p "$ROOT"/usr/local/bin "$ROOT"/var/www/html
        printf '#!/bin/sh\necho "archived: $*"\n' > "$ROOT"/usr/local/bin/php
        chmod 0755 "$ROOT"/usr/local/bin/php
    "#,
    config: &["--config.cmd=/bin/bash"],
};

/// A stand-in for proxysql: busybox answering on its two ports with the configuration it was given.
pub const PROXYSQL: Recipe = Recipe {
    name: "proxysql",
    packages: &[],
    script: r#"
        mkdir -p "$ROOT"/bin "$ROOT"/etc "$ROOT"/tmp "$ROOT"/proc "$ROOT"/sys "$ROOT"/dev
        cp /bin/busybox "$ROOT"/bin/busybox
        for name in $(/bin/busybox --list); do [ -e "$ROOT/bin/$name" ] || ln -s busybox "$ROOT/bin/$name"; done
        printf 'root:x:0:0:root:/:/bin/sh\n' > "$ROOT"/etc/passwd
        printf '#!/bin/sh\necho "admin of $(hostname)"\ncat /etc/proxysql.cnf\n' > "$ROOT"/admin
        printf '#!/bin/sh\necho "mysql of $(hostname)"\n' > "$ROOT"/mysql
        cat > "$ROOT"/proxysql <<'SH'
#!/bin/sh
nc -ll -p 6032 -e /admin & admin=$!
nc -ll -p 6033 -e /mysql & mysql=$!
# Ends as a good server does: serves on until nobody is sent here any more.
trap 'sleep 2; kill $admin $mysql; exit 0' TERM
wait
SH
        chmod 0755 "$ROOT"/admin "$ROOT"/mysql
        chmod 0755 "$ROOT"/proxysql
    "#,
    config: &["--config.cmd=/proxysql", "--config.env=PATH=/bin"],
};

/// A recipe and the name it stands for.
pub struct Image {
    pub name: &'static str,
    pub recipe: Recipe,
}

/// Every stand-in, as a registry serves it in place of docker.io.
pub const ALL: &[Image] = &[
    Image { name: "library/busybox:1", recipe: BUSYBOX },
    Image { name: "library/nginx:1.15", recipe: NGINX },
    Image { name: "library/nextcloud:14.0-fpm", recipe: NEXTCLOUD },
    Image { name: "library/matomo:3.7", recipe: MATOMO },
    Image { name: "severalnines/proxysql:1.4.12", recipe: PROXYSQL },
];

impl Recipe {
    /// The OCI layout with the image's tag, `<folder>:<name>`; built if this recipe was not built before.
    pub fn layout(&self) -> PathBuf {
        static ONE: Mutex<()> = Mutex::new(());
        let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let place = cache().join("images").join(format!("{}-{:016x}", self.name, self.fingerprint()));
        if !place.join("index.json").exists() {
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

    /// A tar of the layout for `barque image import`.
    pub fn archive(&self) -> PathBuf {
        let layout = self.layout();
        let archive = layout.with_extension("tar");
        if !archive.exists() {
            let beside = layout.with_extension(format!("tar.{}", std::process::id()));
            run(Command::new("tar").arg("-cf").arg(&beside).arg("-C").arg(&layout).arg(".")).expect_ok();
            std::fs::rename(&beside, &archive).expect("both are below target");
        }
        archive
    }

    fn build(&self, work: &Path) {
        let tar = work.join("root.tar");
        let bundle = work.join("bundle");
        let layout = work.join("layout");
        let image = format!("{}:{}", layout.display(), self.name);
        umoci(&["init", "--layout", &layout.display().to_string()]);
        umoci(&["new", "--image", &image]);
        umoci(&["unpack", "--image", &image, &bundle.display().to_string()]);
        let root = bundle.join("rootfs");
        if !self.packages.is_empty() {
            let packages = self.packages.join(",");
            run(Command::new("mmdebstrap")
                .args(["--quiet", "--variant=essential", "--dpkgopt=path-exclude=/usr/share/doc/*"])
                .arg(format!("--include={packages}"))
                .arg(debian())
                .arg(&tar))
            .expect_ok();
            run(Command::new("tar").arg("-xf").arg(&tar).arg("-C").arg(&root).args(["--exclude=./dev/*"])).expect_ok();
        }
        run(Command::new("sh").args(["-euc", self.script]).env("ROOT", &root)).expect_ok();
        umoci(&["repack", "--image", &image, &bundle.display().to_string()]);
        let arguments: Vec<&str> =
            ["config", "--image", &image].into_iter().chain(self.config.iter().copied()).collect();
        umoci(&arguments);
    }

    fn fingerprint(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut text = String::new();
        // Writing to a string cannot fail.
        _ = write!(text, "{:?}{}{:?}{}", self.packages, self.script, self.config, debian());
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        hasher.finish()
    }
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
