//! Who is let in at a port, and what he gets.

use super::history::History;
use super::http::{Answer, Conversation, Request};
use super::ports::{Kind, Opened, Port};
use super::{json, page, view};
use crate::sql::report::metrics;
use crate::sql::runtime::Proxy;
use crate::sql::stream::Stream;
use crate::sql::tls::{Acceptor, TlsError};
use crate::sql::{log, values};
use arc_swap::ArcSwapOption;
use mysql::protocol::auth::Password;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

/// Who reads metrics and looks at a page is never many.
const CONNECTIONS: usize = 64;

/// For TLS, and for the first byte.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Of one who gave a wrong password.
const DELAY: Duration = Duration::from_millis(500);

/// After an accept that failed for want of descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// The first byte of TLS.
const TLS: u8 = 0x16;

/// Prometheus' text format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

pub struct Site {
    proxy: Arc<Proxy>,
    /// The user that was made because none was configured.
    generated: Option<(String, String)>,
    datadir: PathBuf,
    tls: ArcSwapOption<Acceptor>,
    history: Mutex<History>,
}

impl Site {
    pub fn new(proxy: Arc<Proxy>, generated: Option<(String, String)>, datadir: PathBuf) -> Self {
        Self { proxy, generated, datadir, tls: ArcSwapOption::empty(), history: Mutex::default() }
    }

    /// Reads the certificate, anew too.
    ///
    /// # Errors
    /// [`TlsError`]; the one before stays.
    pub fn load_tls(&self) -> Result<(), TlsError> {
        self.tls.store(Some(Arc::new(Acceptor::load(&self.datadir)?)));
        Ok(())
    }

    fn knows(&self, name: &str, password: &str) -> bool {
        let variables = self.proxy.variables();
        let mut known = values::credentials(variables.str("admin-stats_credentials"));
        known.extend(values::credentials(variables.str("admin-admin_credentials")));
        known.extend(self.generated.clone());
        let stored = known.iter().find(|(user, _)| user == name).map(|(_, stored)| Password::of(stored));
        // An empty password is no password on a port of a network.
        let stored = stored.filter(|stored| *stored != Password::Empty).unwrap_or_else(Password::unknown);
        stored.check_clear(password).is_some()
    }

    fn history(&self) -> std::sync::MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self) -> view::View {
        view::View::of(&self.proxy, &self.history())
    }

    fn metrics(&self) -> Answer {
        Answer::new(200, METRICS, metrics::metrics(&self.proxy.shared, &self.proxy.watch))
    }

    /// What is at `path`, for one who may see it.
    fn page(&self, kind: Kind, path: &str) -> Answer {
        match (kind, path) {
            (_, "/metrics" | "/metrics/") => self.metrics(),
            (Kind::Page, "/") => with_headers(Answer::new(200, page::KIND, page::whole(&self.view()))),
            (Kind::Page, "/part") => with_headers(Answer::new(200, page::KIND, page::part(&self.view()))),
            (Kind::Page, "/stats.json") => Answer::new(200, "application/json", json::write(&self.view())),
            (Kind::Metrics, "/") => Answer::text(200, "Metrics for Prometheus: /metrics\n"),
            (Kind::Page, _) => Answer::text(404, "Here are / for people, /stats.json and /metrics for programs.\n"),
            (Kind::Metrics, _) => Answer::text(404, "Here is /metrics for Prometheus.\n"),
        }
    }
}

fn with_headers(answer: Answer) -> Answer {
    balance::stats::html::HEADERS.iter().fold(answer, |answer, (name, value)| {
        // The page looks for its own figures.
        let more = if *name == "content-security-policy" { "; connect-src 'self'" } else { "" };
        answer.with(name, format!("{value}{more}"))
    })
}

/// Serves the ports that are opened, until the process ends.
pub async fn run(site: Arc<Site>, mut opened: mpsc::UnboundedReceiver<Opened>) {
    let mut any = false;
    let mut looks = tokio::time::interval(super::history::EVERY);
    loop {
        tokio::select! {
            port = opened.recv() => match port {
                Some(opened) => {
                    any = true;
                    if site.tls.load().is_none() && let Err(error) = site.load_tls() {
                        log::error(&format!("no TLS on {}: {error}", opened.port.address));
                    }
                    let what = if opened.port.kind == Kind::Page { "statistics page" } else { "metrics" };
                    log::info(&format!("{what} on {}", opened.port.address));
                    tokio::task::spawn_local(serve(site.clone(), opened));
                }
                None => return,
            },
            _ = looks.tick(), if any => site.history().look(&site.proxy.shared),
        }
    }
}

