//! Pulling images from OCI registries and mirrors.
//!
//! A layer is downloaded, checked and unpacked in one pass, without a temporary file: bytes go from the network
//! through a short queue to a blocking thread.

use super::auth::Credential;
use super::manifest::{ACCEPTED, ConfigFile, Descriptor, Manifest};
use super::reference::Reference;
use super::store::{ImageStore, blocking};
use super::{Image, PullAuth, digest};
use crate::config::{Registries, Registry};
use crate::error::{Error, PullFailure, Result};
use bytes::{Buf, Bytes};
use futures_util::{FutureExt, StreamExt, TryStreamExt, future};
use jiff::Timestamp;
use oci_client::client::{Certificate, CertificateEncoding, Client, ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::secrets::RegistryAuth;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Manifests and configurations are read into memory. Upstream's limit: 4 MiB.
const MAX_DOCUMENT: usize = 4 << 20;
/// Chunks (of about 16 KiB) between network and unpacking: enough to keep both busy.
const QUEUE: usize = 32;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Without a byte for so long, a registry counts as gone. Upstream: `image-pull-progress-deadline`, 1 minute.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

type Outcome = std::result::Result<Image, (String, PullFailure)>;
type Running = future::Shared<future::BoxFuture<'static, Outcome>>;

/// Pulls under way. Bounded by the callers: each entry goes when its pull ends.
#[derive(Default)]
pub struct Shared(Mutex<HashMap<u64, Running>>);

/// Joins the pull of the same reference with the same credentials, or starts one. The pull goes on when its callers
/// lose interest: the next attempt finds its layers.
pub async fn shared(store: &ImageStore, running: &Shared, reference: &Reference, auth: &PullAuth) -> Result<Image> {
    let mut hasher = DefaultHasher::new();
    (reference, auth).hash(&mut hasher);
    let key = hasher.finish();
    let pull = {
        let mut pulls = running.0.lock().unwrap_or_else(PoisonError::into_inner);
        let start = || {
            let (store, reference, auth) = (store.clone(), reference.clone(), auth.clone());
            let task = tokio::spawn(async move { pull(&store, &reference, &auth).await });
            let outcome = async move { task.await.unwrap_or_else(|e| Err((e.to_string(), PullFailure::Other))) };
            outcome.boxed().shared()
        };
        pulls.entry(key).or_insert_with(start).clone()
    };
    let outcome = pull.clone().await;
    {
        let mut pulls = running.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pulls.get(&key).is_some_and(|known| known.ptr_eq(&pull)) {
            pulls.remove(&key);
        }
    }
    outcome.map_err(|(problem, kind)| Error::ImagePull {
        reference: reference.to_string(),
        message: format!("failed to pull and unpack image \"{reference}\": {problem}"),
        kind,
    })
}

async fn pull(store: &ImageStore, reference: &Reference, auth: &PullAuth) -> Outcome {
    let mut failures: Vec<(String, PullFailure)> = Vec::new();
    for endpoint in endpoints(&store.config().registries, reference).map_err(|e| (e, PullFailure::Other))? {
        for credential in auth.candidates(&endpoint.host, reference) {
            match from_endpoint(store, reference, &endpoint, &credential).await {
                Ok(image) => return Ok(image),
                Err((problem, kind)) => {
                    tracing::info!(%reference, endpoint = %endpoint.host, %problem, "pull attempt failed");
                    let place = if endpoint.mirror { format!("mirror {}: {problem}", endpoint.host) } else { problem };
                    failures.push((place, kind));
                }
            }
        }
    }
    // The registry itself speaks last and counts most; what mirrors said is appended.
    let (mut problem, kind) = failures.pop().unwrap_or_else(|| ("no mirror is configured".into(), PullFailure::Other));
    for (other, _) in failures.iter().filter(|(text, _)| text.starts_with("mirror ")) {
        problem = format!("{problem}; {other}");
    }
    Err((problem, kind))
}

struct Endpoint {
    host: String,
    plain_http: bool,
    mirror: bool,
    insecure: bool,
    ca_file: Option<std::path::PathBuf>,
}

fn endpoints(registries: &Registries, reference: &Reference) -> std::result::Result<Vec<Endpoint>, String> {
    let default = Registry::default();
    let settings = registries.of(&reference.host).unwrap_or(&default);
    let make = |host: &str, plain_http: bool, mirror: bool| Endpoint {
        host: host.to_string(),
        plain_http,
        mirror,
        insecure: settings.insecure,
        ca_file: settings.ca_file.clone(),
    };
    let mut all = Vec::new();
    for mirror in &settings.mirrors {
        let (plain, host) = match (mirror.strip_prefix("http://"), mirror.strip_prefix("https://")) {
            (Some(host), _) => (true, host),
            (_, Some(host)) => (false, host),
            _ => return Err(format!("mirror {mirror:?} must begin with http:// or https://")),
        };
        let host = host.trim_end_matches('/');
        if host.is_empty() || host.contains('/') {
            return Err(format!("mirror {mirror:?} must be a host and port without path"));
        }
        all.push(make(host, plain, true));
    }
    if !settings.only_mirrors {
        let known = registries.of(&reference.host).is_some();
        let plain = settings.plain_http || (is_loopback(&reference.host) && !known);
        all.push(make(&reference.host, plain, false));
    }
    Ok(all)
}

fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name == "[::1]" || name.starts_with("127.")
}

