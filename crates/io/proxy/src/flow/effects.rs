//! What rules ask for beyond changes of heads.

use super::Flow;
use balance::http::{RequestHead, ResponseHead};
use balance::pattern::Key;
use balance::rules::{Effect, Exchange, MapChange, Timer};
use balance::sample::Side;
use balance::sample::context::Endpoint;
use std::net::{IpAddr, SocketAddr};

impl Exchange for Flow<'_> {
    fn request_mut(&mut self) -> Option<&mut RequestHead> {
        self.request.as_mut()
    }

    fn response_mut(&mut self) -> Option<&mut ResponseHead> {
        self.response.as_mut()
    }

    fn effect(&mut self, effect: Effect<'_>) {
        match effect {
            Effect::Track { slot, table, key } => self.track(slot, table, &key),
            Effect::SetGpt { slot, index, value } => self.set_gpt(slot, index, value),
            Effect::LogLevel(level) => self.asked.log_level = Some(level),
            Effect::Timeout { timer: Timer::Server, millis } => self.asked.server_timeout = Some(millis),
            Effect::Timeout { timer: Timer::Tunnel, millis } => self.asked.tunnel_timeout = Some(millis),
            Effect::PriorityClass(class) => self.asked.priority_class = class,
            Effect::PriorityOffset(offset) => self.asked.priority_offset = offset,
            Effect::DisableL7Retry => self.asked.no_l7_retry = true,
            Effect::EarlyHint { name, value } => self.asked.early_hints.push((name.to_vec(), value.into_owned())),
            Effect::EndEarlyHints => self.asked.send_early_hints = true,
            Effect::StrictMode(strict) => self.asked.lenient = !strict,
            Effect::Source(address) => self.relocate(Side::Client, Some(address), None),
            Effect::SourcePort(port) => self.relocate(Side::Client, None, Some(port)),
            Effect::Destination(address) => self.relocate(Side::Server, Some(address), None),
            Effect::DestinationPort(port) => self.relocate(Side::Server, None, Some(port)),
            // A rule's text takes the place of what was there, a converter's does not.
            Effect::Capture { side, slot, len, text } => {
                if let Some(place) = self.captures[usize::from(side == Side::Server)].get_mut(slot) {
                    *place = text[..text.len().min(len)].to_vec().into();
                }
            }
            Effect::Tos(tos) => self.asked.tos = Some(tos),
            Effect::Mark(mark) => self.asked.mark = Some(mark),
            // Our scheduler has no priorities among sessions.
            Effect::Nice(_) => {}
            Effect::Map { file, change } => self.change_map(file, &change),
        }
    }
}

impl Flow<'_> {
    /// Keeps a captured text; the first one of a slot stays.
    pub(super) fn keep(&self, side: Side, slot: usize, text: &[u8]) {
        if let Some(place) = self.captures[usize::from(side == Side::Server)].get(slot) {
            // Taken already: nothing is overwritten.
            _ = place.set(text.to_vec());
        }
    }

    /// `add-acl`, `set-map` and their like. The configuration has seen to it that the list is there.
    fn change_map(&self, file: &str, change: &MapChange<'_>) {
        let running = self.live.worker().engine.running();
        let is_map = matches!(change, MapChange::SetMap { .. } | MapChange::DelMap { .. });
        let Some(list) = running.patterns.find(file, is_map) else { return };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        // What cannot be a pattern of the list's kind is not added: rules have nobody to tell.
        match change {
            MapChange::AddAcl { key } => _ = list.add(&text(key), None),
            MapChange::DelAcl { key } | MapChange::DelMap { key } => _ = list.remove(Key::Pattern(&text(key))),
            MapChange::SetMap { key, value } => {
                let (key, value) = (text(key), text(value));
                if list.set(Key::Pattern(&key), &value) == Ok(false) {
                    _ = list.add(&key, Some(&value));
                }
            }
        }
    }

    /// `set-src` and its like. An address without one before has port 0; a port needs an address.
    fn relocate(&mut self, side: Side, address: Option<IpAddr>, port: Option<u16>) {
        let connection = self.moved.get_or_insert_with(|| Box::new(self.conversation.connection.clone()));
        let end = match side {
            Side::Client => &mut connection.source,
            Side::Server => &mut connection.destination,
        };
        let before = match *end {
            Some(Endpoint::Ip(before)) => before,
            _ if address.is_none() => return,
            _ => SocketAddr::from(([0, 0, 0, 0], 0)),
        };
        let after = SocketAddr::new(address.unwrap_or(before.ip()), port.unwrap_or(before.port()));
        *end = Some(Endpoint::Ip(after));
        match side {
            Side::Client => self.live.source.set(Some(after)),
            Side::Server => self.live.destination.set(Some(after)),
        }
    }
}