async fn serve(site: Arc<Site>, opened: Opened) {
    let Opened { port, listener, mut closed } = opened;
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return log::error(&format!("cannot serve {}: {error}", port.address)),
    };
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut closed => return log::info(&format!("{} is closed", port.address)),
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        let site = site.clone();
        tokio::task::spawn_local(async move {
            // Whoever leaves in the middle is none of the log's business.
            _ = welcome(&site, port, stream, peer.ip().to_canonical()).await;
            drop(place);
        });
    }
}

async fn welcome(site: &Arc<Site>, port: Port, stream: TcpStream, peer: IpAddr) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    let read = tokio::time::timeout(HANDSHAKE, stream.peek(&mut first)).await;
    if read.map_err(|_| io::ErrorKind::TimedOut)?? == 0 {
        return Ok(());
    }
    if first[0] != TLS {
        return converse(site, stream, Guest { port, peer, encrypted: false }).await;
    }
    let Some(tls) = site.tls.load_full() else { return Ok(()) };
    let stream = tokio::time::timeout(HANDSHAKE, tls.accept(Stream::Tcp(stream))).await;
    converse(site, stream.map_err(|_| io::ErrorKind::TimedOut)??, Guest { port, peer, encrypted: true }).await
}

#[derive(Debug, Clone, Copy)]
struct Guest {
    port: Port,
    peer: IpAddr,
    encrypted: bool,
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(site: &Arc<Site>, stream: S, guest: Guest) -> io::Result<()> {
    let mut conversation = Conversation::new(stream);
    while let Some(request) = conversation.request().await? {
        let (head_only, keeps) = (request.method == "HEAD", request.keeps);
        let answer = match refusal(site, guest, &request) {
            Some(refusal) => {
                if refusal.status == 401 && request.credentials.is_some() {
                    tokio::time::sleep(DELAY).await;
                }
                refusal
            }
            None => {
                // Adding up takes its time, and the monitor lives on this thread.
                let (site, kind) = (site.clone(), guest.port.kind);
                let work = move || site.page(kind, &request.path);
                let failed = |error| Answer::text(500, format!("it failed within itself: {error}\n"));
                tokio::task::spawn_blocking(work).await.unwrap_or_else(failed)
            }
        };
        conversation.answer(&answer, head_only, keeps).await?;
        if !keeps {
            break;
        }
    }
    conversation.end().await;
    Ok(())
}

/// Why somebody does not get what he asks for.
fn refusal(site: &Site, guest: Guest, request: &Request) -> Option<Answer> {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Some(Answer::text(405, "Only GET and HEAD.\n").with("allow", "GET, HEAD"));
    }
    if !guest.encrypted {
        if guest.port.kind == Kind::Metrics && guest.peer.is_loopback() {
            return None;
        }
        let host = request.host.as_deref().filter(|host| is_host(host));
        return Some(match host {
            Some(host) if guest.port.kind == Kind::Page => {
                Answer::text(301, "With TLS only.\n").with("location", format!("https://{host}{}", path(&request.path)))
            }
            _ => Answer::text(403, "With TLS only, and a user of admin-stats_credentials: https://…\n"),
        });
    }
    if request.credentials.as_ref().is_some_and(|(name, password)| site.knows(name, password)) {
        return None;
    }
    let challenge = "Basic realm=\"Barque SQL proxy\", charset=\"UTF-8\"";
    let text = "A user of admin-stats_credentials or admin-admin_credentials may see this.\n";
    Some(Answer::text(401, text).with("www-authenticate", challenge))
}

/// It may stand in a header.
fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte))
}

fn path(text: &str) -> &str {
    let plain = text.starts_with('/') && !text.starts_with("//");
    let known = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    if plain && known { text } else { "/" }
}