fn client(endpoint: &Endpoint) -> std::result::Result<Client, (String, PullFailure)> {
    // Needed once per process by the TLS layer; somebody else may have done it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut certificates = Vec::new();
    if let Some(path) = &endpoint.ca_file {
        let data = std::fs::read(path)
            .map_err(|e| (format!("cannot read the CA file {}: {e}", path.display()), PullFailure::Other))?;
        certificates.push(Certificate { encoding: CertificateEncoding::Pem, data });
    }
    let config = ClientConfig {
        protocol: if endpoint.plain_http { ClientProtocol::Http } else { ClientProtocol::Https },
        accept_invalid_certificates: endpoint.insecure,
        extra_root_certificates: certificates,
        platform_resolver: None,
        connect_timeout: Some(CONNECT_TIMEOUT),
        read_timeout: Some(STALL_TIMEOUT),
        user_agent: "barque",
        ..Default::default()
    };
    Client::try_from(config).map_err(|e| (format!("cannot set up TLS: {e}"), PullFailure::Other))
}

async fn from_endpoint(
    store: &ImageStore,
    reference: &Reference,
    endpoint: &Endpoint,
    credential: &Credential,
) -> Outcome {
    let client = client(endpoint)?;
    let auth = match credential {
        Credential::Anonymous => RegistryAuth::Anonymous,
        Credential::Basic { user, password } => RegistryAuth::Basic(user.clone(), password.clone()),
        Credential::Bearer(token) => RegistryAuth::Bearer(token.clone()),
    };
    let at = |name: &str| {
        let repository = reference.repository.clone();
        if name.starts_with("sha256:") {
            oci_client::Reference::with_digest(endpoint.host.clone(), repository, name.into())
        } else {
            oci_client::Reference::with_tag(endpoint.host.clone(), repository, name.into())
        }
    };
    let place = at(reference.tag_or_digest());
    let resolve = |problem: String| format!("failed to resolve reference \"{reference}\": {problem}");
    let explain = |e: OciDistributionError| {
        let (problem, kind) = explain(e, reference, endpoint);
        (resolve(problem), kind)
    };
    let (bytes, top_digest) = client.pull_manifest_raw(&place, &auth, ACCEPTED).await.map_err(explain)?;
    let mut manifest = parse_manifest(&bytes)?;
    if !manifest.manifests.is_empty() {
        let chosen = manifest.select().map_err(|e| (e, PullFailure::WrongPlatform))?.digest.clone();
        let (bytes, _) = client.pull_manifest_raw(&at(&chosen), &auth, ACCEPTED).await.map_err(explain)?;
        manifest = parse_manifest(&bytes)?;
    }
    let config = manifest.config.as_ref().ok_or_else(|| corrupt("the manifest has no image configuration"))?;
    let config_bytes = small_blob(&client, &place, config).await.map_err(explain)?;
    let id = digest::of(&config_bytes);
    if id != config.digest {
        return Err(corrupt(&format!("the configuration's digest is {id}, not {}", config.digest)));
    }
    let parsed = ConfigFile::parse(&config_bytes).map_err(|e| corrupt(&e))?;
    parsed.check_platform().map_err(|e| (e, PullFailure::WrongPlatform))?;
    let layers = parsed.rootfs.diff_ids.clone();
    if layers.len() != manifest.layers.len() {
        return Err(corrupt("the manifest and the configuration name different numbers of layers"));
    }
    let holder = format!("pull:{:016x}", rand::random::<u64>());
    store.hold(&holder, &layers);
    let source = Source { store, client: &client, place: &place, reference, endpoint };
    let wanted = manifest.layers.iter().map(|l| l.digest.clone()).zip(layers.iter().cloned()).collect();
    let fetched = source.layers(wanted).await;
    let added = match fetched {
        Ok(()) => {
            let tags = match (&reference.digest, &reference.tag) {
                (None, Some(tag)) => vec![format!("{}:{tag}", reference.name())],
                _ => Vec::new(),
            };
            let image = Image {
                id,
                repo_tags: tags,
                repo_digests: vec![format!("{}@{top_digest}", reference.name())],
                size: 0,
                config: parsed.run_config(),
                layers,
                pulled_at: Timestamp::now(),
            };
            let store = store.clone();
            blocking(move || store.add_image(image)).await.map_err(|e| (e.to_string(), PullFailure::Other))
        }
        Err(failure) => Err(failure),
    };
    store.release(&holder).await;
    added
}

fn parse_manifest(bytes: &[u8]) -> std::result::Result<Manifest, (String, PullFailure)> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(corrupt("the manifest is too large"));
    }
    Manifest::parse(bytes).map_err(|e| corrupt(&e))
}

