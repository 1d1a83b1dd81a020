//! One request and its answer, from the head that was read to the line that is logged.

use super::client::NoRequest;
use super::downstream::Client;
use super::record::{Ending, Times};
use super::requests::Way;
use super::transfer::{Sink, Transfer};
use super::wire::NoHead;
use crate::backend::Backend;
use crate::conversation::Conversation;
use crate::dispatch::Tries;
use crate::flow::Flow;
use crate::live::{Registered, Signal};
use crate::session::Admitted;
use crate::worker::Worker;
use balance::config::model::{HttpClose, Proxy};
use balance::http::compression::Coding;
use balance::http::connection::{self, Mode};
use balance::http::framing::{self, Body, Facts};
use balance::http::parse::Limits;
use balance::http::reply::Reply;
use balance::http::{RequestHead, ResponseHead, serialize};
use balance::log::record::{Cause, CookieResponse, Phase};
use balance::rules::cookie::RequestCookie;
use std::rc::Rc;
use std::sync::Arc;

/// What becomes of the client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Another,
    Close,
}

pub struct Exchange<'a> {
    /// As rules and logs see it; both heads are there.
    pub flow: Flow<'a>,
    pub front: Arc<Proxy>,
    /// The backend's configuration; until one is chosen the frontend's.
    pub back: Arc<Proxy>,
    /// Of heads and what may be kept of bodies.
    pub limits: Limits,
    pub facts: Facts,
    pub times: Times,
    pub tries: Tries,
    pub ending: Ending,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub cookie: RequestCookie,
    pub set_cookie: CookieResponse,
    /// Place of the server that `use-server` chose.
    pub ruled: Option<usize>,
    /// `capture cookie`: of the request, of the response.
    pub captured: [Option<Vec<u8>>; 2],
    /// What the response is to be turned into, as far as the request says.
    pub coding: Option<Coding>,
    /// `monitor-uri`, `set-log-level silent`: no line.
    pub silent: bool,
    /// The line is written before the end.
    pub asap: bool,
}

/// The limits of heads, as `tune.*` says.
pub fn limits(worker: &Worker) -> Limits {
    let running = worker.engine.running();
    let tune = &running.config.global.tune;
    let bytes = tune.bufsize.saturating_sub(tune.maxrewrite).max(tune.bufsize / 2);
    Limits { fields: tune.http_maxhdr.saturating_sub(1).max(1), bytes, lax: false }
}

impl<'a> Exchange<'a> {
    pub fn new(
        live: &'a Registered,
        admitted: &'a Admitted,
        conversation: &'a Conversation,
        front: Arc<Proxy>,
        limits: Limits,
        times: Times,
        first: bool,
    ) -> Self {
        let mut flow = Flow::new(live, admitted, conversation);
        flow.first_request = first;
        flow.requested = times.first_byte;
        Self {
            flow,
            back: front.clone(),
            front,
            limits,
            facts: Facts::default(),
            times,
            tries: Tries::default(),
            ending: Ending::default(),
            bytes_in: 0,
            bytes_out: 0,
            cookie: RequestCookie::default(),
            set_cookie: CookieResponse::Unused,
            ruled: None,
            captured: [None, None],
            coding: None,
            silent: false,
            asap: false,
        }
    }

