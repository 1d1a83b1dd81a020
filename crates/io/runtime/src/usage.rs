//! What a folder takes on its disk. The pods that fill it are not ours to trust: a tree may be of any depth, and a file
//! may have many names.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes of everything below the folder, itself included: each file once, however many names it has, and nothing that is
/// mounted there. Walks it: costs time with many files, so it is not for a runtime's thread. Folders that are still to be
/// read wait on the heap and one is open at a time; what waits is bounded by the inodes of the one file system.
///
/// Upstream: `pkg/volume/util/fs` (`DiskUsage`).
pub fn disk_usage(folder: &Path) -> u64 {
    let Ok(root) = std::fs::symlink_metadata(folder) else { return 0 };
    let mut bytes = root.blocks() * 512;
    let mut linked = HashSet::new();
    let mut folders: Vec<_> = root.is_dir().then(|| folder.to_path_buf()).into_iter().collect();
    while let Some(folder) = folders.pop() {
        // What goes away meanwhile takes nothing.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.dev() != root.dev() {
                continue;
            }
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.nlink() > 1 && !linked.insert(metadata.ino()) {
                continue;
            }
            bytes += metadata.blocks() * 512;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("barque-usage-{name}-{}", std::process::id()));
        _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_file_with_many_names_counts_once() {
        let folder = scratch("links");
        std::fs::create_dir(folder.join("a")).unwrap();
        std::fs::write(folder.join("a/file"), vec![1; 1 << 20]).unwrap();
        let alone = disk_usage(&folder);
        assert!((1 << 20..2 << 20).contains(&alone), "{alone}");
        for name in ["a/again", "other", "third"] {
            std::fs::hard_link(folder.join("a/file"), folder.join(name)).unwrap();
        }
        // Names may make the folders themselves grow, by no more than a block or two.
        assert!(disk_usage(&folder) < alone + (64 << 10), "{} after {alone}", disk_usage(&folder));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_deep_tree_is_walked_to_its_end() {
        let folder = scratch("deep");
        // As deep as a path may be long.
        let deepest = (0..1900).fold(folder.clone(), |path, _| path.join("d"));
        std::fs::create_dir_all(&deepest).unwrap();
        let before = disk_usage(&folder);
        std::fs::write(deepest.join("f"), vec![1; 1 << 20]).unwrap();
        assert!(disk_usage(&folder) >= before + (1 << 20));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn links_and_what_is_not_there_take_nothing_of_what_they_name() {
        let folder = scratch("symlinks");
        let before = disk_usage(&folder);
        std::os::unix::fs::symlink("/", folder.join("all")).unwrap();
        assert!(disk_usage(&folder) <= before + (64 << 10));
        assert_eq!(disk_usage(&folder.join("none")), 0);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
