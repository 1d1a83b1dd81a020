//! One file that holds an image: for `barque image import`, `ctr image import`, `skopeo` and `docker load`.
//!
//! It is an OCI layout, with the `manifest.json` beside it by which older Docker finds the same blobs.

use super::Recipe;
use crate::run::run;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

impl Recipe {
    /// A tar of the layout for `barque image import --tag NAME`, kept beside it.
    pub fn archive(&self) -> PathBuf {
        let layout = self.layout();
        let archive = layout.with_extension("tar");
        if !archive.exists() {
            tar(&layout.with_extension("tar"), &layout, &["."]);
        }
        archive
    }

    /// Writes an archive whose image has a full name of its own, `severalnines/proxysql:1.4.12`; gives the digest of
    /// the image's manifest.
    pub fn write_archive(&self, name: &str, to: &Path) -> String {
        let layout = self.layout();
        let named = layout.with_extension(format!("named.{}", std::process::id()));
        run(Command::new("cp").arg("-al").arg(&layout).arg(&named)).expect_ok();
        let mut index = document(&named.join("index.json"));
        let manifest = &mut index["manifests"][0];
        let digest = manifest["digest"].as_str().expect("umoci names the manifest").to_owned();
        let tag = name.rsplit_once(':').map_or("latest", |(_, tag)| tag);
        manifest["annotations"] =
            json!({"io.containerd.image.name": full_name(name), "org.opencontainers.image.ref.name": tag});
        let docker = docker_manifest(&document(&named.join(blob(&digest))), name);
        for (file, content) in [("index.json", index), ("manifest.json", docker)] {
            // The file beside it is the cache's own: the copy's name is a second one of it.
            _ = std::fs::remove_file(named.join(file));
            std::fs::write(named.join(file), content.to_string()).expect("a file beside the layout");
        }
        tar(to, &named, &["oci-layout", "index.json", "manifest.json", "blobs"]);
        run(Command::new("rm").arg("-rf").arg(&named)).expect_ok();
        digest
    }
}

/// As `docker save` describes an image.
fn docker_manifest(manifest: &Value, name: &str) -> Value {
    let place = |descriptor: &Value| blob(descriptor["digest"].as_str().unwrap_or_default());
    let layers: Vec<String> = manifest["layers"].as_array().into_iter().flatten().map(place).collect();
    json!([{"Config": place(&manifest["config"]), "RepoTags": [name], "Layers": layers}])
}

/// With the registry that a short name means, as containerd wants it.
fn full_name(name: &str) -> String {
    match name.split_once('/') {
        None => format!("docker.io/library/{name}"),
        Some((first, _)) if !first.contains(['.', ':']) && first != "localhost" => format!("docker.io/{name}"),
        Some(_) => name.to_owned(),
    }
}

fn blob(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

fn document(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Whole or not at all; owners, times and the order of files are the same each time.
fn tar(to: &Path, folder: &Path, names: &[&str]) {
    let mut beside = to.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let same = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=go=rX,u+rw,a-s"];
    run(Command::new("tar").args(same).arg("-cf").arg(&beside).arg("-C").arg(folder).args(names)).expect_ok();
    std::fs::rename(&beside, to).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
}

#[cfg(test)]
mod tests {
    use super::full_name;

    #[test]
    fn short_names_are_of_docker_io() {
        assert_eq!(full_name("barque:1"), "docker.io/library/barque:1");
        assert_eq!(full_name("severalnines/proxysql:1.4.12"), "docker.io/severalnines/proxysql:1.4.12");
        assert_eq!(full_name("localhost/barque:1"), "localhost/barque:1");
        assert_eq!(full_name("registry.example:5000/barque:1"), "registry.example:5000/barque:1");
    }
}
