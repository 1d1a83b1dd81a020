//! Importing image archives: OCI layouts and `docker save` files, as tar or tar.gz.

use super::manifest::{ConfigFile, Descriptor, Manifest};
use super::reference::Reference;
use super::store::ImageStore;
use super::{Image, digest, unpack};
use crate::error::{Error, Result};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Manifests and configurations larger than this are refused: they are read into memory. Upstream's limit: 4 MiB.
const MAX_DOCUMENT: u64 = 4 << 20;
/// Nested indexes followed, at most.
const MAX_DEPTH: usize = 4;
const NAME_ANNOTATIONS: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerManifest {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// Reads the archive and adds its images. Blocks.
pub fn import(store: &ImageStore, path: &Path, tag: Option<Reference>) -> Result<Vec<Image>> {
    let scratch = store.scratch()?;
    let holder = format!("import:{}", scratch.display());
    let outcome = Archive::open(path, &scratch)
        .map_err(|problem| Error::BadArchive { path: path.into(), problem })
        .and_then(|archive| archive.import(store, path, tag, &holder));
    let _ = unpack::remove_folder(&scratch);
    store.release_blocking(&holder);
    outcome
}

/// An archive with the places of its files.
struct Archive {
    path: PathBuf,
    files: HashMap<String, (u64, u64)>,
    /// Names that are links to others, as `docker save` makes for shared layers.
    links: HashMap<String, String>,
}

impl Archive {
    fn open(path: &Path, scratch: &Path) -> Result<Self, String> {
        let text = |e: io::Error| e.to_string();
        let mut file = File::open(path).map_err(text)?;
        let mut magic = [0u8; 2];
        let got = file.read(&mut magic).map_err(text)?;
        file.rewind().map_err(text)?;
        let mut plain = path.to_path_buf();
        if got == 2 && magic == [0x1f, 0x8b] {
            plain = scratch.join("archive.tar");
            let mut out = File::create(&plain).map_err(text)?;
            io::copy(&mut flate2::read::MultiGzDecoder::new(BufReader::new(file)), &mut out).map_err(text)?;
        }
        let mut archive = tar::Archive::new(File::open(&plain).map_err(text)?);
        let (mut files, mut links) = (HashMap::new(), HashMap::new());
        let entries = archive.entries_with_seek().map_err(|e| format!("it is not a tar archive: {e}"))?;
        for entry in entries {
            let entry = entry.map_err(|e| format!("it is not a tar archive, or damaged: {e}"))?;
            let name = tidy(&entry.path().map_err(text)?);
            if entry.header().entry_type().is_symlink() || entry.header().entry_type().is_hard_link() {
                let target = entry.link_name().map_err(text)?.unwrap_or_default().into_owned();
                let base = Path::new(&name).parent().unwrap_or(Path::new(""));
                let target = if entry.header().entry_type().is_symlink() { base.join(target) } else { target };
                links.insert(name, tidy(&target));
            } else if entry.header().entry_type().is_file() {
                files.insert(name, (entry.raw_file_position(), entry.size()));
            }
        }
        Ok(Self { path: plain, files, links })
    }

    fn import(&self, store: &ImageStore, path: &Path, tag: Option<Reference>, holder: &str) -> Result<Vec<Image>> {
        let bad = |problem: String| Error::BadArchive { path: path.into(), problem };
        let found = if self.files.contains_key("index.json") {
            self.oci_images().map_err(bad)?
        } else if self.files.contains_key("manifest.json") {
            self.docker_images().map_err(bad)?
        } else {
            return Err(bad("it has neither index.json (OCI) nor manifest.json (docker save)".into()));
        };
        if found.is_empty() {
            return Err(bad("it holds no image".into()));
        }
        if tag.is_some() && found.len() > 1 {
            return Err(bad(format!("it holds {} images; a name can be given for one only", found.len())));
        }
        let mut images = Vec::new();
        for mut wanted in found {
            if let Some(tag) = &tag {
                wanted.names = vec![tag.to_string()];
            }
            images.push(self.import_one(store, wanted, holder, &bad)?);
        }
        Ok(images)
    }

    fn import_one(
        &self,
        store: &ImageStore,
        wanted: Wanted,
        holder: &str,
        bad: &dyn Fn(String) -> Error,
    ) -> Result<Image> {
        let names = full_names(&wanted.names).map_err(bad)?;
        let config_bytes = self.document(&wanted.config).map_err(bad)?;
        let id = digest::of(&config_bytes);
        let config = ConfigFile::parse(&config_bytes).map_err(bad)?;
        config.check_platform().map_err(bad)?;
        let layers = config.rootfs.diff_ids.clone();
        if layers.len() != wanted.layers.len() {
            return Err(bad(format!("{} layers, but {} diffIDs", wanted.layers.len(), layers.len())));
        }
        store.hold(holder, &layers);
        for ((name, digest), diff_id) in wanted.layers.iter().zip(&layers) {
            let lock = store.layer_lock(diff_id);
            let _guard = lock.blocking_lock();
            if !store.has_layer(diff_id) {
                let stream = self.open_file(name).map_err(bad)?;
                store.add_layer(stream, digest.as_deref(), diff_id)?;
            }
        }
        let repo_digests = match &wanted.manifest_digest {
            Some(digest) => names
                .iter()
                .filter_map(|n| Reference::parse(n).ok())
                .map(|r| format!("{}@{digest}", r.name()))
                .collect(),
            None => Vec::new(),
        };
        let config = config.run_config();
        let image = Image { id, repo_tags: names, repo_digests, size: 0, config, layers, pulled_at: Timestamp::now() };
        store.add_image(image)
    }

    fn oci_images(&self) -> Result<Vec<Wanted>, String> {
        let index = Manifest::parse(&self.document("index.json")?)?;
        let mut found: BTreeMap<String, Wanted> = BTreeMap::new();
        for descriptor in &index.manifests {
            let name = NAME_ANNOTATIONS.iter().find_map(|key| descriptor.annotations.get(*key)).cloned();
            let (digest, manifest) = match self.resolve(descriptor, 0) {
                Ok(found) => found,
                // One of several platforms without a name of its own.
                Err(_) if descriptor.platform.is_some() && index.manifests.len() > 1 => continue,
                Err(problem) => return Err(problem),
            };
            let config = manifest.config.ok_or("a manifest without configuration")?;
            if descriptor.platform.is_some() && index.manifests.len() > 1 {
                let config = ConfigFile::parse(&self.document(&blob(&config.digest)?)?)?;
                if config.check_platform().is_err() {
                    continue;
                }
            }
            let layers = manifest.layers.iter().map(|l| Ok((blob(&l.digest)?, Some(l.digest.clone()))));
            let wanted = Wanted {
                names: Vec::new(),
                config: blob(&config.digest)?,
                layers: layers.collect::<Result<_, String>>()?,
                manifest_digest: Some(digest.clone()),
            };
            found.entry(digest).or_insert(wanted).names.extend(name);
        }
        if found.is_empty() && !index.manifests.is_empty() {
            index.select()?;
        }
        Ok(found.into_values().collect())
    }

    /// Follows indexes down to the manifest for this machine, checking digests.
    fn resolve(&self, descriptor: &Descriptor, depth: usize) -> Result<(String, Manifest), String> {
        let bytes = self.document(&blob(&descriptor.digest)?)?;
        let real = digest::of(&bytes);
        if real != descriptor.digest {
            return Err(format!("digest mismatch: expected {}, the data is {real}", descriptor.digest));
        }
        let manifest = Manifest::parse(&bytes)?;
        if manifest.manifests.is_empty() {
            return if manifest.config.is_some() {
                Ok((real, manifest))
            } else {
                Err("a manifest without configuration".into())
            };
        }
        if depth >= MAX_DEPTH {
            return Err("indexes nested too deeply".into());
        }
        self.resolve(manifest.select()?, depth + 1)
    }

    fn docker_images(&self) -> Result<Vec<Wanted>, String> {
        let list: Vec<DockerManifest> = serde_json::from_slice(&self.document("manifest.json")?)
            .map_err(|e| format!("manifest.json is not valid: {e}"))?;
        let wanted = |m: DockerManifest| Wanted {
            names: m.repo_tags.unwrap_or_default(),
            config: m.config,
            layers: m.layers.into_iter().map(|name| (name, None)).collect(),
            manifest_digest: None,
        };
        Ok(list.into_iter().map(wanted).collect())
    }

    fn open_file(&self, name: &str) -> Result<impl Read + use<>, String> {
        let mut name = tidy(Path::new(name));
        for _ in 0..8 {
            match self.links.get(&name) {
                Some(target) => name = target.clone(),
                None => break,
            }
        }
        let (at, size) = *self.files.get(&name).ok_or_else(|| format!("{name} is missing in it"))?;
        let mut file = File::open(&self.path).map_err(|e| e.to_string())?;
        file.seek(SeekFrom::Start(at)).map_err(|e| e.to_string())?;
        Ok(file.take(size))
    }

    fn document(&self, name: &str) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        self.open_file(name)?.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        if bytes.len() as u64 > MAX_DOCUMENT {
            Err(format!("{name} is larger than {MAX_DOCUMENT} bytes"))
        } else {
            Ok(bytes)
        }
    }
}

struct Wanted {
    names: Vec<String>,
    config: String,
    /// File name in the archive, digest if known.
    layers: Vec<(String, Option<String>)>,
    manifest_digest: Option<String>,
}

fn full_names(names: &[String]) -> Result<Vec<String>, String> {
    if names.is_empty() {
        return Err("it does not name its image: give a name with --tag".into());
    }
    let full = |name: &String| match Reference::parse(name) {
        // A bare tag such as `1.15` or `latest` parses as a repository; it cannot be meant as one.
        Ok(reference) if name.contains(['/', ':']) => Ok(reference.to_string()),
        _ => Err(format!("it names its image only {name:?}: give the full name with --tag")),
    };
    names.iter().map(full).collect()
}

fn blob(digest: &str) -> Result<String, String> {
    match digest.split_once(':') {
        Some(("sha256", hex)) if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            Ok(format!("blobs/sha256/{hex}"))
        }
        _ => Err(format!("digest {digest:?} is not a sha256 digest")),
    }
}

fn tidy(path: &Path) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.to_str().unwrap_or_default().split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            other => parts.push(other),
        }
    }
    parts.join("/")
}
