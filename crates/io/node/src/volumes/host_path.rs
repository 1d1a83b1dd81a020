//! `hostPath`: a file or folder of the node, checked for its type.
//!
//! Upstream: `pkg/volume/hostpath/host_path.go`.

use super::{Kind, Place, Ready};
use async_trait::async_trait;
use k8s_openapi::api::core::v1::Volume;
use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub(super) struct HostPath;

#[async_trait]
impl Kind for HostPath {
    fn handles(&self, volume: &Volume) -> bool {
        volume.host_path.is_some()
    }

    fn folder(&self, _: &Volume) -> String {
        "kubernetes.io~host-path".to_owned()
    }

    async fn set_up(&self, _: &Place<'_>, volume: &Volume) -> Result<Ready, String> {
        let source = volume.host_path.clone().unwrap_or_default();
        let path = PathBuf::from(&source.path);
        check(&path, source.type_.as_deref().unwrap_or_default())?;
        Ok(Ready { path, ..Ready::default() })
    }
}

/// Makes what may be made, and checks what must be there.
fn check(path: &Path, kind: &str) -> Result<(), String> {
    let shown = path.display();
    let made = match kind {
        // Without a type the runtime makes the folder that is missing.
        "" | "DirectoryOrCreate" if !path.exists() => make_folder(path),
        "FileOrCreate" if !path.exists() => make_file(path),
        _ => Ok(()),
    };
    made.map_err(|error| format!("hostPath type check failed: cannot make {shown}: {error}"))?;
    let meta = fs::metadata(path).ok();
    let is = |check: fn(&fs::Metadata) -> bool| meta.as_ref().is_some_and(check);
    let (fits, what) = match kind {
        "" => (true, ""),
        "Directory" | "DirectoryOrCreate" => (is(fs::Metadata::is_dir), "a directory"),
        "File" | "FileOrCreate" => (is(fs::Metadata::is_file), "a file"),
        "Socket" => (is(|meta| meta.file_type().is_socket()), "a socket file"),
        "CharDevice" => (is(|meta| meta.file_type().is_char_device()), "a character device"),
        "BlockDevice" => (is(|meta| meta.file_type().is_block_device()), "a block device"),
        other => return Err(format!("{other} is an invalid volume type")),
    };
    if fits { Ok(()) } else { Err(format!("hostPath type check failed: {shown} is not {what}")) }
}

fn make_folder(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn make_file(path: &Path) -> std::io::Result<()> {
    fs::File::create_new(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn types_are_checked() {
        let path = std::env::temp_dir().join(format!("host-path-{:x}", rand::random::<u64>()));
        let shown = path.display();
        let text = format!("hostPath type check failed: {shown} is not a directory");
        assert_eq!(check(&path, "Directory"), Err(text.clone()));
        check(&path, "FileOrCreate").unwrap();
        check(&path, "File").unwrap();
        assert_eq!(check(&path, "DirectoryOrCreate"), Err(text));
        assert_eq!(check(&path, "Socket"), Err(format!("hostPath type check failed: {shown} is not a socket file")));
        std::fs::remove_file(path).unwrap();
    }
}
