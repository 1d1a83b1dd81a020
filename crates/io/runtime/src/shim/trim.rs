//! Gives memory back while nothing happens: pages of program and libraries that were touched by what is done now.
//!
//! They stay in the page cache, which all shims share; touching them again costs microseconds.

use nix::libc;

/// Drops mapped pages that the kernel can bring back from their files, and free heap.
///
/// Only mappings without a single page of our own (`Anonymous: 0`): those are byte for byte what the file says.
/// Relocated data and variables are never touched.
pub fn trim() {
    let Ok(maps) = std::fs::read_to_string("/proc/self/smaps") else { return };
    for (start, length) in clean_file_mappings(&maps) {
        // SAFETY: the range is a whole mapping of ours that is backed by a file and has no private pages; the process
        // has one thread, so nobody has written to it since it was looked at.
        unsafe { libc::madvise(start as *mut libc::c_void, length, libc::MADV_DONTNEED) };
    }
    // SAFETY: has no preconditions.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0)
    };
}

/// Address and length of the file mappings in `smaps` that hold no private pages.
fn clean_file_mappings(smaps: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut current = None;
    for line in smaps.lines() {
        if let Some(value) = line.strip_prefix("Anonymous:") {
            if let Some(range) = current.take().filter(|_| value.trim() == "0 kB") {
                found.push(range);
            }
        } else if line.as_bytes().first().is_some_and(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()) {
            current = file_mapping(line);
        }
    }
    found
}

/// `start-end perms offset device inode path`: private and with a path.
fn file_mapping(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_whitespace();
    let (range, permissions) = (fields.next()?, fields.next()?);
    let path = fields.nth(3)?;
    let (start, end) = range.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    (path.starts_with('/') && permissions.starts_with('r') && permissions.ends_with('p')).then(|| (start, end - start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_only_what_files_can_bring_back() {
        let smaps = "\
5600-5700 r-xp 00001000 fd:00 12 /usr/bin/barque\nSize: 4 kB\nRss: 4 kB\nAnonymous:             0 kB\n\
5700-5800 r--p 00002000 fd:00 12 /usr/bin/barque\nAnonymous:             4 kB\n\
5800-5900 rw-p 00000000 00:00 0 [heap]\nAnonymous:             0 kB\n\
5900-5a00 rw-p 00000000 00:00 0\nAnonymous:             0 kB\n\
5a00-5c00 r--p 00000000 fd:00 13 /lib/libc.so.6\nAnonymous:             0 kB\n\
ffff-ffff r-xp 00000000 00:00 0 [vdso]\nAnonymous:             0 kB\n";
        assert_eq!(clean_file_mappings(smaps), [(0x5600, 0x100), (0x5a00, 0x200)]);
    }
}
