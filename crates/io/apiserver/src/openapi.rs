//! OpenAPI documents of what is served now: made when somebody asks, kept packed for the next.
//!
//! Invariants
//! - A document's hash is that of what it describes, so that the index costs no documents.
//! - At most [`KEPT`] documents are held, gzipped; they are megabytes when unpacked.
//!
//! Upstream: `kube-openapi/pkg/handler`, `handler3`.

use crate::registry::Table;
use crate::version;
use apimachinery::{ApiError, ApiResult, Value};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use schema::openapi::{self, Served};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// Documents kept: the two forms of v2, and the few groups clients look at again and again.
const KEPT: usize = 6;

/// Which document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    V2,
    V2Protobuf,
    V3 { group: String, version: String },
}

/// A document as it is kept.
#[derive(Debug, Clone)]
pub struct Document {
    pub hash: String,
    pub gzipped: Bytes,
}

#[derive(Default)]
pub struct Documents {
    /// The one asked for last at the end.
    kept: Mutex<Vec<(Which, Document)>>,
}

impl Documents {
    /// The document of this table. None: there is no such group and version.
    ///
    /// # Errors
    /// If building fails.
    pub async fn get(&self, table: &Table, which: Which) -> ApiResult<Option<Document>> {
        let served = served(table);
        let hash = match &which {
            Which::V3 { group, version } => hash_of(&served, |one| one.group == *group && one.version == *version),
            _ => hash_of(&served, |_| true),
        };
        if let Some(document) = self.kept(&which, &hash) {
            return Ok(Some(document));
        }
        let wanted = which.clone();
        let built = tokio::task::spawn_blocking(move || build(&wanted, &served));
        let Some(gzipped) = built.await.map_err(ApiError::internal)? else { return Ok(None) };
        let document = Document { hash, gzipped };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(other, _)| *other != which);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((which, document.clone()));
        Ok(Some(document))
    }

    fn kept(&self, which: &Which, hash: &str) -> Option<Document> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(other, document)| other == which && document.hash == hash)?;
        let entry = kept.remove(at);
        let document = entry.1.clone();
        kept.push(entry);
        Some(document)
    }
}

/// `/openapi/v3`: where each group and version is described, with the hash of what is described.
pub fn index(table: &Table) -> Value {
    let served = served(table);
    let mut paths = BTreeMap::new();
    for one in &served {
        let name = openapi::v3_name(&one.group, &one.version);
        paths.entry(name.clone()).or_insert_with(|| {
            let hash = hash_of(&served, |other| other.group == one.group && other.version == one.version);
            json!({"serverRelativeURL": format!("/openapi/v3/{name}?hash={hash}")})
        });
    }
    json!({"paths": paths})
}

fn build(which: &Which, served: &[Served]) -> Option<Bytes> {
    let release = version::git_version();
    let document = match which {
        Which::V2 => openapi::v2(served, &release),
        Which::V2Protobuf => openapi::v2_protobuf(served, &release),
        Which::V3 { group, version } => openapi::v3(group, version, served, &release)?,
    };
    let mut packer = GzEncoder::new(Vec::with_capacity(document.len() / 8), Compression::fast());
    // Writing into memory cannot fail.
    _ = packer.write_all(&document);
    packer.finish().ok().map(Bytes::from)
}

fn served(table: &Table) -> Vec<Served> {
    table.all().map(|resource| resource.openapi()).collect()
}

fn hash_of(served: &[Served], of: impl Fn(&Served) -> bool) -> String {
    let mut hash = Sha256::new();
    hash.update(version::git_version());
    for one in served.iter().filter(|one| of(one)) {
        hash.update(format!("{one:?}"));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02X}")).collect()
}