    pub fn live(&self) -> &'a Registered {
        self.flow.live
    }

    pub fn worker(&self) -> &'a Rc<Worker> {
        self.flow.live.worker()
    }

    /// The request's head. Empty where none could be read.
    pub fn request(&self) -> &RequestHead {
        const NONE: &RequestHead = &RequestHead::EMPTY;
        self.flow.request.as_ref().unwrap_or(NONE)
    }

    pub fn response(&mut self) -> &mut ResponseHead {
        self.flow.response.get_or_insert_default()
    }

    pub fn response_limits(&self) -> Limits {
        Limits { lax: self.back.options.accept_invalid_http_response, ..self.limits }
    }

    /// Carries a request out.
    pub async fn run(&mut self, client: &mut Client<'_>, request: RequestHead, facts: Facts) -> Next {
        crate::journal::connected(self.flow.live, self.flow.admitted, "HTTP");
        let now = self.worker().recent();
        (self.facts, self.times.head) = (facts, Some(now));
        self.bytes_in = serialize::counted_request(&request);
        let body = framing::request_body(request.method(), &facts);
        self.flow.request = Some(request);
        self.flow.body_length = facts.length;
        self.track_request();
        for counters in [&self.flow.admitted.frontend.counters, &self.flow.admitted.listening.counters] {
            counters.requests_total.inc();
            counters.request_rate.count(now);
        }
        self.worker().engine.totals.requests_total.inc();
        let mut up = Transfer::new(client.source(body), Sink::Nowhere, self.limits);
        let next = self.serve(client, body, &mut up).await;
        self.finish();
        next
    }

    /// Answers, and counts, what is no request.
    pub async fn refuse(&mut self, client: &mut Client<'_>, missing: NoRequest, null: bool) -> Next {
        let (cause, status) = match &missing {
            NoRequest::Head(NoHead::Invalid(invalid)) => (Cause::Proxy, invalid.status),
            NoRequest::Head(_) => (Cause::ClientAbort, 400),
            NoRequest::Signal(Signal::Expired) => (Cause::ClientTimeout, 408),
            NoRequest::Signal(_) => (Cause::Killed, 400),
        };
        let is_probe = null && self.front.options.http_ignore_probes;
        if null && (self.front.options.dontlognull || is_probe) {
            self.silent = true;
        } else {
            let counters = &self.flow.admitted.frontend.counters;
            counters.failed_requests.inc();
            counters.requests_total.inc();
            counters.request_rate.count(self.worker().now());
            counters.response(status);
        }
        self.track_request();
        if status != 408 {
            self.track_error();
        }
        self.ending.note(cause, Phase::Request);
        if !matches!(cause, Cause::ClientAbort | Cause::Killed) && !is_probe {
            // Bytes of such an answer are not counted, as HAProxy does not.
            self.answer_unread(client, status).await;
            self.bytes_out = 0;
        }
        self.flow.status = Some(status);
        self.log();
        Next::Close
    }

    async fn serve(&mut self, client: &mut Client<'_>, body: Body, up: &mut Transfer) -> Next {
        let backend = match self.find_backend(client, up).await {
            Way::On(backend) => backend,
            Way::Ended(next) => return next,
        };
        let Some(backend) = backend else {
            self.ending.note(Cause::ServerAbort, Phase::Connect);
            self.times.head = None;
            return self.answer(client, Reply::Page(503), up.is_read() || body == Body::None).await;
        };
        self.enter_backend(&backend);
        let next = match self.pass_backend(client, up).await {
            Way::On(()) => self.forward(client, &backend, body, up).await,
            Way::Ended(next) => next,
        };
        self.leave_backend(&backend);
        next
    }

    fn enter_backend(&mut self, backend: &Arc<Backend>) {
        crate::l4::session::enter_backend(self.flow.live, backend, self.worker().recent());
        self.back = backend.config.load_full();
        self.flow.enter(backend);
        backend.counters.requests_total.inc();
    }

    fn leave_backend(&self, backend: &Backend) {
        backend.counters.sessions.leave();
        self.flow.live.backend.borrow_mut().take();
    }

    pub fn mode(&self) -> Mode {
        let of = |proxy: &Proxy| match proxy.options.http_close {
            HttpClose::KeepAlive => Mode::KeepAlive,
            HttpClose::ServerClose => Mode::ServerClose,
            HttpClose::Close => Mode::Close,
        };
        of(&self.front).max(of(&self.back))
    }

    /// Whether the client's connection can go on after a response that ends in this way.
    pub fn keeps_client(&self, body: Body) -> bool {
        connection::keeps_client((self.request().version, &self.facts), body, self.mode())
            && !self.worker().engine.is_stopping()
    }
}
