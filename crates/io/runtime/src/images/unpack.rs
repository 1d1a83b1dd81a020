//! Unpacks one layer into a folder that overlayfs can use as a lower directory.
//!
//! Invariants
//! - Nothing outside of the target folder is read, made or changed, whatever the archive says.
//! - Both digests are computed in the same pass over the data; the caller compares them before using the folder.
//! - Whiteouts become overlayfs' own: character device 0:0, and the opaque attribute.

use super::confined::{Root, clean};
use super::digest::HashingReader;
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io::{self, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tar::EntryType;

/// Entries of one layer, at most: far above real images, and bounds the time a hostile one can take.
const MAX_ENTRIES: u64 = 4_000_000;
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
const OPAQUE_ATTRIBUTE: &str = "trusted.overlay.opaque";

#[derive(Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Digest of the stream as it came.
    pub digest: String,
    /// Digest of the uncompressed archive.
    pub diff_id: String,
    /// Bytes of regular files.
    pub size: u64,
}

/// Reads a layer (plain, gzip or zstd, recognised by its first bytes) and unpacks it into `target`, which exists.
pub fn layer(stream: impl Read, target: &Path) -> Result<Unpacked, String> {
    let damaged = |e: io::Error| format!("cannot read it: {e}");
    let mut reader = BufReader::with_capacity(64 << 10, HashingReader::new(stream));
    let magic = peek(&mut reader).map_err(damaged)?;
    let compressed: &mut dyn Read = &mut reader;
    let (diff_id, size) = if magic.starts_with(&[0x1f, 0x8b]) {
        archive(flate2::read::MultiGzDecoder::new(compressed), target)?
    } else if magic == [0x28, 0xb5, 0x2f, 0xfd] {
        archive(zstd::stream::read::Decoder::new(compressed).map_err(damaged)?, target)?
    } else {
        archive(compressed, target)?
    };
    io::copy(&mut reader, &mut io::sink()).map_err(damaged)?;
    let (digest, _) = reader.into_inner().finish().map_err(damaged)?;
    Ok(Unpacked { digest, diff_id, size })
}

fn peek<R: Read>(reader: &mut BufReader<R>) -> io::Result<Vec<u8>> {
    Ok(io::BufRead::fill_buf(reader)?.iter().take(4).copied().collect())
}

fn archive(stream: impl Read, target: &Path) -> Result<(String, u64), String> {
    let mut hashing = HashingReader::new(stream);
    let mut layer = Layer { root: Root::open(target).map_err(|e| e.to_string())?, folders: Vec::new(), size: 0 };
    {
        let mut archive = tar::Archive::new(&mut hashing);
        let entries = archive.entries().map_err(|e| format!("not a tar archive: {e}"))?;
        for (count, entry) in entries.enumerate() {
            if count as u64 >= MAX_ENTRIES {
                return Err(format!("more than {MAX_ENTRIES} entries"));
            }
            let mut entry = entry.map_err(|e| format!("damaged archive: {e}"))?;
            layer.entry(&mut entry)?;
        }
    }
    layer.finish_folders()?;
    let (diff_id, _) = hashing.finish().map_err(|e| format!("damaged stream: {e}"))?;
    Ok((diff_id, layer.size))
}

struct Layer {
    root: Root,
    /// Folders get their times last: making entries in them changes those.
    folders: Vec<(PathBuf, i64)>,
    size: u64,
}

/// What an entry says besides its contents.
struct Meta {
    mode: u32,
    uid: u32,
    gid: u32,
    mtime: i64,
    attributes: Vec<(String, Vec<u8>)>,
}

