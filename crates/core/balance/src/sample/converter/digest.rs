//! Cryptographic digests and codes made with them (RFC 2104).

use crate::sample::args::{Arg, Kind, NONE, spec};
use crate::sample::keyword::{Converter, converter};
use crate::sample::{Env, Type, Value, Var};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::Digest;

pub const CONVERTERS: &[Converter] = &[
    converter("sha1", NONE, Type::Bin, Type::Bin, |value, _| {
        Some(Value::bin(Algorithm::Sha1.digest(&[&value.into_raw()])))
    }),
    converter("sha2", spec(0, &[Kind::Int]), Type::Bin, Type::Bin, |value, call| {
        let algorithm = Algorithm::sha2(call.int(0).unwrap_or(256))?;
        Some(Value::bin(algorithm.digest(&[&value.into_raw()])))
    })
    .checked(check_sha2),
    converter("digest", spec(1, &[Kind::Str]), Type::Bin, Type::Bin, |value, call| {
        Some(Value::bin(Algorithm::parse(call.text(0)?)?.digest(&[&value.into_raw()])))
    })
    .checked(check_algorithm),
    converter("hmac", spec(2, &[Kind::Str, Kind::Str]), Type::Bin, Type::Bin, |value, call| {
        let algorithm = Algorithm::parse(call.text(0)?)?;
        let key = match call.args.get(1)? {
            // A variable's content is coded as a text would be.
            Arg::Var(_) => STANDARD.decode(call.bytes(1)?).ok()?,
            _ => call.bytes(1)?.into_owned(),
        };
        Some(Value::bin(algorithm.hmac(&key, &value.into_raw())))
    })
    .checked(check_hmac),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    /// OpenSSL's names; those of other digests are not known.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "md5" => Self::Md5,
            "sha1" | "sha-1" => Self::Sha1,
            "sha224" | "sha-224" | "sha2-224" => Self::Sha224,
            "sha256" | "sha-256" | "sha2-256" => Self::Sha256,
            "sha384" | "sha-384" | "sha2-384" => Self::Sha384,
            "sha512" | "sha-512" | "sha2-512" => Self::Sha512,
            _ => return None,
        })
    }

    pub fn sha2(bits: i64) -> Option<Self> {
        Some(match bits {
            224 => Self::Sha224,
            256 => Self::Sha256,
            384 => Self::Sha384,
            512 => Self::Sha512,
            _ => return None,
        })
    }

    /// Of several pieces, as if they were one.
    pub fn digest(self, pieces: &[&[u8]]) -> Vec<u8> {
        fn of<D: Digest>(pieces: &[&[u8]]) -> Vec<u8> {
            let mut digest = D::new();
            pieces.iter().for_each(|piece| digest.update(piece));
            digest.finalize().to_vec()
        }
        match self {
            Self::Md5 => of::<md5::Md5>(pieces),
            Self::Sha1 => of::<sha1::Sha1>(pieces),
            Self::Sha224 => of::<sha2::Sha224>(pieces),
            Self::Sha256 => of::<sha2::Sha256>(pieces),
            Self::Sha384 => of::<sha2::Sha384>(pieces),
            Self::Sha512 => of::<sha2::Sha512>(pieces),
        }
    }

    pub fn hmac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let block = if matches!(self, Self::Sha384 | Self::Sha512) { 128 } else { 64 };
        let mut pad = if key.len() > block { self.digest(&[key]) } else { key.to_vec() };
        pad.resize(block, 0);
        let inner: Vec<u8> = pad.iter().map(|byte| byte ^ 0x36).collect();
        let outer: Vec<u8> = pad.iter().map(|byte| byte ^ 0x5c).collect();
        self.digest(&[&outer, &self.digest(&[&inner, message])])
    }
}

fn check_sha2(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    match args.first() {
        Some(Arg::Int(bits)) if Algorithm::sha2(*bits).is_none() => {
            Err(format!("Unsupported number of bits: '{bits}'"))
        }
        _ => Ok(()),
    }
}

fn check_algorithm(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    match args.first() {
        Some(Arg::Text(name)) if Algorithm::parse(name).is_none() => {
            Err("algorithm must be a valid OpenSSL message digest name.".into())
        }
        _ => Ok(()),
    }
}

fn check_hmac(args: &mut [Arg], env: Env<'_>) -> Result<(), String> {
    check_algorithm(args, env)?;
    if let Some(Arg::Text(key)) = args.get(1) {
        args[1] = match (Var::parse(key), STANDARD.decode(key.as_bytes())) {
            (Ok(var), _) => Arg::Var(var),
            (_, Ok(key)) => Arg::Bytes(key.into()),
            _ => {
                let text = "failed to parse key : argument needs to be base64 encoded, \
                            and can either be a string or a variable";
                return Err(text.into());
            }
        };
    }
    Ok(())
}
