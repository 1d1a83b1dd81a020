//! Handshakes of both sides over pipes: names, verification, replacement.

use super::*;
use crate::stream::Stream;
use balance::config::Files;
use balance::config::model::{CrtListLine, SslDefaults, TlsSettings, Verify};
use balance::sample::context::Tls;
use expect_test::{Expect, expect};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, RevokedCertParams, date_time_ymd,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Files of the tests: an authority `ca`, servers' certificates, a client's.
struct Disk(BTreeMap<PathBuf, Vec<u8>>);

impl Files for Disk {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        self.0.get(path).cloned().ok_or_else(|| "No such file or directory".to_owned())
    }

    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>, String> {
        Ok(self.0.keys().filter(|path| path.parent() == Some(folder)).cloned().collect())
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.0.keys().any(|file| file.parent() == Some(path))
    }
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "test ca");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key in one text.
    fn issue(&self, name: &str, client: bool) -> (String, String) {
        let names = if client { vec![] } else { vec![name.to_owned()] };
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let usage = if client { ExtendedKeyUsagePurpose::ClientAuth } else { ExtendedKeyUsagePurpose::ServerAuth };
        params.extended_key_usages.push(usage);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

fn disk() -> Disk {
    let authority = Authority::new();
    let mut files = BTreeMap::new();
    for name in ["a.test", "b.test", "*.wild.test"] {
        let (certificate, key) = authority.issue(name, false);
        files.insert(PathBuf::from(format!("certs/{name}.pem")), format!("{certificate}{key}").into_bytes());
    }
    let (certificate, key) = authority.issue("alice", true);
    files.insert("client.pem".into(), format!("{certificate}{key}").into_bytes());
    let (certificate, key) = authority.issue("split.test", false);
    files.insert("split.pem".into(), certificate.clone().into_bytes());
    files.insert("split.pem.key".into(), key.into_bytes());
    files.insert("cert_only.pem".into(), certificate.into_bytes());
    let (_, key) = authority.issue("other", false);
    let a = String::from_utf8(files[Path::new("split.pem")].clone()).unwrap();
    files.insert("mismatch.pem".into(), format!("{a}{key}").into_bytes());
    let (certificate, key) = Authority::new().issue("mallory", true);
    files.insert("mallory.pem".into(), format!("{certificate}{key}").into_bytes());
    files.insert("junk.pem".into(), b"junk\n".to_vec());
    files.insert("ca.pem".into(), authority.0.pem().into_bytes());
    Disk(files)
}

/// Settings in a bind's or server's own words, as far as the tests use them.
fn settings(words: &str) -> TlsSettings {
    let mut tls = TlsSettings::default();
    let mut words = words.split_whitespace();
    while let Some(word) = words.next() {
        let mut next = || words.next().unwrap().to_owned();
        match word {
            "crt" => tls.crt.push(next().into()),
            "ca-file" => tls.ca_file = Some(next().into()),
            "verify" => {
                tls.verify = Some(match next().as_str() {
                    "none" => Verify::None,
                    "optional" => Verify::Optional,
                    _ => Verify::Required,
                })
            }
            "crl-file" => tls.crl_file = Some(next().into()),
            "verifyhost" => tls.verifyhost = Some(next()),
            "alpn" => tls.alpn = Some(next().split(',').map(str::to_owned).collect()),
            "ciphers" => tls.ciphers = Some(next()),
            "curves" => tls.curves = Some(next()),
            "max" => tls.max_version = balance::config::model::TlsVersion::parse(&next()),
            "strict-sni" => tls.strict_sni = true,
            "crt-ignore-err" => tls.crt_ignore_err = Some(next()),
            other => panic!("{other}"),
        }
    }
    tls
}

fn acceptor(store: &Store, tls: &TlsSettings, files: &Disk) -> Result<Acceptor, Vec<acceptor::Wrong>> {
    Acceptor::build(store, tls, &SslDefaults::default(), files)
}

fn connector(words: &str, files: &Disk) -> Connector {
    Connector::build(&Store::default(), &settings(words), &SslDefaults::default(), false, files).unwrap()
}

/// A handshake and four bytes each way; what each side learned, or how it failed.
async fn meet(
    acceptor: &Acceptor,
    connector: &Connector,
    sni: Option<&str>,
) -> (Result<Box<Tls>, HandshakeError>, Result<Box<Tls>, HandshakeError>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let server = async {
        let (mut stream, facts) = acceptor.accept(Stream::Unix(ours), None).await?;
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes).await?;
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        Ok(facts)
    };
    let client = async {
        let (mut stream, facts) = connector.connect(Stream::Unix(theirs), sni, None).await?;
        stream.write_all(b"ping").await?;
        stream.flush().await?;
        stream.read_exact(&mut [0; 4]).await?;
        Ok(facts)
    };
    tokio::join!(server, client)
}

