//! `barque sql`: from a configuration file to a proxy that serves.

use super::admin::{Admin, Options as AdminOptions, Rows, Shared as Engine, rows_of, wire};
use super::client::handshake::Peer;
use super::doors::Doors;
use super::listener::{self, Opened};
use super::monitor::memory::Memories;
use super::monitor::{self, Watch};
use super::pidfile::PidFile;
use super::run::start_worker;
use super::runtime::Proxy;
use super::server::pool::Share;
use super::shared::Shared;
use super::stop::{Drain, Ending, Signals};
use super::stream::Stream;
use super::tls::Acceptor;
use super::web::{self, Site};
use super::{log, values};
use mysql::config_file::{self, Level, Parsed};
use mysql::variables::Variables;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Where ProxySQL has it.
pub const CONFIG: &str = "/etc/proxysql.cnf";

const DATADIR: &str = "/var/lib/proxysql";

/// For the first answer of all servers: clients that come before it would go by the file alone.
const SETTLING: Duration = Duration::from_millis(1500);

/// What the command line says.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub config: Option<PathBuf>,
    pub datadir: Option<PathBuf>,
    pub initial: bool,
    pub reload: bool,
    pub compat: bool,
    /// Says what is wrong with the file, and ends.
    pub check: bool,
    /// How long new clients are served after SIGTERM, at least; without it see [`Drain::of`].
    pub drain: Option<Duration>,
}

/// Runs until it is told to stop.
pub fn main(options: &Options) -> ExitCode {
    match start(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            problems.iter().for_each(|problem| log::error(problem));
            ExitCode::FAILURE
        }
    }
}

fn start(options: &Options) -> Result<(), Vec<String>> {
    let path = options.config.clone().unwrap_or_else(|| CONFIG.into());
    let parsed = read(&path).map_err(|problem| vec![problem])?;
    if options.check {
        return check(&path, &parsed);
    }
    if let Some(path) = &parsed.top.errorlog {
        log::also_to(Path::new(path)).unwrap_or_else(|problem| log::warn(&problem));
    }
    for (level, line) in config_file::report(&parsed.problems) {
        match level {
            Level::Error => {}
            Level::Warning => log::warn(&line),
            Level::Note => log::info(&line),
        }
    }
    rows_of(&parsed)?;
    let _pidfile = parsed
        .top
        .pidfile
        .as_ref()
        .map(|path| PidFile::write(Path::new(path)))
        .transpose()
        .map_err(|problem| vec![problem])?;
    let datadir = options.datadir.clone().or_else(|| parsed.top.datadir.clone().map(Into::into));
    let datadir = datadir.unwrap_or_else(|| DATADIR.into());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .build()
        .map_err(|error| vec![format!("the system gives no event queue: {error}")])?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, serve(options, &parsed, path, datadir))
}

/// Says what a start would meet, on standard output: for people and for scripts, which get 1 where it could not start.
fn check(path: &Path, parsed: &Parsed) -> Result<(), Vec<String>> {
    config_file::report(&parsed.problems).iter().for_each(|(_, line)| println!("{line}"));
    let interfaces = ["mysql-interfaces", "admin-mysql_ifaces"].map(|name| {
        let set = parsed.variables.iter().find(|(other, ..)| other == name)?;
        listener::parse(&set.1).err().map(|problem| format!("{}: error: {name}: {problem}", set.2))
    });
    let interfaces: Vec<&String> = interfaces.iter().flatten().collect();
    interfaces.iter().for_each(|line| println!("{line}"));
    let count = |level| parsed.problems.iter().filter(|problem| problem.level == level).count();
    let (errors, warnings) = (count(Level::Error) + interfaces.len(), count(Level::Warning));
    if errors > 0 {
        return Err(vec![format!("{}: {errors} errors, {warnings} warnings: it cannot start", path.display())]);
    }
    println!("{}: good, {warnings} warnings", path.display());
    Ok(())
}

fn read(path: &Path) -> Result<Parsed, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}; name the file with -f", path.display()))?;
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let include = move |name: &str| std::fs::read_to_string(folder.join(name)).map_err(|error| error.to_string());
    Ok(config_file::parse(&path.display().to_string(), &text, &include))
}

