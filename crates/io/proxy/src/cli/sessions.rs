//! Sessions: each worker tells of its own.

use super::View;
use crate::flow::calendar;
use crate::live::{Live, Signal};
use crate::wheel::NEVER;
use crate::worker::Worker;
use balance::cli::{SessionFacts, Sessions};
use balance::config::model::Mode;
use std::sync::mpsc;
use std::time::Duration;

/// How long a worker may take to answer. One that is busier than that is left out of the list.
const PATIENCE: Duration = Duration::from_secs(2);

impl View {
    /// Asks all workers, and collects what they answer in time.
    fn ask<T: Send + 'static>(&self, question: impl Fn(&Worker) -> T + Clone + Send + 'static) -> Vec<T> {
        let (answer, answers) = mpsc::channel();
        for worker in self.engine.workers() {
            let (question, answer) = (question.clone(), answer.clone());
            // Nobody hears an answer that comes too late.
            worker.run(move |worker| _ = answer.send(question(worker)));
        }
        drop(answer);
        std::iter::from_fn(|| answers.recv_timeout(PATIENCE).ok()).collect()
    }
}

impl Sessions for View {
    fn sessions(&self) -> Vec<SessionFacts> {
        let mut all: Vec<SessionFacts> = self
            .ask(|worker| worker.sessions().iter().map(|live| facts(worker, live)).collect::<Vec<_>>())
            .into_iter()
            .flatten()
            .collect();
        all.sort_by_key(|session| session.id);
        all
    }

    fn shutdown_session(&self, id: u64) -> bool {
        let id = id - ID_BASE.min(id);
        self.ask(move |worker| worker.signal_sessions(Signal::Killed, |live| live.id == id)).into_iter().any(|n| n > 0)
    }
}

/// Added to a session's number, so that what is shown looks like the pointer that tools expect, and is never 0.
const ID_BASE: u64 = 0x5600_0000_0000;

fn facts(worker: &Worker, live: &Live) -> SessionFacts {
    let now = worker.now();
    let (backend, server) = (live.backend.borrow(), live.server.borrow());
    let source = live.source.get();
    let config = live.frontend.config.load();
    let expires = live.expires();
    SessionFacts {
        id: ID_BASE + live.id,
        proto: match source {
            Some(source) if source.is_ipv6() => "tcpv6",
            Some(_) => "tcpv4",
            None => "unix_stream",
        }
        .to_owned(),
        source: source.map_or_else(|| "unix:1".to_owned(), |source| source.to_string()),
        frontend: live.frontend.name.clone(),
        frontend_id: live.frontend.id,
        mode: if config.mode == Mode::Http { "http" } else { "tcp" }.to_owned(),
        listener: None,
        listener_address: live.destination.get().map_or_else(String::new, |address| address.to_string()),
        backend: backend.as_ref().map(|backend| (backend.name.clone(), backend.id)),
        server: server.as_ref().map(|server| (server.name.clone(), server.id)),
        server_address: server
            .as_ref()
            .and_then(|server| Some((server.address()?, server.port())))
            .map_or_else(String::new, |(address, port)| format!("{address}:{}", super::servers::number(port).0)),
        date: crate::zone::date(calendar(&worker.engine, live.accepted)),
        age_seconds: now.saturating_sub(live.accepted) / 1000,
        retries: config.retries,
        bytes_in: live.bytes_in.get(),
        bytes_out: live.bytes_out.get(),
        expires: (expires != NEVER).then(|| expires.saturating_sub(now) / 1000),
        http: config.mode == Mode::Http,
    }
}
