//! Builds OCI archives from a few files: busybox from the system's busybox-static.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

pub fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

/// A layer under construction.
pub struct Layer(tar::Builder<Vec<u8>>);

impl Layer {
    pub fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    /// Writes the name as it is: hostile ones too.
    pub fn entry(mut self, kind: tar::EntryType, name: &str, link: &str, mode: u32, owner: u64, data: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(data.len() as u64);
        header.set_mode(mode);
        header.set_uid(owner);
        header.set_gid(owner);
        header.set_mtime(1_700_000_000);
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        self.0.append(&header, data).unwrap();
        self
    }

    pub fn file(self, name: &str, mode: u32, data: &[u8]) -> Self {
        self.entry(tar::EntryType::Regular, name, "", mode, 0, data)
    }

    pub fn folder(self, name: &str, mode: u32) -> Self {
        self.entry(tar::EntryType::Directory, name, "", mode, 0, b"")
    }

    pub fn link(self, kind: tar::EntryType, name: &str, target: &str) -> Self {
        self.entry(kind, name, target, 0o777, 0, b"")
    }

    pub fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

/// busybox with its applets in /bin, a few users, /tmp.
pub fn busybox_layer() -> Vec<u8> {
    let busybox =
        std::fs::read("/bin/busybox").or_else(|_| std::fs::read("/usr/bin/busybox")).expect("install busybox-static");
    let mut layer = Layer::new().folder("bin/", 0o755).file("bin/busybox", 0o755, &busybox);
    for applet in
        "sh cat echo sleep id ls ps kill hostname mount mkdir touch env true false nc tty stty dd head wc yes printf mknod stat".split(' ')
    {
        layer = layer.link(tar::EntryType::Symlink, &format!("bin/{applet}"), "busybox");
    }
    let passwd = b"root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/var/www:/bin/sh\n";
    layer
        .folder("etc/", 0o755)
        .file("etc/passwd", 0o644, passwd)
        .file("etc/group", 0o644, b"root:x:0:\nweb:x:33:\nextra:x:44:web\n")
        .folder("tmp/", 0o1777)
        .folder("root/", 0o700)
        .file("script-without-interpreter", 0o755, b"\x00\x01nothing that runs")
        .file("not-executable", 0o644, b"#!/bin/sh\n")
        .bytes()
}

fn gzip(layer: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(layer).unwrap();
    encoder.finish().unwrap()
}

/// An image as blobs by digest, and its manifest.
pub struct Built {
    pub blobs: BTreeMap<String, Vec<u8>>,
    pub manifest: Vec<u8>,
}

pub fn image(layers: &[Vec<u8>], config: serde_json::Value, architecture: &str) -> Built {
    let mut blobs = BTreeMap::new();
    let (mut descriptors, mut diff_ids) = (Vec::new(), Vec::new());
    for layer in layers {
        let (bytes, media_type) = (gzip(layer), "application/vnd.oci.image.layer.v1.tar+gzip");
        descriptors.push(serde_json::json!({"mediaType": media_type, "digest": digest(&bytes), "size": bytes.len()}));
        diff_ids.push(digest(layer));
        blobs.insert(digest(&bytes), bytes);
    }
    let config = serde_json::json!({
        "architecture": architecture, "os": "linux", "config": config,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config = serde_json::to_vec(&config).unwrap();
    let manifest = serde_json::to_vec(&serde_json::json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&config), "size": config.len()},
        "layers": descriptors,
    }))
    .unwrap();
    blobs.insert(digest(&config), config);
    blobs.insert(digest(&manifest), manifest.clone());
    Built { blobs, manifest }
}

/// Writes an OCI archive. `name` goes into the index' annotation.
pub fn write(path: &Path, image: &Built, name: &str) {
    let mut builder = tar::Builder::new(std::fs::File::create(path).unwrap());
    let index = serde_json::to_vec(&serde_json::json!({
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(&image.manifest),
            "size": image.manifest.len(), "annotations": {"org.opencontainers.image.ref.name": name},
        }],
    }))
    .unwrap();
    let mut add = |name: &str, data: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, data).unwrap();
    };
    add("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    add("index.json", &index);
    for (digest, bytes) in &image.blobs {
        add(&format!("blobs/{}", digest.replace(':', "/")), bytes);
    }
    builder.finish().unwrap();
}

pub fn busybox() -> Built {
    let config = serde_json::json!({"Cmd": ["sh"], "Env": ["PATH=/bin", "FROM_IMAGE=yes"], "StopSignal": "SIGTERM"});
    image(&[busybox_layer()], config, architecture())
}

pub fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}
