//! Servers that come and go while the process runs (`add server`, `del server`). The next reload forgets them, unless
//! the file has them by then.

use crate::backend::Backend;
use crate::disk::Disk;
use crate::engine::Engine;
use crate::server::Server;
use balance::cli::ServerId;
use balance::config::{self, Source, model};
use balance::health::{Which, Wish};
use std::sync::{Arc, Mutex, PoisonError};

/// Two changes of a list at once would lose one.
static CHANGING: Mutex<()> = Mutex::new(());

/// Adds a server, in maintenance and with its checks off.
///
/// # Errors
/// What is wrong with its line, in HAProxy's words.
pub fn add_server(engine: &Arc<Engine>, backend: u32, name: &str, words: &[String]) -> Result<(), String> {
    let _changing = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
    let backend = find(engine, backend)?;
    let proxy = backend.config.load_full();
    let (algorithm, hash) = crate::apply::read_balance(&proxy)?;
    let dynamic = algorithm.is_dynamic(&hash);
    if !dynamic {
        return Err("Backend must use a dynamic load balancing to support dynamic servers.".into());
    }
    let mut line = read(&proxy.name, name, words)?;
    let mut servers = backend.servers.load().to_vec();
    if servers.iter().any(|server| server.name == name) {
        return Err("Already exists a server with the same name in backend.".into());
    }
    let given = words.iter().any(|word| word == "id");
    if let Some(other) = servers.iter().find(|other| given && other.id == line.id) {
        let place = &other.config.load().place;
        let (id, other) = (line.id, &other.name);
        return Err(format!("'id' : custom id {id} already used at {place} ('server {other}')."));
    }
    if !given {
        line.id = (1..).find(|id| servers.iter().all(|server| server.id != *id)).unwrap_or(u32::MAX);
    }
    let line = Arc::new(line);
    let server = Arc::new(Server::new(&proxy, servers.len(), line.clone(), dynamic, engine.now()));
    let running = engine.running();
    let connector = running.tls.connector_for(&running.config.global, &proxy, &line, &Disk);
    server.set_connector(connector.map_err(|wrong| wrong.join("; "))?);
    {
        // Nobody knows it yet: there is nothing to tell.
        let mut health = server.health();
        if !line.disabled {
            _ = health.wish(engine.now(), Wish::Maint);
        }
        health.switch_check(Which::Health, false);
        health.switch_check(Which::Agent, false);
        server.publish(&health, engine.now());
    }
    servers.push(server);
    backend.set_servers(servers);
    engine.generation.send_modify(|generation| *generation += 1);
    Ok(())
}

/// Removes a server.
///
/// # Errors
/// It is not there any more.
pub fn delete_server(engine: &Arc<Engine>, id: ServerId) -> Result<(), String> {
    let _changing = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
    let backend = find(engine, id.backend)?;
    let servers: Vec<_> = backend.servers.load().iter().filter(|server| server.id != id.server).cloned().collect();
    backend.set_servers(servers);
    engine.generation.send_modify(|generation| *generation += 1);
    Ok(())
}

fn find(engine: &Engine, id: u32) -> Result<Arc<Backend>, String> {
    let running = engine.running();
    running.backends.iter().find(|backend| backend.id == id).cloned().ok_or_else(|| "No such backend.".to_owned())
}

/// What keeps a backend without timeouts from being warned about.
const QUIET: &str = "defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n";

/// Reads the words as a server line of this backend without its `default-server`.
fn read(backend: &str, name: &str, words: &[String]) -> Result<model::Server, String> {
    let quoted = |word: &str| format!("'{}'", word.replace('\'', r"'\''"));
    let words: Vec<String> = std::iter::once(name).chain(words.iter().map(String::as_str)).map(quoted).collect();
    let text = format!("{QUIET}backend {}\n server {} init-addr last,libc,none\n", quoted(backend), words.join(" "));
    let source = Source { name: "<CLI>".into(), text: text.into_bytes() };
    let parsed = config::parse(&[source], &config::Env::new(), &Disk).map_err(|problems| {
        let alert = problems.0.iter().find(|problem| problem.level == config::Level::Alert);
        without_place(alert.map_or("", |problem| problem.text.as_str()))
    })?;
    let proxy = parsed.config.proxies.first().ok_or("'server' expects <name> and <addr>[:<port>] as arguments.")?;
    let server = proxy.servers.first().ok_or("'server' expects <name> and <addr>[:<port>] as arguments.")?;
    Ok(model::Server::clone(server))
}

/// What is wrong, without where: `[<CLI>:2] : 'server b/s' : unknown keyword 'x'` says only the last of it.
fn without_place(text: &str) -> String {
    text.rsplit(" : ").next().unwrap_or(text).to_owned()
}