impl Layer {
    fn entry<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<(), String> {
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader) {
            return Ok(());
        }
        let raw = PathBuf::from(OsStr::from_bytes(&entry.path_bytes()));
        let path = clean(&raw)?;
        if let Some(name) = path.file_name().map(OsStr::as_bytes)
            && name.starts_with(WHITEOUT)
        {
            return self.whiteout(&path, name);
        }
        let meta = meta(entry).map_err(|e| format!("{raw:?}: {e}"))?;
        self.make(entry, kind, &path, &meta).map_err(|e| format!("{raw:?}: {e}"))
    }

    fn whiteout(&mut self, path: &Path, name: &[u8]) -> Result<(), String> {
        let folder_path = path.parent().unwrap_or(Path::new(""));
        if name == OPAQUE {
            let fd = match self.root.parent(path).map_err(|e| through(path, e))? {
                Some((folder, _)) => proc_path(folder),
                None => return Ok(()),
            };
            return rustix::fs::setxattr(&fd, OPAQUE_ATTRIBUTE, b"y", XattrFlags::empty())
                .map_err(|e| format!("cannot mark {folder_path:?} opaque: {e}"));
        }
        if name.starts_with(b".wh..wh.") {
            return Ok(()); // aufs' own bookkeeping
        }
        let hidden = &name[WHITEOUT.len()..];
        if hidden.is_empty() || hidden == b"." || hidden == b".." {
            return Err(format!("whiteout {path:?} names nothing inside of the image"));
        }
        let hidden = OsStr::from_bytes(hidden);
        let parent = self.root.parent(path).map_err(|e| through(path, e))?;
        let Some((folder, _)) = parent else { return Ok(()) };
        if Root::kind(folder, hidden).map_err(|e| e.to_string())?.is_some() {
            return Ok(()); // this same layer brings it: whiteouts speak of lower layers only
        }
        rustix::fs::mknodat(folder, hidden, FileType::CharacterDevice, Mode::empty(), 0)
            .map_err(|e| format!("cannot make the whiteout of {path:?}: {e}"))
    }

    fn make<R: Read>(
        &mut self,
        entry: &mut tar::Entry<'_, R>,
        kind: EntryType,
        path: &Path,
        meta: &Meta,
    ) -> Result<(), String> {
        if path.as_os_str().is_empty() {
            return match kind {
                EntryType::Directory => self.folder_meta(path, meta),
                _ => Err("the root of an image must be a folder".into()),
            };
        }
        let link = link_target(entry, kind)?;
        let over_whiteout = self.clear(path, kind)?;
        let Some((folder, name)) = self.root.parent(path).map_err(|e| through(path, e))? else { return Ok(()) };
        let text = |e: Errno| e.to_string();
        match kind {
            EntryType::Directory => {
                match rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(text(error)),
                }
                if over_whiteout {
                    let inner = rustix::fs::openat(folder, name, FOLDER, Mode::empty()).map_err(text)?;
                    rustix::fs::setxattr(proc_path(inner.as_fd()), OPAQUE_ATTRIBUTE, b"y", XattrFlags::empty())
                        .map_err(text)?;
                }
                self.folders.push((path.to_path_buf(), meta.mtime));
                return self.folder_meta(path, meta);
            }
            EntryType::Symlink => {
                let target = link.ok_or("symbolic link without target")?;
                rustix::fs::symlinkat(&target, folder, name).map_err(text)?;
            }
            EntryType::Link => return self.hard_link(path, &link.ok_or("hard link without target")?),
            EntryType::Block | EntryType::Char | EntryType::Fifo => {
                let file_type = match kind {
                    EntryType::Block => FileType::BlockDevice,
                    EntryType::Char => FileType::CharacterDevice,
                    _ => FileType::Fifo,
                };
                let number = |n: io::Result<Option<u32>>| n.ok().flatten().unwrap_or(0);
                let device =
                    rustix::fs::makedev(number(entry.header().device_major()), number(entry.header().device_minor()));
                rustix::fs::mknodat(folder, name, file_type, Mode::from_raw_mode(meta.mode), device).map_err(text)?;
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let file = rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(0o600)).map_err(text)?;
                self.size += write_file(entry, std::fs::File::from(file))?;
            }
            other => return Err(format!("unsupported kind of entry {:?}", other.as_byte() as char)),
        }
        self.leaf_meta(path, kind, meta)
    }

    /// Makes room for an entry. True when there was a whiteout and a folder comes in its place.
    fn clear(&mut self, path: &Path, kind: EntryType) -> Result<bool, String> {
        let Some((folder, name)) = self.root.parent(path).map_err(|e| through(path, e))? else { return Ok(false) };
        let found = Root::kind(folder, name).map_err(|e| e.to_string())?;
        match found {
            None => Ok(false),
            Some(FileType::Directory) if kind.is_dir() => Ok(false),
            Some(was) => {
                Root::remove(folder, name).map_err(|e| format!("cannot replace: {e}"))?;
                if was == FileType::Directory || was == FileType::Symlink {
                    self.root.forget();
                    self.folders.retain(|(known, _)| !known.starts_with(path));
                }
                Ok(was == FileType::CharacterDevice && kind.is_dir())
            }
        }
    }

    fn hard_link(&mut self, path: &Path, target: &Path) -> Result<(), String> {
        let cleaned = clean(target).map_err(|e| format!("hard link: {e}"))?;
        let missing = |e: Errno| match e {
            Errno::NOENT | Errno::NOTDIR => format!("hard link to {target:?}, which is not in this layer"),
            other => format!("hard link to {target:?}: {other}"),
        };
        let source_folder = self.root.folder(&or_dot(cleaned.parent())).map_err(missing)?;
        let source_name = cleaned.file_name().ok_or("hard link to the root of the image")?;
        if Root::kind(source_folder.as_fd(), source_name).map_err(missing)? == Some(FileType::Directory) {
            return Err(format!("hard link to the folder {target:?}"));
        }
        let Some((folder, name)) = self.root.parent(path).map_err(|e| through(path, e))? else { return Ok(()) };
        rustix::fs::linkat(&source_folder, source_name, folder, name, AtFlags::empty()).map_err(missing)
    }

    fn folder_meta(&mut self, path: &Path, meta: &Meta) -> Result<(), String> {
        let fd = self.root.folder(&or_dot(Some(path))).map_err(|e| e.to_string())?;
        let text = |e: Errno| e.to_string();
        let at = proc_path(fd.as_fd());
        rustix::fs::chown(&at, Some(Uid::from_raw(meta.uid)), Some(Gid::from_raw(meta.gid))).map_err(text)?;
        rustix::fs::chmod(&at, Mode::from_raw_mode(meta.mode & 0o7777)).map_err(text)?;
        set_attributes(&at, &meta.attributes)
    }

    fn leaf_meta(&mut self, path: &Path, kind: EntryType, meta: &Meta) -> Result<(), String> {
        let Some((folder, name)) = self.root.parent(path).map_err(|e| through(path, e))? else { return Ok(()) };
        let text = |e: Errno| e.to_string();
        let owner = (Some(Uid::from_raw(meta.uid)), Some(Gid::from_raw(meta.gid)));
        rustix::fs::chownat(folder, name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW).map_err(text)?;
        if !kind.is_symlink() {
            // Never a link: `make` has just made this very entry.
            rustix::fs::chmodat(folder, name, Mode::from_raw_mode(meta.mode & 0o7777), AtFlags::empty())
                .map_err(text)?;
            if !meta.attributes.is_empty() {
                let fd = rustix::fs::openat(folder, name, LEAF, Mode::empty()).map_err(text)?;
                set_attributes(&proc_path(fd.as_fd()), &meta.attributes)?;
            }
        }
        set_time(folder, name, meta.mtime)
    }

    fn finish_folders(&mut self) -> Result<(), String> {
        for (path, mtime) in std::mem::take(&mut self.folders).iter().rev() {
            if let Ok(Some((folder, name))) = self.root.parent(path) {
                set_time(folder, name, *mtime)?;
            }
        }
        Ok(())
    }
}