async fn serve(options: &Options, parsed: &Parsed, path: PathBuf, datadir: PathBuf) -> Result<(), Vec<String>> {
    let mut signals = Signals::catch().map_err(|error| vec![format!("the system gives no signals: {error}")])?;
    // Before anything that takes time: a pod without a readiness probe is sent clients as soon as its process runs. By
    // ProxySQL's rule the database may say where to listen.
    let doors = if options.compat { None } else { Some(Doors::open(&written(parsed)?)?) };
    std::fs::create_dir_all(&datadir).map_err(|error| vec![format!("{}: {error}", datadir.display())])?;
    let shared = Arc::new(Shared::new());
    shared.rsa.keep_in(&datadir);
    let watch = Arc::new(Watch::default());
    let (to_monitor, wanted) = mpsc::unbounded_channel();
    let (orders, mut ordered) = mpsc::unbounded_channel();
    let (to_web, opened) = mpsc::unbounded_channel();
    let proxy = Arc::new(Proxy::new(shared.clone(), watch.clone(), to_monitor, orders, to_web));
    let admin_options = AdminOptions {
        datadir: Some(datadir.clone()),
        compat: options.compat,
        initial: options.initial,
        reload: options.reload,
        config: Box::new(move || rows_at(&path)),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let admin = Admin::open(admin_options, proxy.clone())?;
    admin.load_all()?;
    let variables = proxy.variables();
    if variables.bool("mysql-have_ssl") {
        let acceptor = Acceptor::load(&datadir).map_err(|error| vec![error.to_string()])?;
        shared.tls.store(Some(Arc::new(acceptor)));
    }
    let memories = Memories::open(&datadir, options.initial);
    let doors = doors.map_or_else(|| Doors::open(&variables), Ok)?;
    let serves = doors.to_string();
    tokio::task::spawn_local(monitor::run(shared.clone(), watch.clone(), memories, wanted));
    _ = tokio::time::timeout(SETTLING, watch.settled.notified()).await;
    let workers = doors.workers.len() as u32;
    for (worker, sockets) in doors.workers.into_iter().enumerate() {
        let share = Share { worker: worker as u32, workers };
        start_worker(shared.clone(), share, sockets)
            .map_err(|error| vec![format!("the system gives no thread: {error}")])?;
    }
    let generated = administrators(&proxy, &datadir)?;
    let site = Arc::new(Site::new(proxy.clone(), generated.clone(), datadir.clone()));
    tokio::task::spawn_local(web::run(site.clone(), opened));
    let stats_users = values::credentials(variables.str("admin-stats_credentials"));
    let engine = Engine::new(admin, stats_users.into_iter().map(|(user, _)| user));
    for socket in doors.admin {
        let (engine, proxy, generated) = (engine.clone(), proxy.clone(), generated.clone());
        tokio::task::spawn_local(async move {
            if let Err(error) = administer(engine, proxy, generated, socket).await {
                log::error(&format!("the admin interface ended: {error}"));
            }
        });
    }
    log::info(&format!("serves {serves}"));
    let drain = Drain::of(options.drain);
    Ending { shared: &shared, site: &site, datadir: &datadir, orders: &mut ordered, signals: &mut signals, drain }
        .run()
        .await;
    Ok(())
}

/// The file's variables.
fn written(parsed: &Parsed) -> Result<Variables, Vec<String>> {
    let mut variables = Variables::default();
    for (name, value, place) in &parsed.variables {
        variables.set(name, value).map_err(|problem| vec![format!("{place}: {problem}")])?;
    }
    Ok(variables)
}

fn rows_at(path: &Path) -> Result<Rows, Vec<String>> {
    rows_of(&read(path).map_err(|problem| vec![problem])?)
}

/// Where nobody may administer, a password is made, so that somebody on this machine can.
fn administrators(proxy: &Proxy, datadir: &Path) -> Result<Option<(String, String)>, Vec<String>> {
    if !values::credentials(proxy.variables().str("admin-admin_credentials")).is_empty() {
        return Ok(None);
    }
    let path = datadir.join("admin-password");
    let password = match std::fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => {
            let password: String = super::client::handshake::scramble()
                .iter()
                .map(|byte| char::from(b"abcdefghijkmnpqrstuvwxyz23456789"[usize::from(*byte) % 32]))
                .collect();
            stdx::atomic_file::write_atomically(&path, password.as_bytes(), 0o600)
                .map_err(|error| vec![format!("{}: {error}", path.display())])?;
            password
        }
    };
    log::info(&format!("admin-admin_credentials is not set: user admin, password in {}", path.display()));
    Ok(Some(("admin".to_owned(), password)))
}

async fn administer(
    engine: Engine,
    proxy: Arc<Proxy>,
    generated: Option<(String, String)>,
    socket: Opened,
) -> std::io::Result<()> {
    let gate = move || {
        let variables = proxy.variables();
        let mut credentials = values::credentials(variables.str("admin-admin_credentials"));
        credentials.extend(values::credentials(variables.str("admin-stats_credentials")));
        credentials.extend(generated.clone());
        wire::AdminGate { tls: proxy.shared.tls.load_full(), credentials }
    };
    let serve = |stream, peer| {
        let (engine, gate) = (engine.clone(), gate());
        tokio::task::spawn_local(async move { wire::serve(engine, &gate, stream, 0, peer).await });
    };
    match socket {
        Opened::Tcp(socket) => {
            let listener = TcpListener::from_std(std::net::TcpListener::from(socket))?;
            loop {
                let (stream, address) = listener.accept().await?;
                // A client that is gone already fails at its first read.
                _ = stream.set_nodelay(true);
                serve(Stream::Tcp(stream), Peer::Ip(address.ip().to_canonical(), address.port()));
            }
        }
        Opened::Unix(socket) => {
            let listener = tokio::net::UnixListener::from_std(std::os::unix::net::UnixListener::from(socket))?;
            loop {
                let (stream, _) = listener.accept().await?;
                serve(Stream::Unix(stream), Peer::Unix);
            }
        }
    }
}
