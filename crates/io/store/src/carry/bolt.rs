//! A bbolt database, written from front to end: etcd's file format, as far as a file needs it that nobody changes.
//!
//! Pages of 4 KiB: two copies of the header, an empty list of free pages, then B+ trees, leaves before branches, each filled
//! in order; last the tree of buckets. After the database its SHA-256, as in every snapshot of etcd's.
//!
//! Source: <https://github.com/etcd-io/bbolt>, `page.go`, `db.go` (version 2 of the format, the only one since 2014).

use aws_lc_rs::digest::{Context, SHA256};
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

const PAGE: usize = 4096;
const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
/// Of a page, and of one thing in it (leaf and branch alike).
const HEAD: usize = 16;
const ELEMENT: usize = 16;

const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const META: u16 = 0x04;
const FREE: u16 = 0x10;
/// The flag of a thing that is a bucket.
const BUCKET: u32 = 0x01;
/// Headers and the list of free pages.
const FIXED: u64 = 3;

type PageId = u64;

/// What a leaf or branch holds: key, and value or the page below.
enum Thing {
    Value { key: Vec<u8>, value: Vec<u8>, flags: u32 },
    Below { key: Vec<u8>, page: PageId },
}

/// The file (0600), which must not exist.
pub fn create(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).mode(0o600).open(path)
}

pub struct Writer {
    file: BufWriter<File>,
    next: PageId,
}

impl Writer {
    pub fn new(file: File) -> io::Result<Self> {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        file.write_all(&vec![0; PAGE * FIXED as usize])?;
        Ok(Self { file, next: FIXED })
    }

    /// Writes a tree of these, whose keys ascend; the page of its root. None: there is nothing in it.
    pub fn tree(
        &mut self,
        rows: impl IntoIterator<Item = io::Result<(Vec<u8>, Vec<u8>)>>,
    ) -> io::Result<Option<PageId>> {
        let things = rows.into_iter().map(|row| row.map(|(key, value)| Thing::Value { key, value, flags: 0 }));
        self.tree_of(things)
    }

    fn tree_of(&mut self, things: impl Iterator<Item = io::Result<Thing>>) -> io::Result<Option<PageId>> {
        let mut level = self.level(LEAF, things)?;
        while level.len() > 1 {
            let below = level.into_iter().map(|(key, page)| Ok(Thing::Below { key, page }));
            level = self.level(BRANCH, below)?;
        }
        Ok(level.pop().map(|(_, page)| page))
    }

    /// Pages filled in order; each one's first key and number.
    fn level(
        &mut self,
        kind: u16,
        things: impl Iterator<Item = io::Result<Thing>>,
    ) -> io::Result<Vec<(Vec<u8>, PageId)>> {
        let (mut pages, mut held, mut bytes) = (Vec::new(), Vec::new(), HEAD);
        for thing in things {
            let thing = thing?;
            // bbolt's own branches have two keys at least: one that has one is never asked to be split.
            if bytes + thing.size() > PAGE && held.len() >= least(kind) {
                pages.push(self.page(kind, &std::mem::take(&mut held))?);
                bytes = HEAD;
            }
            bytes += thing.size();
            held.push(thing);
        }
        if !held.is_empty() {
            pages.push(self.page(kind, &held)?);
        }
        Ok(pages)
    }

    /// Writes one page, with as many after it as it needs.
    fn page(&mut self, kind: u16, things: &[Thing]) -> io::Result<(Vec<u8>, PageId)> {
        let id = self.next;
        let bytes = content(things);
        let pages = (HEAD + bytes.len()).div_ceil(PAGE);
        self.file.write_all(&head(id, kind, things.len() as u16, pages as u32 - 1))?;
        self.file.write_all(&bytes)?;
        self.file.write_all(&vec![0; pages * PAGE - HEAD - bytes.len()])?;
        self.next += pages as u64;
        Ok((things[0].key().to_vec(), id))
    }

    /// Writes the tree of buckets (in the order of their names; no root: empty), the headers and the checksum, and syncs.
    pub fn finish(mut self, buckets: &[(&str, Option<PageId>)]) -> io::Result<()> {
        let things = buckets.iter().map(|(name, root)| {
            Ok(Thing::Value { key: name.as_bytes().to_vec(), value: bucket(*root), flags: BUCKET })
        });
        let root = self.tree_of(things)?.ok_or_else(|| io::Error::other("a database without buckets"))?;
        let end = self.next;
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        for id in 0..2 {
            file.write_all(&padded([head(id, META, 0, 0), meta(id, root, end)].concat()))?;
        }
        file.write_all(&padded(head(2, FREE, 0, 0)))?;
        let sum = sum(&mut file)?;
        file.write_all(&sum)?;
        file.sync_all()
    }
}

impl Thing {
    fn key(&self) -> &[u8] {
        let (Self::Value { key, .. } | Self::Below { key, .. }) = self;
        key
    }

    fn size(&self) -> usize {
        let value = if let Self::Value { value, .. } = self { value.len() } else { 0 };
        ELEMENT + self.key().len() + value
    }
}

const fn least(kind: u16) -> usize {
    if kind == BRANCH { 2 } else { 1 }
}

fn head(id: PageId, kind: u16, count: u16, overflow: u32) -> Vec<u8> {
    [&id.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &overflow.to_le_bytes()].concat()
}

/// Elements, then what they point to, counted from each element's own place.
fn content(things: &[Thing]) -> Vec<u8> {
    let (mut elements, mut data) = (Vec::new(), Vec::new());
    for (place, thing) in things.iter().enumerate() {
        let at = ((things.len() - place) * ELEMENT + data.len()) as u32;
        let key = thing.key();
        let length = (key.len() as u32).to_le_bytes();
        data.extend_from_slice(key);
        match thing {
            Thing::Value { value, flags, .. } => {
                let value_length = (value.len() as u32).to_le_bytes();
                elements.extend([flags.to_le_bytes(), at.to_le_bytes(), length, value_length].concat());
                data.extend_from_slice(value);
            }
            Thing::Below { page, .. } => {
                elements.extend([&at.to_le_bytes()[..], &length, &page.to_le_bytes()].concat());
            }
        }
    }
    elements.append(&mut data);
    elements
}

/// A bucket's value: its root and sequence; an empty one has its only page in it.
fn bucket(root: Option<PageId>) -> Vec<u8> {
    let value = [root.unwrap_or(0).to_le_bytes(), 0_u64.to_le_bytes()].concat();
    if root.is_some() { value } else { [value, head(0, LEAF, 0, 0)].concat() }
}

/// The header: of two, the one of the later transaction counts.
fn meta(transaction: u64, root: PageId, end: PageId) -> Vec<u8> {
    let words = [MAGIC, VERSION, PAGE as u32, 0].map(u32::to_le_bytes).concat();
    let numbers = [root, 0, 2, end, transaction].map(u64::to_le_bytes).concat();
    let mut meta = [words, numbers].concat();
    let checksum = fnv1a(&meta);
    meta.extend(checksum.to_le_bytes());
    meta
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

fn padded(mut page: Vec<u8>) -> Vec<u8> {
    page.resize(PAGE, 0);
    page
}

/// Leaves the file at its end.
fn sum(file: &mut File) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(0))?;
    let mut context = Context::new(&SHA256);
    let mut part = vec![0; 1 << 20];
    loop {
        match file.read(&mut part)? {
            0 => return Ok(context.finish().as_ref().to_vec()),
            length => context.update(&part[..length]),
        }
    }
}
