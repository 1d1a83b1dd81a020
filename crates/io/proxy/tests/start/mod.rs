//! An engine of a text, on an address that is free.

use balance::config::{self, Source};
use proxy::disk::Disk;
use proxy::logs::Logs;
use proxy::{Engine, Setup};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

/// A `listen` with these lines beside its `bind`, in one worker. The defaults are the caller's.
pub fn listen(defaults: &str, lines: &str) -> (Arc<Engine>, SocketAddr) {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let text = format!("global\n nbthread 1\ndefaults\n {defaults}\nlisten a\n bind {free}\n {lines}\n");
    let source = Source { name: "a.cfg".to_owned(), text: text.into_bytes() };
    let parsed = config::parse(&[source], &Default::default(), &Disk).expect("a configuration");
    let (logs, _sender) = Logs::start().expect("a thread");
    let setup = Setup::load(Arc::new(parsed.config), &Disk, &logs, None).expect("what can be set up");
    (Engine::start(setup, logs).expect("an engine"), free)
}