fn corrupt(problem: &str) -> (String, PullFailure) {
    (problem.to_string(), PullFailure::Corrupt)
}

async fn small_blob(
    client: &Client,
    place: &oci_client::Reference,
    descriptor: &Descriptor,
) -> std::result::Result<Vec<u8>, OciDistributionError> {
    let mut stream = client.pull_blob_stream(place, descriptor.digest.as_str()).await?.stream;
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.try_next().await? {
        if bytes.len() + chunk.len() > MAX_DOCUMENT {
            return Err(OciDistributionError::SpecViolationError("the image's configuration is too large".into()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// What fetching a layer needs to know.
struct Source<'a> {
    store: &'a ImageStore,
    client: &'a Client,
    place: &'a oci_client::Reference,
    reference: &'a Reference,
    endpoint: &'a Endpoint,
}

impl Source<'_> {
    async fn layers(&self, layers: Vec<(String, String)>) -> std::result::Result<(), (String, PullFailure)> {
        let parallel = self.store.config().parallel_layers.clamp(1, 16);
        let jobs: Vec<_> = layers.into_iter().map(|(digest, diff_id)| self.layer(digest, diff_id).boxed()).collect();
        futures_util::stream::iter(jobs).buffer_unordered(parallel).try_collect::<()>().await
    }

    async fn layer(&self, digest: String, diff_id: String) -> std::result::Result<(), (String, PullFailure)> {
        let _guard = self.store.layer_lock(&diff_id).lock_owned().await;
        if self.store.has_layer(&diff_id) {
            return Ok(());
        }
        let response = self.client.pull_blob_stream(self.place, digest.as_str()).await;
        let mut stream = response.map_err(|e| explain(e, self.reference, self.endpoint))?.stream;
        let (sender, receiver) = mpsc::channel(QUEUE);
        let store = self.store.clone();
        let unpacking =
            tokio::task::spawn_blocking(move || store.add_layer(ChannelReader::new(receiver), Some(&digest), &diff_id));
        while let Some(chunk) = stream.next().await {
            let broken = chunk.is_err();
            if sender.send(chunk).await.is_err() || broken {
                break;
            }
        }
        drop(sender);
        let outcome = unpacking.await.unwrap_or_else(|e| Err(Error::Other(e.to_string())));
        outcome.map_err(|e| (e.to_string(), PullFailure::Corrupt))
    }
}

/// Blocking reader of what the network task sends.
struct ChannelReader {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl ChannelReader {
    fn new(chunks: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Self { chunks, current: Bytes::new() }
    }
}

impl Read for ChannelReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.current = chunk?,
                None => return Ok(0),
            }
        }
        let count = self.current.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// The registry's answer in words that users know from elsewhere.
fn explain(error: OciDistributionError, reference: &Reference, endpoint: &Endpoint) -> (String, PullFailure) {
    let denied = |detail: String| {
        let text = "pull access denied, repository does not exist or may require authorization";
        (format!("{text}: authorization failed: {detail}"), PullFailure::Unauthorized)
    };
    let missing = |detail: &str| (format!("{reference}: not found ({detail})"), PullFailure::NotFound);
    match error {
        OciDistributionError::RegistryError { envelope, .. } => {
            let Some(first) = envelope.errors.first() else {
                return (format!("registry {} refused without saying why", endpoint.host), PullFailure::Other);
            };
            match first.code {
                OciErrorCode::ManifestUnknown | OciErrorCode::NotFound => missing("manifest unknown"),
                OciErrorCode::NameUnknown => missing("repository unknown to the registry"),
                OciErrorCode::BlobUnknown => missing("the registry lost one of its layers"),
                OciErrorCode::Unauthorized | OciErrorCode::Denied => denied(first.message.clone()),
                OciErrorCode::Toomanyrequests => {
                    (format!("429 Too Many Requests: {}", first.message), PullFailure::Other)
                }
                _ => (format!("registry {}: {}", endpoint.host, first.message), PullFailure::Other),
            }
        }
        OciDistributionError::UnauthorizedError { .. } => denied("401 Unauthorized".into()),
        OciDistributionError::AuthenticationFailure(detail) => denied(detail),
        OciDistributionError::ServerError { code: 404, .. } => missing("404 Not Found"),
        OciDistributionError::ServerError { code: 401 | 403, message, .. } => denied(message),
        OciDistributionError::ServerError { code, message, .. } => {
            (format!("registry {} answered with status {code}: {message}", endpoint.host), PullFailure::Other)
        }
        OciDistributionError::ImageManifestNotFoundError(detail) => missing(&detail),
        OciDistributionError::RequestError(request) => {
            let scheme = if endpoint.plain_http { "http" } else { "https" };
            let cause = root_cause(&request);
            (format!("failed to do request to {scheme}://{}: {cause}", endpoint.host), PullFailure::Unreachable)
        }
        other => (root_cause(&other), PullFailure::Other),
    }
}

/// The innermost error says what happened; the outer ones say where.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_lowercase(),
        None => text,
    }
}
