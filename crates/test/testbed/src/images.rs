//! Images built from Debian's packages and from files of this machine, as OCI layouts, kept in the cache by their recipe.
//!
//! Invariants
//! - No image holds the time at which it was made: the same files, packages and script give the same bytes. (What a package
//!   writes when it is installed is its own affair.)

mod archive;
mod sql_proxy;
mod writer;

pub use sql_proxy::sql_proxy;

use std::path::PathBuf;

/// How an image is made.
pub struct Recipe {
    pub name: &'static str,
    /// Debian packages; none builds on an empty root.
    pub packages: &'static [&'static str],
    /// Files of this machine: where each goes in the image, and where it lies here.
    pub files: Vec<(PathBuf, PathBuf)>,
    /// A shell script run with `$ROOT` set to the image's root folder.
    pub script: &'static str,
    /// Arguments of `umoci config`.
    pub config: &'static [&'static str],
}

/// Debian's static busybox with links for its programs. `busybox:1`
pub const BUSYBOX: Recipe = Recipe {
    name: "busybox",
    packages: &[],
    files: Vec::new(),
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
    files: Vec::new(),
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
    files: Vec::new(),
    script: include_str!("images/nextcloud.sh"),
    config: &["--config.entrypoint=/entrypoint.sh", "--config.workingdir=/var/www/html"],
};

/// A shell and a stand-in `php` for the matomo job.
pub const MATOMO: Recipe = Recipe {
    name: "matomo",
    packages: &["bash"],
    files: Vec::new(),
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
    files: Vec::new(),
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
