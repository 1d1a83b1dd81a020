//! What samples find in a stream.

use super::{Flow, Peeked, calendar, users};
use balance::http::{RequestHead, ResponseHead};
use balance::log::Record;
use balance::sample::context::{
    BackendNumber, Body, Buffer, Connection, Counter, Entry, FrontendNumber, Named, ProcessNumber, Scope, ServerNumber,
    StreamNumber, TableNumber, Tls, Touch, Var,
};
use balance::sample::{Context, Now, Side, Value};
use std::borrow::Cow;
use std::net::{IpAddr, UdpSocket};

impl Context for Flow<'_> {
    fn now(&self) -> Now {
        let worker = self.live.worker();
        calendar(&worker.engine, worker.now())
    }

    fn random(&self, range: u32) -> u32 {
        if range == 0 { 0 } else { rand::random_range(0..range) }
    }

    fn hostname(&self) -> Option<&str> {
        Some(&self.live.worker().engine.hostname)
    }

    fn environment(&self, name: &str) -> Option<Cow<'_, str>> {
        std::env::var(name).ok().map(Cow::Owned)
    }

    fn connection(&self, side: Side) -> Option<&Connection> {
        match side {
            Side::Client => Some(self.moved.as_deref().unwrap_or(&self.conversation.connection)),
            Side::Server => self.server_connection.as_ref(),
        }
    }

    fn tls(&self, side: Side) -> Option<&Tls> {
        match side {
            Side::Client => self.conversation.tls.as_deref(),
            Side::Server => self.server_tls.as_deref(),
        }
    }

    /// An address is ours if a socket can be bound to it.
    fn is_local(&self, address: IpAddr) -> bool {
        address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
    }

    fn request(&self) -> Option<&RequestHead> {
        self.request.as_ref()
    }

    fn first_request(&self) -> bool {
        self.first_request
    }

    fn response(&self) -> Option<&ResponseHead> {
        self.response.as_ref()
    }

    fn status(&self) -> Option<u16> {
        self.status.or_else(|| self.response.as_ref().map(|head| head.status))
    }

    fn in_response(&self) -> bool {
        self.in_response
    }

    fn body(&self, side: Side) -> Option<Body<'_>> {
        let (peeked, length) = match side {
            Side::Client => (self.request_body.as_ref()?, self.body_length),
            Side::Server => (self.response_body.as_ref()?, None),
        };
        Some(Body { bytes: &peeked.bytes, complete: peeked.complete, length })
    }

    fn buffer(&self, side: Side) -> Option<Buffer<'_>> {
        let peeked: &Peeked = match side {
            Side::Client => self.request_bytes.as_ref()?,
            Side::Server => self.response_bytes.as_ref()?,
        };
        Some(Buffer { bytes: &peeked.bytes, complete: peeked.complete })
    }

    fn is_final(&self) -> bool {
        self.is_final
    }

    fn frontend(&self) -> Option<Named<'_>> {
        let frontend = &self.admitted.frontend;
        Some(Named { name: &frontend.name, id: frontend.id })
    }

    fn backend(&self) -> Option<Named<'_>> {
        let backend = self.backend.as_ref()?;
        Some(Named { name: &backend.name, id: backend.id })
    }

    fn server(&self) -> Option<Named<'_>> {
        let server = self.server.as_ref()?;
        Some(Named { name: &server.name, id: server.id })
    }

    fn listener(&self) -> Option<Named<'_>> {
        let listening = &self.admitted.listening;
        // The name that statistics make up for it is none here.
        let made_up = listening.name.strip_prefix("sock-").is_some_and(|number| number.parse() == Ok(listening.id));
        let name = if made_up { "" } else { listening.name.as_str() };
        Some(Named { name, id: listening.id })
    }

    fn listener_connections(&self) -> Option<i64> {
        Some(self.admitted.listening.counters.sessions.get() as i64)
    }

    fn backend_number(&self, what: BackendNumber, backend: Option<&str>) -> Option<i64> {
        self.number_of_backend(what, backend)
    }

    fn frontend_number(&self, what: FrontendNumber, frontend: Option<&str>) -> Option<i64> {
        self.number_of_frontend(what, frontend)
    }

    fn server_number(&self, what: ServerNumber, backend: Option<&str>, server: &str) -> Option<i64> {
        self.number_of_server(what, backend, server)
    }

    fn process_number(&self, what: ProcessNumber) -> Option<i64> {
        Some(self.number_of_process(what))
    }

    fn stream_number(&self, what: StreamNumber) -> Option<i64> {
        self.number_of_stream(what)
    }

    fn table_number(&self, what: TableNumber, table: Option<&str>) -> Option<i64> {
        self.number_of_table(what, table)
    }

    fn counter(&self, entry: Entry<'_>, table: Option<&str>, what: Counter, touch: Touch) -> Option<i64> {
        self.table_counter(entry, table, what, touch)
    }

    fn var(&self, var: &Var) -> Option<Value<'static>> {
        match var.scope {
            Scope::Proc => self.live.worker().engine.vars().get(var),
            Scope::Sess => self.conversation.vars.borrow().get(var),
            // The request's are gone while the response is looked at.
            Scope::Req if self.in_response => None,
            _ => self.vars.borrow().get(var),
        }
    }

    fn set_var(&self, var: &Var, value: Option<Value<'static>>) {
        match var.scope {
            Scope::Proc => self.live.worker().engine.vars().set(var, value),
            Scope::Sess => self.conversation.vars.borrow_mut().set(var, value),
            _ => self.vars.borrow_mut().set(var, value),
        }
    }

    fn check_user(&self, userlist: &str, user: &str, password: &str, group: Option<&str>) -> bool {
        let running = self.live.worker().engine.running();
        users::check(&running.config, userlist, user, password, group)
    }

    fn unique_id(&self) -> Option<Cow<'_, [u8]>> {
        self.unique_id.as_deref().map(Cow::Borrowed)
    }

    fn capture(&self, side: Side, slot: usize) -> Option<&[u8]> {
        self.captures[usize::from(side == Side::Server)].get(slot)?.get().map(Vec::as_slice)
    }

    fn set_capture(&self, side: Side, slot: usize, value: &[u8]) {
        let lengths = &self.programs.front.captures[usize::from(side == Side::Server)];
        let longest = lengths.get(slot).copied().unwrap_or(0);
        self.keep(side, slot, &value[..value.len().min(longest)]);
    }

    fn captures(&self, side: Side) -> usize {
        self.captures[usize::from(side == Side::Server)].len()
    }

    fn default_backend(&self) -> Option<&str> {
        self.default_backend.as_ref().map(|backend| backend.name.as_str())
    }

    fn compression(&self) -> Option<&str> {
        self.compression
    }

    fn record(&self) -> Cow<'_, Record> {
        self.record.as_ref().map_or_else(|| Cow::Owned(self.begun()), Cow::Borrowed)
    }
}
