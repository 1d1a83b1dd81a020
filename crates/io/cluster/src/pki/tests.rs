//! Against a real folder; time is whatever the test says.

use super::*;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// 2026-01-01.
const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);
const DAY: Duration = Duration::from_secs(24 * 3600);

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("barque-pki-{name}-{}", std::process::id())))
    }

    fn load(&self, now: Timestamp) -> Result<Pki, PkiError> {
        Pki::load_or_create(&self.0, names(), now)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test that failed before the folder existed has nothing to remove.
        _ = std::fs::remove_dir_all(&self.0);
    }
}

fn names() -> Names {
    Names {
        node: "n1".to_owned(),
        hostname: "n1.example".to_owned(),
        addresses: vec!["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()],
        service_address: "10.96.0.1".parse().unwrap(),
        cluster_domain: "cluster.local".to_owned(),
        extra: vec!["api.example.org".to_owned()],
        lifetime: LIFETIME,
    }
}

#[test]
fn the_folder_looks_like_kubeadms() {
    let folder = Folder::new("layout");
    folder.load(NOW).unwrap();
    let mut seen: Vec<(String, u32)> = std::fs::read_dir(&folder.0)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            (entry.file_name().into_string().unwrap(), mode)
        })
        .collect();
    seen.sort();
    let wanted = [
        ("admin.crt", 0o644),
        ("admin.key", 0o600),
        ("apiserver-kubelet-client.crt", 0o644),
        ("apiserver-kubelet-client.key", 0o600),
        ("apiserver.crt", 0o644),
        ("apiserver.key", 0o600),
        ("ca.crt", 0o644),
        ("ca.key", 0o600),
        ("front-proxy-ca.crt", 0o644),
        ("front-proxy-ca.key", 0o600),
        ("front-proxy-client.crt", 0o644),
        ("front-proxy-client.key", 0o600),
        ("kubelet.crt", 0o644),
        ("kubelet.key", 0o600),
        ("sa.key", 0o600),
        ("sa.pub", 0o644),
    ];
    assert_eq!(seen, wanted.map(|(name, mode)| (name.to_owned(), mode)));
}