#[track_caller]
fn check(bind: &str, server: &str, sni: Option<&str>, expected: Expect) {
    let files = disk();
    let acceptor = acceptor(&Store::default(), &settings(bind), &files).unwrap();
    let connector = connector(server, &files);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (ours, theirs) = runtime.block_on(meet(&acceptor, &connector, sni));
    let show = |side: Result<Box<Tls>, HandshakeError>| match side {
        Ok(facts) => {
            let name = |certificate: &balance::sample::context::Certificate| {
                certificate.subject.iter().map(|(key, value)| format!("{key}={value}")).collect::<String>()
            };
            let shown = [
                facts.version.to_owned(),
                facts.cipher.to_owned(),
                facts.sni.unwrap_or_default(),
                facts.alpn.unwrap_or_default(),
                facts.own.as_deref().map(&name).unwrap_or_default(),
                facts.peer.as_ref().map(&name).unwrap_or_default(),
                facts.verify.to_string(),
            ];
            shown.join("|")
        }
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&format!("{}\n{}", show(ours), show(theirs)));
}

#[test]
fn handshakes() {
    check(
        "crt certs/a.test.pem",
        "ca-file ca.pem",
        Some("a.test"),
        expect![[r#"
        TLSv1.3|TLS_AES_256_GCM_SHA384|a.test||CN=a.test||0
        TLSv1.3|TLS_AES_256_GCM_SHA384|a.test||||0"#]],
    );
    check(
        "crt certs/a.test.pem alpn h2,http/1.1",
        "ca-file ca.pem alpn http/1.1",
        Some("a.test"),
        expect![[r#"
        TLSv1.3|TLS_AES_256_GCM_SHA384|a.test|http/1.1|CN=a.test||0
        TLSv1.3|TLS_AES_256_GCM_SHA384|a.test|http/1.1|||0"#]],
    );
    check(
        "crt certs/a.test.pem alpn h2",
        "ca-file ca.pem alpn other",
        Some("a.test"),
        expect![[r#"
        TLSv1.3|TLS_AES_256_GCM_SHA384|a.test||CN=a.test||0
        TLSv1.3|TLS_AES_256_GCM_SHA384|a.test||||0"#]],
    );
    check(
        "crt certs/a.test.pem max TLSv1.2",
        "verify none",
        None,
        expect![[r#"
        TLSv1.2|ECDHE-ECDSA-AES256-GCM-SHA384|||CN=a.test||0
        TLSv1.2|ECDHE-ECDSA-AES256-GCM-SHA384|||||0"#]],
    );
    check(
        "crt split.pem",
        "ca-file ca.pem",
        Some("split.test"),
        expect![[r#"
        TLSv1.3|TLS_AES_256_GCM_SHA384|split.test||CN=split.test||0
        TLSv1.3|TLS_AES_256_GCM_SHA384|split.test||||0"#]],
    );
}

#[test]
fn certificates_by_name() {
    check(
        "crt certs/a.test.pem crt certs",
        "verify none",
        Some("b.test"),
        expect![[r#"
        TLSv1.3|TLS_AES_256_GCM_SHA384|b.test||CN=b.test||0
        TLSv1.3|TLS_AES_256_GCM_SHA384|b.test||||0"#]],
    );
    check(
        "crt certs/a.test.pem crt certs",
        "verify none",
        Some("x.wild.test"),
        expect![[r#"
        TLSv1.3|TLS_AES_256_GCM_SHA384|x.wild.test||CN=*.wild.test||0
        TLSv1.3|TLS_AES_256_GCM_SHA384|x.wild.test||||0"#]],
    );
    check(
        "crt certs/b.test.pem crt certs",
        "verify none",
        Some("unknown.test"),
        expect![[r#"
        TLSv1.3|TLS_AES_256_GCM_SHA384|unknown.test||CN=b.test||0
        TLSv1.3|TLS_AES_256_GCM_SHA384|unknown.test||||0"#]],
    );
    check(
        "crt certs strict-sni",
        "verify none",
        Some("unknown.test"),
        expect![[r#"
        SSL handshake failure
        SSL handshake failure"#]],
    );
    check(
        "crt certs strict-sni",
        "verify none",
        None,
        expect![[r#"
        SSL handshake failure
        SSL handshake failure"#]],
    );
}

#[test]
fn servers_are_verified() {
    check(
        "crt certs/a.test.pem",
        "ca-file mallory.pem",
        Some("a.test"),
        expect![[r#"
        SSL handshake failure
        SSL handshake failure"#]],
    );
    check(
        "crt certs/a.test.pem",
        "ca-file ca.pem",
        Some("b.test"),
        expect![[r#"
        SSL handshake failure
        SSL handshake failure"#]],
    );
    check(
        "crt certs/a.test.pem",
        "ca-file ca.pem",
        None,
        expect![[r#"
        TLSv1.3|TLS_AES_256_GCM_SHA384|||CN=a.test||0
        TLSv1.3|TLS_AES_256_GCM_SHA384|||||0"#]],
    );
    check(
        "crt certs/a.test.pem",
        "ca-file ca.pem verifyhost a.test",
        Some("b.test"),
        expect![[r#"
        TLSv1.3|TLS_AES_256_GCM_SHA384|b.test||CN=a.test||0
        TLSv1.3|TLS_AES_256_GCM_SHA384|b.test||||0"#]],
    );
    check(
        "crt certs/a.test.pem",
        "ca-file ca.pem verifyhost b.test",
        None,
        expect![[r#"
        SSL handshake failure
        SSL handshake failure"#]],
    );
    check(
        "crt certs/a.test.pem",
        "ca-file certs/a.test.pem",
        Some("a.test"),
        expect![[r#"
        TLSv1.3|TLS_AES_256_GCM_SHA384|a.test||CN=a.test||0
        TLSv1.3|TLS_AES_256_GCM_SHA384|a.test||||0"#]],
    );
}

#[test]
fn what_cannot_be_sent_as_a_name_has_to_be_in_the_certificate() {
    let outcome = |server: &str, sni: &str| {
        let files = disk();
        let acceptor = acceptor(&Store::default(), &settings("crt certs/a.test.pem"), &files).unwrap();
        let connector = connector(server, &files);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(meet(&acceptor, &connector, Some(sni))).1.is_ok()
    };
    for sni in ["a.test:443", "127.0.0.1", "::1", "a b", ""] {
        assert!(!outcome("ca-file ca.pem", sni), "{sni}");
        assert!(outcome("ca-file ca.pem verifyhost a.test", sni), "{sni}");
        assert!(outcome("verify none", sni), "{sni}");
    }
}

/// How a server is met whose certificate is in `ca-file`, as is its authority, with a list of revoked certificates that
/// is due in this year: that authority's or another's.
fn with_revocations(due: i32, of_another: bool, revoked: bool) -> Result<(), String> {
    let mut files = disk();
    let authority = Authority::new();
    let mut params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
    params.serial_number = Some(7.into());
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority.0).unwrap().pem();
    let mut other = CertificateParams::default();
    other.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    other.distinguished_name.push(DnType::CommonName, "other ca");
    let other = CertifiedIssuer::self_signed(other, KeyPair::generate().unwrap()).unwrap();
    let entry = RevokedCertParams {
        serial_number: 7.into(),
        revocation_time: date_time_ymd(2020, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(due, 1, 1),
        crl_number: 1.into(),
        issuing_distribution_point: None,
        revoked_certs: revoked.then_some(entry).into_iter().collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(if of_another { &other } else { &authority.0 }).unwrap().pem().unwrap();
    files.0.insert("own.pem".into(), format!("{certificate}{}", key.serialize_pem()).into_bytes());
    files.0.insert("trusted.pem".into(), format!("{certificate}{}", authority.0.pem()).into_bytes());
    files.0.insert("crl.pem".into(), list.into_bytes());
    let acceptor = acceptor(&Store::default(), &settings("crt own.pem"), &files).unwrap();
    let connector = connector("ca-file trusted.pem crl-file crl.pem", &files);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_, ours) = runtime.block_on(meet(&acceptor, &connector, Some("a.test")));
    ours.map(drop).map_err(|error| error.to_string())
}

#[test]
fn revocations_are_known_or_nobody_is_let_pass() {
    assert_eq!(with_revocations(4000, false, false), Ok(()));
    assert!(with_revocations(4000, false, true).is_err());
    assert!(with_revocations(2021, false, false).is_err());
    assert!(with_revocations(4000, true, false).is_err());
}

#[test]
fn clients_are_verified() {
    let required = "crt certs/a.test.pem ca-file ca.pem verify required";
    check(
        required,
        "verify none crt client.pem",
        None,
        expect![[r#"
        TLSv1.3|TLS_AES_256_GCM_SHA384|||CN=a.test|CN=alice|0
        TLSv1.3|TLS_AES_256_GCM_SHA384|||||0"#]],
    );
    check(
        required,
        "verify none",
        None,
        expect![[r#"
        SSL handshake failure
        SSL handshake failure"#]],
    );
    check(
        required,
        "verify none crt mallory.pem",
        None,
        expect![[r#"
        SSL handshake failure
        SSL handshake failure"#]],
    );
    let optional = "crt certs/a.test.pem ca-file ca.pem verify optional";
    check(
        optional,
        "verify none",
        None,
        expect![[r#"
        TLSv1.3|TLS_AES_256_GCM_SHA384|||CN=a.test||0
        TLSv1.3|TLS_AES_256_GCM_SHA384|||||0"#]],
    );
    check(
        optional,
        "verify none crt mallory.pem",
        None,
        expect![[r#"
        SSL handshake failure
        SSL handshake failure"#]],
    );
    check(
        &format!("{optional} crt-ignore-err all"),
        "verify none crt mallory.pem",
        None,
        expect![[r#"
        TLSv1.3|TLS_AES_256_GCM_SHA384|||CN=a.test|CN=mallory|7
        TLSv1.3|TLS_AES_256_GCM_SHA384|||||0"#]],
    );
    check(
        &format!("{optional} crt-ignore-err 10"),
        "verify none crt mallory.pem",
        None,
        expect![[r#"
        SSL handshake failure
        SSL handshake failure"#]],
    );
}

#[test]
fn a_line_of_a_crt_list_has_its_own_settings() {
    let files = disk();
    let line = |crt: &str, own: &str, filters: &[&str]| CrtListLine {
        crt: crt.into(),
        filters: filters.iter().map(|name| (*name).to_owned()).collect(),
        settings: Box::new(settings(own)),
    };
    let tls = TlsSettings {
        crt_list: vec![
            line("certs/a.test.pem", "", &[]),
            line("certs/b.test.pem", "ca-file ca.pem verify required", &["*.b.test", "!free.b.test"]),
        ],
        ..TlsSettings::default()
    };
    let acceptor = acceptor(&Store::default(), &tls, &files).unwrap();
    let connector = connector("verify none", &files);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let may = |sni: &str| runtime.block_on(meet(&acceptor, &connector, Some(sni))).0.is_ok();
    assert!(may("a.test"));
    assert!(!may("x.b.test"));
    assert!(may("free.b.test"));
}

#[test]
fn a_certificate_is_replaced_while_it_is_used() {
    let files = disk();
    let store = Store::default();
    let tls = settings("crt certs/a.test.pem crt certs/b.test.pem");
    let acceptor = acceptor(&store, &tls, &files).unwrap();
    let connector = connector("verify none", &files);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let shown = |sni: &str| {
        let facts = runtime.block_on(meet(&acceptor, &connector, Some(sni))).0.unwrap();
        facts.own.unwrap().subject[0].1.clone()
    };
    assert_eq!(shown("b.test"), "b.test");
    let path = Path::new("certs/b.test.pem");
    let new = &files.0[Path::new("certs/*.wild.test.pem")];
    assert_eq!(store.set(path, new), Ok(false));
    assert_eq!(store.set(path, new), Ok(true));
    assert_eq!(shown("b.test"), "b.test");
    store.commit(path).unwrap();
    assert_eq!(shown("x.wild.test"), "*.wild.test");
    // Nobody is for it any more, so it gets the default.
    assert_eq!(shown("b.test"), "a.test");
    assert_eq!(store.commit(path), Err("No ongoing transaction!".to_owned()));
    assert!(store.set(Path::new("other"), new).is_err());
    assert!(store.set(path, b"junk").is_err());
}

#[test]
fn sessions_are_resumed_where_clients_are_verified_alike() {
    let files = disk();
    let store = Store::default();
    let build = |words: &str| acceptor(&store, &settings(words), &files).unwrap();
    let open = build("crt certs/a.test.pem");
    let same = build("crt certs/a.test.pem");
    let guarded = build("crt certs/a.test.pem ca-file ca.pem verify optional");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let connector = connector("verify none", &files);
    let resumed = |acceptor: &Acceptor| runtime.block_on(meet(acceptor, &connector, Some("a.test"))).0.unwrap().resumed;
    assert!(!resumed(&open));
    assert!(resumed(&open));
    assert!(resumed(&same));
    assert!(!resumed(&guarded));
}

#[test]
fn a_handshake_has_an_end() {
    let files = disk();
    let acceptor = acceptor(&Store::default(), &settings("crt certs/a.test.pem"), &files).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fail = |bytes: &'static [u8], close: bool| {
        runtime.block_on(async {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            theirs.write_all(bytes).await.unwrap();
            let theirs = (!close).then_some(theirs);
            let result = acceptor.accept(Stream::Unix(ours), Some(Duration::from_millis(50))).await;
            drop(theirs);
            result.err().unwrap().to_string()
        })
    };
    assert_eq!(fail(b"", false), "Timeout during SSL handshake");
    assert_eq!(fail(b"", true), "Connection closed during SSL handshake");
    assert_eq!(fail(b"GET / HTTP/1.1\r\n\r\n", false), "SSL handshake failure");
}

#[test]
fn what_is_wrong_with_a_bind() {
    let check = |words: &str, expected: Expect| {
        let wrong = acceptor(&Store::default(), &settings(words), &disk()).err().unwrap();
        expected.assert_eq(&wrong.iter().map(|wrong| format!("{wrong:?}")).collect::<Vec<_>>().join("\n"));
    };
    check(
        "crt none.pem",
        expect![[r#"Parsing("unable to stat SSL certificate from file 'none.pem' : No such file or directory.")"#]],
    );
    check("crt cert_only.pem", expect![[r#"Parsing("No Private Key found in 'cert_only.pem.key'.")"#]]);
    check(
        "crt mismatch.pem",
        expect![[r#"Parsing("inconsistencies between private key and certificate loaded 'mismatch.pem'.")"#]],
    );
    check("crt junk.pem", expect![[r#"Parsing("unable to load certificate from file 'junk.pem'.")"#]]);
    check("", expect!["NoCertificate"]);
    check(
        "crt certs ca-file none.pem verify required",
        expect![[r#"
        Plain("Couldn't open the ca-file 'none.pem' (No such file or directory).")
        Parsing("'ca-file' : unable to load none.pem")"#]],
    );
    check(
        "crt certs ca-file junk.pem verify required",
        expect![[r#"
        Plain("Couldn't open the ca-file 'junk.pem' (no certificate or crl found).")
        Parsing("'ca-file' : unable to load junk.pem")"#]],
    );
    check("crt certs verify optional", expect![[r#"Proxy("verify is enabled but no CA file specified")"#]]);
    check("crt certs ciphers foo", expect![[r#"Proxy("unable to set SSL cipher list to 'foo'")"#]]);
    check("crt certs curves foo", expect![[r#"Proxy("unable to set SSL curves list to 'foo'")"#]]);
    check("crt certs max TLSv1.1", expect![[r#"Proxy("all SSL/TLS versions are disabled")"#]]);
}
