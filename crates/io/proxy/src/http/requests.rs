//! A request on its way to a backend: monitoring, captures, rules, and what the proxy adds to the head.

use super::downstream::Client;
use super::exchange::{Exchange, Next};
use super::manners::Names;
use super::relay;
use super::transfer::Transfer;
use crate::backend::Backend;
use crate::dispatch::millis;
use crate::flow::Peeked;
use crate::server::Server;
use balance::http::compression::{self, Coding};
use balance::http::reply::{Answer, Reply};
use balance::http::{RequestHead, Version, serialize};
use balance::log::record::{Cause, CookieResponse, Phase};
use balance::program::Program;
use balance::rules::cookie::{Persistence, ServerCookie};
use balance::rules::{self, Rule, Verdict, forward};
use balance::sample::Context;
use std::cell::OnceCell;
use std::sync::Arc;

/// Whether an exchange goes on.
pub enum Way<T> {
    On(T),
    /// It has been answered, or needs no answer.
    Ended(Next),
}

impl Exchange<'_> {
    /// Runs what the frontend says, and finds the backend.
    pub async fn find_backend(&mut self, client: &mut Client<'_>, up: &mut Transfer) -> Way<Option<Arc<Backend>>> {
        let program = self.flow.programs.front.clone();
        if let Some(monitored) = self.monitor(client, &program, up).await {
            return Way::Ended(monitored);
        }
        self.capture_request();
        if self.restrict_names() == Names::Forbidden {
            let through = self.has_body_read(up);
            self.count_denied();
            self.ending.note(Cause::Proxy, Phase::Request);
            return Way::Ended(self.answer(client, Reply::Page(403), through).await);
        }
        self.coding = self.choose_coding();
        if let Way::Ended(next) = self.buffer_request(client, up, self.front.options.http_buffer_request).await {
            return Way::Ended(next);
        }
        if let Way::Ended(next) = self.run_rules(client, up, &program).await {
            return Way::Ended(next);
        }
        let front = self.front.clone();
        if let Way::Ended(next) = self.stats_page(client, up, &program, &front).await {
            return Way::Ended(next);
        }
        if program.use_backend.is_empty() {
            return Way::On(self.flow.default_backend.clone());
        }
        Way::On(crate::l4::opening::backend(&self.flow))
    }

    /// Runs what the backend says, and makes the head ready for a server.
    pub async fn pass_backend(&mut self, client: &mut Client<'_>, up: &mut Transfer) -> Way<()> {
        let wanted = self.back.options.http_buffer_request && !self.front.options.http_buffer_request;
        if let Way::Ended(next) = self.buffer_request(client, up, wanted).await {
            return Way::Ended(next);
        }
        if let Some(program) = self.flow.programs.other().cloned() {
            if let Way::Ended(next) = self.run_rules(client, up, &program).await {
                return Way::Ended(next);
            }
            let back = self.back.clone();
            if let Way::Ended(next) = self.stats_page(client, up, &program, &back).await {
                return Way::Ended(next);
            }
            self.coding = self.coding.or_else(|| self.choose_coding());
        }
        self.add_fields();
        self.adjust_request();
        if let Some(wire) = client.wire()
            && (self.flow.asked.tos.is_some() || self.flow.asked.mark.is_some())
        {
            crate::sockets::mark(&wire.stream, self.flow.asked.tos, self.flow.asked.mark);
        }
        Way::On(())
    }

    /// `option http-buffer-request`: rules see the body, as far as it fits.
    async fn buffer_request(&mut self, client: &mut Client<'_>, up: &mut Transfer, wanted: bool) -> Way<()> {
        if !wanted {
            return Way::On(());
        }
        let patience = millis(self.front.timeouts.http_request.or(self.front.timeouts.client));
        self.wait_for_body(client, up, patience, 0).await
    }

    async fn run_rules(&mut self, client: &mut Client<'_>, up: &mut Transfer, program: &Program) -> Way<()> {
        for list in [&program.tcp_content, &program.http_request] {
            if !list.is_empty()
                && let Way::Ended(next) = self.run_list(client, up, list).await
            {
                return Way::Ended(next);
            }
        }
        Way::On(())
    }

    pub async fn run_list(&mut self, client: &mut Client<'_>, up: &mut Transfer, list: &[Rule]) -> Way<()> {
        let mut next = 0;
        loop {
            let verdict = rules::evaluate(list, &mut next, &mut self.flow);
            self.send_hints(client);
            match verdict {
                Verdict::WaitForBody { millis, at_least } => {
                    if let Way::Ended(next) = self.wait_for_body(client, up, millis, at_least).await {
                        return Way::Ended(next);
                    }
                }
                Verdict::WaitForHandshake | Verdict::ExpectProxy | Verdict::SwitchToHttp { .. } => {}
                Verdict::Continue | Verdict::Accept | Verdict::Wait => return Way::On(()),
                verdict => return Way::Ended(self.end_by_rule(client, up, verdict).await),
            }
        }
    }

    async fn end_by_rule(&mut self, client: &mut Client<'_>, up: &mut Transfer, verdict: Verdict) -> Next {
        let through = self.has_body_read(up);
        match verdict {
            Verdict::Deny(reply) => {
                self.count_denied();
                self.track_error();
                self.ending.note(Cause::Proxy, Phase::Request);
                self.answer(client, reply, through).await
            }
            Verdict::Tarpit(reply) => {
                self.count_denied();
                self.track_error();
                let limit = self.back.timeouts.tarpit.or(self.back.timeouts.connect);
                relay::pause(self, client, millis(limit)).await;
                // HAProxy shows the time in the tarpit as time in a queue.
                (self.times.held, self.times.head) = (self.times.head, None);
                self.tries.assigned = Some(self.worker().now());
                self.ending.note(Cause::Proxy, Phase::Tarpit);
                self.answer(client, reply, through).await
            }
            Verdict::Reply(reply) => {
                self.count_intercepted();
                self.end_locally();
                self.answer(client, reply, through).await
            }
            Verdict::Unauthorized { realm } => {
                self.track_error();
                self.end_locally();
                let is_proxy = self.front.options.http_use_proxy_header && !self.request().uri().starts_with(b"/");
                let answer = match is_proxy {
                    false => Answer::unauthorized(&realm),
                    true => Answer::page(407).header("proxy-authenticate", format!("Basic realm=\"{realm}\"")),
                };
                self.answer(client, Reply::Built(answer), through).await
            }
            Verdict::SilentDrop => {
                self.count_denied();
                (self.times.head, self.captured[0]) = (None, None);
                self.ending.note(Cause::Proxy, Phase::Request);
                if let Some(wire) = client.wire() {
                    crate::sockets::drop_silently(&wire.stream);
                }
                Next::Close
            }
            Verdict::Failed => {
                self.flow.admitted.frontend.counters.internal_errors.inc();
                self.ending.note(Cause::Proxy, Phase::Request);
                self.answer(client, Reply::Page(500), through).await
            }
            Verdict::PrometheusExporter => {
                self.count_intercepted();
                self.end_locally();
                let answer = super::pages::metrics(self);
                self.answer(client, Reply::Built(answer), through).await
            }
            _ => {
                self.count_denied();
                (self.times.head, self.captured[0]) = (None, None);
                self.ending.note(Cause::Proxy, Phase::Request);
                Next::Close
            }
        }
    }

    /// Answered on purpose. HAProxy's line shows no captured cookie then.
    pub fn end_locally(&mut self) {
        self.ending.note(Cause::Local, Phase::Request);
        self.captured[0] = None;
    }

    fn count_denied(&self) {
        self.flow.admitted.frontend.counters.denied_requests.inc();
        if let Some(backend) = &self.flow.backend {
            backend.counters.denied_requests.inc();
        }
    }

    pub fn count_intercepted(&self) {
        self.flow.admitted.frontend.counters.intercepted.inc();
    }

    pub fn has_body_read(&self, up: &Transfer) -> bool {
        up.is_read() || self.facts.length.is_none_or(|length| length == 0) && !self.facts.chunked
    }

    /// `monitor-uri`: answered before any rule, neither forwarded nor logged.
    async fn monitor(&mut self, client: &mut Client<'_>, program: &Program, up: &Transfer) -> Option<Next> {
        let uri = self.front.monitor.uri.as_ref()?;
        if self.request().path_and_query() != uri.as_bytes() {
            return None;
        }
        self.silent = true;
        self.count_intercepted();
        let fails = program.monitor_fail.iter().any(|condition| condition.holds(&self.flow));
        self.ending.note(Cause::Local, Phase::Request);
        let through = self.has_body_read(up);
        Some(self.answer(client, Reply::Page(if fails { 503 } else { 200 }), through).await)
    }

    /// Takes in as much of the body as rules want to see, before any of it is forwarded.
    pub async fn wait_for_body(
        &mut self,
        client: &mut Client<'_>,
        up: &mut Transfer,
        millis: u64,
        at_least: u64,
    ) -> Way<()> {
        if self.request().headers.has_token(b"expect", b"100-continue") {
            let interim = balance::http::ResponseHead::new(100, b"Continue", Version::Http11);
            self.bytes_out += serialize::counted_response(&interim);
            client.send_interim(&interim, self.request().version);
            if let Some(head) = &mut self.flow.request {
                head.headers.remove(b"expect");
            }
        }
        let most = self.worker().engine.running().config.global.tune.bufsize;
        up.record(most);
        let waited = relay::wait_for_body(self, client, up, millis, at_least).await;
        let bytes = up.recorded().to_vec();
        self.flow.request_body = Some(Peeked { bytes, complete: up.is_read() });
        match waited {
            Ok(()) => Way::On(()),
            Err(stop) => Way::Ended(self.no_body(client, stop).await),
        }
    }

    /// `http-request early-hint`.
    fn send_hints(&mut self, client: &mut Client<'_>) {
        if !std::mem::take(&mut self.flow.asked.send_early_hints) {
            return;
        }
        let mut head = balance::http::ResponseHead::new(103, b"Early Hints", Version::Http11);
        for (name, value) in self.flow.asked.early_hints.drain(..) {
            head.headers.add(&name, &value);
        }
        client.send_interim(&head, self.request().version);
    }

    /// `capture request header`, `capture cookie`.
    fn capture_request(&mut self) {
        let Some(head) = &self.flow.request else { return };
        for (slot, capture) in self.front.captures_request.iter().enumerate() {
            if let Some(value) = head.headers.get_all(capture.name.as_bytes()).next_back() {
                keep(&self.flow.captures[0], slot, value, capture.len);
            }
        }
        if let Some(capture) = &self.front.capture_cookie {
            let cookies = head.headers.get_all(b"cookie").flat_map(|value| value.split(|byte| *byte == b';'));
            self.captured[0] = captured_cookie(cookies, &capture.name, capture.len);
        }
    }

    fn choose_coding(&mut self) -> Option<Coding> {
        let configured = self.back.compression.as_ref().or(self.front.compression.as_ref())?;
        let codings: Vec<_> = configured.algorithms.iter().filter_map(|word| Coding::parse(word)).collect();
        let chosen = compression::choose(self.flow.request.as_ref()?, &codings);
        if configured.offload
            && !codings.is_empty()
            && let Some(head) = &mut self.flow.request
        {
            head.headers.remove(b"accept-encoding");
        }
        chosen
    }

    /// What the proxy itself says in a request's head.
    fn add_fields(&mut self) {
        let program = self.flow.programs.front.clone();
        if let Some(format) = &program.unique_id {
            let mut id = Vec::new();
            format.render(&self.flow, &mut id);
            if let (Some(name), Some(head)) = (&self.front.unique_id.header, &mut self.flow.request) {
                head.headers.add(name.as_bytes(), &id);
            }
            self.flow.unique_id = Some(id);
        }
        let (front, back) = (&self.front.options, &self.back.options);
        let live = self.flow.live;
        let Some(head) = &mut self.flow.request else { return };
        if front.forwardfor.is_some() || back.forwardfor.is_some() {
            let source = live.source.get().map(|source| source.ip());
            forward::add_address(&mut head.headers, front.forwardfor.as_ref(), back.forwardfor.as_ref(), source);
        }
        if front.originalto.is_some() || back.originalto.is_some() {
            let destination = live.destination.get().map(|destination| destination.ip());
            forward::add_address(&mut head.headers, front.originalto.as_ref(), back.originalto.as_ref(), destination);
        }
    }

    /// The server that rules, the cookie or a table want, and whether it is wanted even if it is down.
    pub fn persistent(&mut self, client: &Client<'_>, backend: &Arc<Backend>) -> (Option<Arc<Server>>, bool) {
        let program = self.flow.programs.inner();
        let asks = program.cookie.is_some()
            || !(program.persist.is_empty() && program.use_server.is_empty() && program.stick.is_empty());
        if !asks {
            return (self.last_server(client, backend), self.back.options.persist);
        }
        let program = program.clone();
        let flow = &self.flow;
        let force = self.back.options.persist || program.persist.iter().any(|rule| rule.force && rule.holds(flow));
        let ignore = program.persist.iter().any(|rule| !rule.force && rule.holds(flow));
        let usable = |server: &Arc<Server>| force || server.is_usable_when_bound();
        let mut named = program.use_server.iter().filter(|rule| rule.holds(flow));
        let by_rule = named.find_map(|rule| backend.server(&rule.server(flow)).filter(usable));
        self.ruled = by_rule.as_ref().map(|server| server.index());
        let by_cookie = self.by_cookie(backend, &program, force, ignore || by_rule.is_some());
        if by_rule.is_some() || by_cookie.is_some() {
            return (by_rule.or(by_cookie), force);
        }
        if ignore {
            return (None, false);
        }
        let stuck = (!program.stick.is_empty()).then(|| self.flow.stuck_server(backend).filter(usable)).flatten();
        (stuck.or_else(|| self.last_server(client, backend)), force)
    }

    /// `option prefer-last-server`: the one that this client has a connection to, unless too many wait for it
    /// (`max-keep-alive-queue`).
    fn last_server(&self, client: &Client<'_>, backend: &Backend) -> Option<Arc<Server>> {
        if !self.back.options.prefer_last_server {
            return None;
        }
        let last = client.last_server().filter(|server| server.backend == backend.name && server.is_usable())?;
        let longest = self.back.limits.max_keep_alive_queue.unwrap_or(-1);
        (longest < 0 || last.counters.queued.get() <= longest as u64).then(|| last.clone())
    }

    fn by_cookie(&mut self, backend: &Backend, program: &Program, force: bool, ignore: bool) -> Option<Arc<Server>> {
        let cookie = program.cookie.as_ref()?;
        let persistence = Persistence { force, ignore, now: self.flow.now().seconds() };
        let servers = backend.servers.load_full();
        let configs: Vec<_> = servers.iter().map(|server| server.config.load_full()).collect();
        let known = configs.iter().enumerate().filter_map(|(index, config)| {
            let value = config.cookie.as_deref()?;
            Some(ServerCookie { index, value, running: servers[index].is_usable_when_bound() })
        });
        self.cookie = cookie.request(self.flow.request.as_mut()?, known, persistence);
        if cookie.is_active() {
            self.set_cookie = CookieResponse::None;
        }
        self.cookie.server.and_then(|index| servers.get(index)).cloned()
    }
}

/// Keeps a text in a slot of captures, cut to its length.
pub fn keep(texts: &[OnceCell<Vec<u8>>], slot: usize, text: &[u8], len: usize) {
    if let Some(place) = texts.get(slot) {
        // A slot that is filled stays as it is.
        _ = place.set(text[..text.len().min(len)].to_vec());
    }
}

/// The first cookie whose `name=value` begins like this, cut.
pub fn captured_cookie<'c>(mut cookies: impl Iterator<Item = &'c [u8]>, name: &str, len: usize) -> Option<Vec<u8>> {
    let found =
        cookies.find_map(|cookie| Some(cookie.trim_ascii()).filter(|cookie| cookie.starts_with(name.as_bytes())))?;
    // Attributes of `Set-Cookie` are not the cookie.
    let cookie = found.split(|byte| *byte == b';').next().unwrap_or(found);
    Some(cookie[..cookie.len().min(len)].to_vec())
}

/// Whether repeating a request changes nothing (RFC 9110 section 9.2.2).
pub fn is_idempotent(head: &RequestHead) -> bool {
    matches!(head.method(), b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE" | b"PUT" | b"DELETE")
}