#[test]
fn etcds_keys_lie_where_kubeadm_has_them() {
    let folder = Folder::new("etcd");
    let mut pki = EtcdPki::load_or_create(&folder.0, names(), NOW).unwrap();
    let files = ["apiserver-etcd-client", "etcd/ca", "etcd/healthcheck-client", "etcd/peer", "etcd/server"];
    for name in files {
        let mode = std::fs::metadata(folder.0.join(format!("{name}.key"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
        Facts::read(&std::fs::read_to_string(folder.0.join(format!("{name}.crt"))).unwrap()).unwrap();
    }
    let server = Facts::read(&pki.pair(EtcdLeaf::Server).certificate).unwrap();
    assert_eq!(server.common_name, "n1");
    assert_eq!(server.names, ["127.0.0.1", "192.0.2.7", "2001:db8::7", "::1", "localhost", "n1", "n1.example"]);

    let again = EtcdPki::load_or_create(&folder.0, names(), NOW + DAY).unwrap();
    assert!(EtcdLeaf::ALL.into_iter().all(|leaf| again.pair(leaf) == pki.pair(leaf)), "loading changes nothing");
    let due = pki.renewal_due_at();
    assert_eq!(pki.renew(due).unwrap(), EtcdLeaf::ALL);
    assert!(pki.renewal_due_at() > due);
    std::fs::remove_file(folder.0.join("etcd/ca.key")).unwrap();
    assert!(matches!(EtcdPki::load_or_create(&folder.0, names(), NOW), Err(PkiError::KeyLost { .. })));
}

#[test]
fn the_api_server_answers_to_all_its_names() {
    let folder = Folder::new("names");
    let pki = folder.load(NOW).unwrap();
    let facts = Facts::read(&pki.pair(Leaf::ApiServer).certificate).unwrap();
    let wanted = [
        "10.96.0.1",
        "127.0.0.1",
        "192.0.2.7",
        "2001:db8::7",
        "api.example.org",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "localhost",
        "n1",
        "n1.example",
    ];
    assert_eq!(facts.names, wanted);
    let node = Facts::read(&pki.pair(Leaf::Kubelet).certificate).unwrap();
    assert_eq!((node.common_name.as_str(), node.groups.concat().as_str()), ("system:node:n1", "system:nodes"));
}

#[test]
fn loading_again_changes_nothing() {
    let folder = Folder::new("again");
    let first = folder.load(NOW).unwrap();
    let second = folder.load(NOW + DAY * 100).unwrap();
    assert_eq!(first.ca(), second.ca());
    assert_eq!(first.service_account_key(), second.service_account_key());
    for leaf in Leaf::ALL {
        assert_eq!(first.pair(leaf), second.pair(leaf));
    }
}

#[test]
fn a_new_name_signs_only_the_server_anew() {
    let folder = Folder::new("sans");
    let first = folder.load(NOW).unwrap();
    let names = Names { extra: vec!["other.example.org".to_owned()], ..names() };
    let second = Pki::load_or_create(&folder.0, names, NOW).unwrap();
    let changed: Vec<Leaf> = Leaf::ALL.into_iter().filter(|&leaf| first.pair(leaf) != second.pair(leaf)).collect();
    assert_eq!(changed, [Leaf::ApiServer]);
}

#[test]
fn certificates_are_renewed_before_they_expire() {
    let folder = Folder::new("renew");
    let mut pki = folder.load(NOW).unwrap();
    let due = pki.renewal_due_at();
    assert!(due > NOW + DAY * 240 && due < NOW + DAY * 250, "{due:?}");
    assert!(pki.renew(due + Duration::from_secs(0)).unwrap().len() == Leaf::ALL.len());
    assert!(pki.renewal_due_at() > due);
    assert!(pki.renew(due).unwrap().is_empty());
}

#[test]
fn a_renewed_certificate_is_served_without_a_restart() {
    let folder = Folder::new("serving");
    let mut pki = folder.load(NOW).unwrap();
    let config = pki.server_config().unwrap();
    let served = |config: &rustls::ServerConfig| handshake(config.clone());
    let first = served(&config);
    assert_eq!(first, Facts::read(&pki.pair(Leaf::ApiServer).certificate).unwrap().der);
    pki.renew(pki.renewal_due_at()).unwrap();
    assert_eq!(served(&config), Facts::read(&pki.pair(Leaf::ApiServer).certificate).unwrap().der);
    assert_ne!(served(&config), first);
}

/// The certificate a client is shown.
fn handshake(config: rustls::ServerConfig) -> Vec<u8> {
    let client = rustls::ClientConfig::builder_with_provider(config.crypto_provider().clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything(config.crypto_provider().clone())))
        .with_no_client_auth();
    let mut client = rustls::ClientConnection::new(Arc::new(client), "kubernetes".try_into().unwrap()).unwrap();
    let mut server = rustls::ServerConnection::new(Arc::new(config)).unwrap();
    while client.peer_certificates().is_none() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().unwrap();
    }
    client.peer_certificates().unwrap()[0].to_vec()
}

/// The tests' times are not the machine's, so dates are not looked at.
#[derive(Debug)]
struct Anything(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[test]
fn a_damaged_leaf_is_mended() {
    let folder = Folder::new("leaf");
    folder.load(NOW).unwrap();
    std::fs::write(folder.0.join("apiserver.crt"), "half a cert").unwrap();
    std::fs::remove_file(folder.0.join("admin.key")).unwrap();
    let pki = folder.load(NOW).unwrap();
    assert!(Facts::read(&pki.pair(Leaf::ApiServer).certificate).is_ok());
    pki.server_config().unwrap();
}

#[test]
fn an_authority_is_never_replaced() {
    let folder = Folder::new("authority");
    folder.load(NOW).unwrap();
    assert!(matches!(folder.load(NOW + DAY * 3651), Err(PkiError::AuthorityExpired { .. })));
    let key = folder.0.join("ca.key");
    let saved = std::fs::read(&key).unwrap();
    std::fs::copy(folder.0.join("front-proxy-ca.key"), &key).unwrap();
    assert!(matches!(folder.load(NOW), Err(PkiError::Damaged { .. })));
    std::fs::remove_file(&key).unwrap();
    assert!(matches!(folder.load(NOW), Err(PkiError::KeyLost { .. })));
    std::fs::write(&key, saved).unwrap();
    folder.load(NOW).unwrap();
}

#[test]
fn a_crash_between_key_and_certificate_is_mended() {
    let folder = Folder::new("crash");
    folder.load(NOW).unwrap();
    std::fs::remove_file(folder.0.join("ca.crt")).unwrap();
    let pki = folder.load(NOW).unwrap();
    pki.server_config().unwrap();
}

#[test]
fn a_key_that_others_could_read_is_closed() {
    let folder = Folder::new("mode");
    folder.load(NOW).unwrap();
    let key = folder.0.join("ca.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    folder.load(NOW).unwrap();
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn clients_are_signed_for_anybody() {
    let folder = Folder::new("client");
    let pki = folder.load(NOW).unwrap();
    let pair = pki.issue_client("jane", Some("developers"), NOW).unwrap();
    let facts = Facts::read(&pair.certificate).unwrap();
    assert_eq!((facts.common_name.as_str(), facts.groups.concat().as_str()), ("jane", "developers"));
}

/// `openssl` is a second opinion on chains and purposes.
#[test]
fn openssl_agrees() {
    let folder = Folder::new("openssl");
    folder.load(Timestamp::from_secs(now_secs())).unwrap();
    EtcdPki::load_or_create(&folder.0, names(), Timestamp::from_secs(now_secs())).unwrap();
    for (certificate, purpose, ca) in [
        ("apiserver.crt", "sslserver", "ca.crt"),
        ("admin.crt", "sslclient", "ca.crt"),
        ("kubelet.crt", "sslclient", "ca.crt"),
        ("front-proxy-client.crt", "sslclient", "front-proxy-ca.crt"),
        ("etcd/server.crt", "sslserver", "etcd/ca.crt"),
        ("etcd/peer.crt", "sslserver", "etcd/ca.crt"),
        ("etcd/peer.crt", "sslclient", "etcd/ca.crt"),
        ("apiserver-etcd-client.crt", "sslclient", "etcd/ca.crt"),
    ] {
        let status = std::process::Command::new("openssl")
            .args(["verify", "-x509_strict", "-purpose", purpose, "-CAfile"])
            .args([folder.0.join(ca), folder.0.join(certificate)])
            .output()
            .expect("openssl is installed");
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    }
}

fn now_secs() -> u64 {
    use stdx::Clock;
    u64::try_from(stdx::SystemClock.now().secs()).unwrap()
}
