//! A real registry (Debian's docker-registry) on a loopback port, plain or with TLS and a password.

use crate::archive::{Built, digest};
use oci_client::client::{Certificate, CertificateEncoding, Client, ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// bcrypt of `secret`.
const PASSWORD_HASH: &str = "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";

pub struct Registry {
    process: Child,
    pub host: String,
    /// The authority of its certificate, with TLS.
    pub ca_file: Option<PathBuf>,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Registry {
    pub fn start(folder: &Path, secured: bool) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let place = folder.display();
        let mut config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {place}/data\nhttp:\n  addr: 127.0.0.1:{port}\n"
        );
        let mut ca_file = None;
        if secured {
            ca_file = Some(certificates(folder));
            std::fs::write(folder.join("htpasswd"), format!("user:{PASSWORD_HASH}\n")).unwrap();
            config += &format!(
                "  tls:\n    certificate: {place}/leaf.pem\n    key: {place}/leaf.key\nauth:\n  htpasswd:\n    realm: test\n    path: {place}/htpasswd\n"
            );
        }
        std::fs::write(folder.join("config.yml"), config).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let process = Command::new("docker-registry")
            .args(["serve", &format!("{place}/config.yml")])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("install docker-registry");
        let registry = Self { process, host: format!("127.0.0.1:{port}"), ca_file };
        for _ in 0..500 {
            if TcpStream::connect(&registry.host).is_ok() {
                return registry;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("docker-registry does not start: {}", std::fs::read_to_string(folder.join("log")).unwrap());
    }

    pub async fn push(&self, name: &str, tag: &str, image: &Built) {
        let client = self.client();
        let reference = oci_client::Reference::with_tag(self.host.clone(), name.into(), tag.into());
        let auth = if self.ca_file.is_some() {
            RegistryAuth::Basic("user".into(), "secret".into())
        } else {
            RegistryAuth::Anonymous
        };
        client.auth(&reference, &auth, oci_client::RegistryOperation::Push).await.unwrap();
        for (digest, bytes) in image.blobs.iter().filter(|(_, bytes)| **bytes != image.manifest) {
            client.push_blob(&reference, bytes.clone(), digest).await.unwrap();
        }
        self.push_manifest(name, tag, &image.manifest, "application/vnd.oci.image.manifest.v1+json").await;
    }

    pub async fn push_manifest(&self, name: &str, tag: &str, manifest: &[u8], media_type: &'static str) {
        let client = self.client();
        let reference = oci_client::Reference::with_tag(self.host.clone(), name.into(), tag.into());
        let auth = if self.ca_file.is_some() {
            RegistryAuth::Basic("user".into(), "secret".into())
        } else {
            RegistryAuth::Anonymous
        };
        client.auth(&reference, &auth, oci_client::RegistryOperation::Push).await.unwrap();
        let kind = http::HeaderValue::from_static(media_type);
        client.push_manifest_raw(&reference, manifest.to_vec(), kind).await.unwrap();
    }

    fn client(&self) -> Client {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let certificates = self
            .ca_file
            .iter()
            .map(|path| Certificate { encoding: CertificateEncoding::Pem, data: std::fs::read(path).unwrap() });
        Client::try_from(ClientConfig {
            protocol: if self.ca_file.is_some() { ClientProtocol::Https } else { ClientProtocol::Http },
            extra_root_certificates: certificates.collect(),
            ..Default::default()
        })
        .unwrap()
    }

    /// Damages a stored blob.
    pub fn damage(&self, folder: &Path, blob: &str) {
        let hex = blob.trim_start_matches("sha256:");
        let path = folder.join(format!("data/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]));
        let mut bytes = std::fs::read(&path).unwrap();
        assert_eq!(digest(&bytes), blob);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        std::fs::write(path, bytes).unwrap();
    }
}

fn certificates(folder: &Path) -> PathBuf {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let leaf = rcgen::CertificateParams::new(vec!["127.0.0.1".to_string()]).unwrap();
    let leaf_key = rcgen::KeyPair::generate().unwrap();
    let leaf_certificate = leaf.signed_by(&leaf_key, &issuer).unwrap();
    std::fs::write(folder.join("leaf.pem"), leaf_certificate.pem()).unwrap();
    std::fs::write(folder.join("leaf.key"), leaf_key.serialize_pem()).unwrap();
    let path = folder.join("ca.pem");
    std::fs::write(&path, authority_certificate.pem()).unwrap();
    path
}
