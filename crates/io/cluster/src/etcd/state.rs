//! What lies on the disk of a member: etcd's data, and beside it who we are in the cluster.
//!
//! The number that a cluster gave us is kept beside the data: a list of members then says if the data are still of use.
//! So is that etcd has run with it: without its data this number must not vote again, since it may have voted already.

use super::{MemberConfig, MemberError};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// `<data dir>.member` holds the number (hexadecimal) and, once etcd has run with it, this word.
const MEMBER: &str = "member";
const STARTED: &str = "started";

/// The files of one member.
pub struct Disk<'a>(pub &'a MemberConfig);

impl Disk<'_> {
    /// Whether etcd has begun to write there. Its log of writes appears whole, by a rename.
    pub fn has_data(&self) -> bool {
        self.0.data_dir.join("member/wal").is_dir()
    }

    /// Made if it is not there.
    pub fn make(&self) -> Result<(), MemberError> {
        use std::os::unix::fs::DirBuilderExt as _;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0.data_dir);
        made.map_err(|source| self.failed(&self.0.data_dir, source))
    }

    /// Who we are in the cluster, if that is known.
    pub fn id(&self) -> Result<Option<u64>, MemberError> {
        // Written by nobody but us: unreadable is unknown.
        Ok(self.words()?.first().and_then(|word| u64::from_str_radix(word, 16).ok()))
    }

    /// Who we are, before etcd runs.
    pub fn remember_added(&self, id: u64) -> Result<(), MemberError> {
        if self.id()? == Some(id) { Ok(()) } else { self.write(&format!("{id:x}\n")) }
    }

    /// Who we are, now that etcd runs.
    pub fn remember_started(&self, id: u64) -> Result<(), MemberError> {
        if self.id()? == Some(id) && self.was_started()? { Ok(()) } else { self.write(&format!("{id:x} {STARTED}\n")) }
    }

    /// # Errors
    /// If etcd has run here and its data are gone: it must not begin anew under the same number, nor a new cluster that
    /// passes for the old one.
    pub fn check_not_lost(&self) -> Result<(), MemberError> {
        if self.was_started()? && !self.has_data() {
            return Err(MemberError::DataLost { data_dir: self.0.data_dir.clone(), member: self.beside(MEMBER) });
        }
        Ok(())
    }

    /// Who we are, if etcd has run as that and its data are there.
    pub fn started_as(&self) -> Result<Option<u64>, MemberError> {
        if self.was_started()? && self.has_data() { self.id() } else { Ok(None) }
    }

    fn was_started(&self) -> Result<bool, MemberError> {
        Ok(self.words()?.get(1).is_some_and(|word| word == STARTED))
    }

    fn words(&self) -> Result<Vec<String>, MemberError> {
        let path = self.beside(MEMBER);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.split_whitespace().map(str::to_owned).collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(self.failed(&path, source)),
        }
    }

    fn write(&self, text: &str) -> Result<(), MemberError> {
        let path = self.beside(MEMBER);
        stdx::write_atomically(&path, text.as_bytes(), 0o600).map_err(|source| self.failed(&path, source))
    }

    /// Moves the data to `<data dir>.old` (over what was moved there before) and forgets who we were.
    pub fn put_aside(&self) -> Result<(), MemberError> {
        let old = self.beside("old");
        self.removed(&old, std::fs::remove_dir_all(&old))?;
        let moved = std::fs::rename(&self.0.data_dir, &old);
        self.removed(&self.0.data_dir, moved)?;
        self.forget()
    }

    /// Deletes the data.
    pub fn delete(&self) -> Result<(), MemberError> {
        let deleted = std::fs::remove_dir_all(&self.0.data_dir);
        // A file system of its own is emptied and stays.
        let stays = deleted.as_ref().is_err_and(|error| error.kind() == ErrorKind::ResourceBusy);
        if !stays || self.has_data() {
            self.removed(&self.0.data_dir, deleted)?;
        }
        self.forget()
    }

    /// Held by the one who runs the member; freed by the kernel when that one dies.
    pub fn lock(&self) -> Result<Option<File>, MemberError> {
        let path = self.beside("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|source| self.failed(&path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(source)) => Err(self.failed(&path, source)),
        }
    }

    /// `<data dir>.<what>`
    pub fn beside(&self, what: &str) -> PathBuf {
        let mut name = self.0.data_dir.clone().into_os_string();
        name.push(format!(".{what}"));
        name.into()
    }

    fn forget(&self) -> Result<(), MemberError> {
        let path = self.beside(MEMBER);
        self.removed(&path, std::fs::remove_file(&path))
    }

    /// What was not there need not be removed.
    fn removed(&self, path: &Path, result: std::io::Result<()>) -> Result<(), MemberError> {
        match result {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(self.failed(path, source)),
            _ => Ok(()),
        }
    }

    pub fn failed(&self, path: &Path, source: std::io::Error) -> MemberError {
        MemberError::File { path: path.to_owned(), source }
    }
}