const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const LEAF: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn or_dot(path: Option<&Path>) -> PathBuf {
    match path {
        Some(path) if !path.as_os_str().is_empty() => path.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Attribute calls know no `*at` form: this names an open `O_PATH` file.
fn proc_path(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

fn through(path: &Path, error: Errno) -> String {
    match error {
        Errno::NOTDIR | Errno::LOOP => {
            format!("{path:?} goes through something that is not a folder inside of the image")
        }
        other => format!("{path:?}: {other}"),
    }
}

fn set_time(folder: BorrowedFd<'_>, name: &OsStr, mtime: i64) -> Result<(), String> {
    let time = Timespec { tv_sec: mtime, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(folder, name, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| e.to_string())
}

/// The overlay's own attributes are not an image's business: they could redirect lookups.
fn set_attributes(at: &str, attributes: &[(String, Vec<u8>)]) -> Result<(), String> {
    for (name, value) in attributes {
        if name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.") {
            continue;
        }
        match rustix::fs::setxattr(at, name.as_str(), value, XattrFlags::empty()) {
            // File systems without that kind of attribute: as containerd, go on without.
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            Err(error) => return Err(format!("cannot set attribute {name}: {error}")),
        }
    }
    Ok(())
}

fn write_file<R: Read>(entry: &mut tar::Entry<'_, R>, mut file: std::fs::File) -> Result<u64, String> {
    let copied = io::copy(entry, &mut file).map_err(|e| format!("cannot write: {e}"))?;
    file.flush().map_err(|e| e.to_string())?;
    Ok(copied)
}

fn link_target<R: Read>(entry: &tar::Entry<'_, R>, kind: EntryType) -> Result<Option<PathBuf>, String> {
    if !(kind.is_symlink() || kind.is_hard_link()) {
        return Ok(None);
    }
    Ok(entry.link_name_bytes().map(|bytes| PathBuf::from(OsStr::from_bytes(&bytes))))
}

fn meta<R: Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<Meta> {
    let header = entry.header();
    let mut meta = Meta {
        mode: header.mode()?,
        uid: header.uid()? as u32,
        gid: header.gid()? as u32,
        mtime: header.mtime().unwrap_or(0) as i64,
        attributes: Vec::new(),
    };
    let Some(extensions) = entry.pax_extensions()? else { return Ok(meta) };
    for extension in extensions {
        let extension = extension?;
        let (Ok(key), value) = (extension.key(), extension.value_bytes()) else { continue };
        let number = || std::str::from_utf8(value).ok().and_then(|v| v.split('.').next()?.parse::<i64>().ok());
        match key {
            "uid" => meta.uid = number().unwrap_or(meta.uid as i64) as u32,
            "gid" => meta.gid = number().unwrap_or(meta.gid as i64) as u32,
            "mtime" => meta.mtime = number().unwrap_or(meta.mtime),
            _ => {
                if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
                    meta.attributes.push((name.to_string(), value.to_vec()));
                }
            }
        }
    }
    Ok(meta)
}

/// Folder for scratch use by callers that have a path only.
pub fn remove_folder(path: &Path) -> io::Result<()> {
    let Some(name) = path.file_name() else { return Ok(()) };
    let parent = path.parent().unwrap_or(Path::new("/"));
    let fd = match rustix::fs::openat(CWD, parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        other => other?,
    };
    Ok(Root::remove(fd.as_fd(), name)?)
}
