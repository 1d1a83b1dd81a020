//! Compresses a body as it passes (`compression algo`).

use balance::http::compression::Coding;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use std::io::{self, Write};

/// HAProxy's level: `tune.comp.maxlevel` is 1 by default.
const LEVEL: u32 = 1;

/// Each piece is flushed, so that a reader sees it at once.
pub enum Compressor {
    Identity,
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(ZlibEncoder<Vec<u8>>),
    RawDeflate(DeflateEncoder<Vec<u8>>),
}

impl Compressor {
    pub fn new(coding: Coding, level: Option<u32>) -> Self {
        let level = Compression::new(level.unwrap_or(LEVEL).clamp(1, 9));
        match coding {
            Coding::Identity => Self::Identity,
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), level)),
            Coding::Deflate => Self::Deflate(ZlibEncoder::new(Vec::new(), level)),
            Coding::RawDeflate => Self::RawDeflate(DeflateEncoder::new(Vec::new(), level)),
        }
    }

    pub fn write(&mut self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Identity => Ok(data.to_vec()),
            Self::Gzip(encoder) => piece(encoder, data).map(|()| std::mem::take(encoder.get_mut())),
            Self::Deflate(encoder) => piece(encoder, data).map(|()| std::mem::take(encoder.get_mut())),
            Self::RawDeflate(encoder) => piece(encoder, data).map(|()| std::mem::take(encoder.get_mut())),
        }
        .expect("writing to memory cannot fail")
    }

    /// What is left at the body's end. Not to be used afterwards.
    pub fn finish(&mut self) -> Vec<u8> {
        match std::mem::replace(self, Self::Identity) {
            Self::Identity => Ok(Vec::new()),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Deflate(encoder) => encoder.finish(),
            Self::RawDeflate(encoder) => encoder.finish(),
        }
        .expect("writing to memory cannot fail")
    }
}

fn piece(encoder: &mut impl Write, data: &[u8]) -> io::Result<()> {
    encoder.write_all(data)?;
    encoder.flush()
}
