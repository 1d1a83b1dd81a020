//! Stand-in flexVolume drivers in the folder the cluster looks in.

use crate::Cluster;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Mounts a folder of the host, `<cluster>/shared/<option path>`, as Rook's driver mounts a Ceph file system.
const BIND: &str = r#"#!/bin/sh
case "$1" in
init) echo '{"status":"Success","capabilities":{"attach":false}}' ;;
mount)
    path=$(printf '%s' "$3" | sed -n 's/.*"path":"\([^"]*\)".*/\1/p')
    mkdir -p "SHARED$path" "$2" && chmod 0777 "SHARED$path" && mount --bind "SHARED$path" "$2" &&
    echo '{"status":"Success"}' || echo '{"status":"Failure","message":"cannot bind"}' ;;
unmount) umount "$2" && echo '{"status":"Success"}' || echo '{"status":"Failure","message":"cannot unmount"}' ;;
*) echo '{"status":"Not supported"}' ;;
esac
"#;

/// Never answers a mount.
const HANGING: &str = r#"#!/bin/sh
case "$1" in
init) echo '{"status":"Success","capabilities":{"attach":false}}' ;;
mount) exec sleep 1000 ;;
*) echo '{"status":"Success"}' ;;
esac
"#;

impl Cluster {
    /// His driver, `ceph.rook.io/rook`.
    pub fn install_rook(&self) {
        let shared = self.folder().join("shared");
        self.install("ceph.rook.io~rook/rook", &BIND.replace("SHARED", &shared.display().to_string()));
    }

    /// A driver `test/hangs` whose mount call never ends.
    pub fn install_hanging_driver(&self) {
        self.install("test~hangs/hangs", HANGING);
    }

    /// What the stand-in driver mounts for this `path` option.
    pub fn shared(&self, path: &str) -> PathBuf {
        self.folder().join("shared").join(path.trim_start_matches('/'))
    }

    fn install(&self, place: &str, script: &str) {
        let file = self.folder().join("flex").join(place);
        std::fs::create_dir_all(file.parent().expect("a driver has a folder")).expect("a folder of the test");
        std::fs::write(&file, script).expect("a file of the test");
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).expect("a file of the test");
    }
}
