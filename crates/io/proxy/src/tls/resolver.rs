//! Which certificate a client gets.

use super::store::Slot;
use arc_swap::ArcSwap;
use balance::tls::NameMap;
use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// The certificates of a bind, the default one first.
#[derive(Debug)]
pub struct Resolver {
    choices: Vec<Choice>,
    /// `strict-sni`: who asks for no name we know gets nothing.
    strict: bool,
    /// Places in `choices`.
    names: ArcSwap<NameMap<usize>>,
}

#[derive(Debug)]
pub struct Choice {
    pub slot: Arc<Slot>,
    /// From a crt-list; empty: the certificate's own names.
    pub filters: Vec<String>,
}

impl Resolver {
    pub fn new(choices: Vec<Choice>, strict: bool) -> Self {
        let names = ArcSwap::from_pointee(names(&choices));
        Self { choices, strict, names }
    }

    /// A certificate was replaced: it may be for other names now.
    pub fn rename(&self) {
        self.names.store(Arc::new(names(&self.choices)));
    }

    /// Among certificates for the same name, the first that the client can verify.
    pub fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<usize> {
        let found = name.map(|name| self.names.load().find(name)).unwrap_or_default();
        let fits = |place: &usize| self.choices[*place].slot.loaded().key.key.choose_scheme(schemes).is_some();
        let chosen = found.iter().copied().find(fits).or(found.first().copied());
        chosen.or((!self.strict && !self.choices.is_empty()).then_some(0))
    }

    pub fn slot(&self, place: usize) -> &Arc<Slot> {
        &self.choices[place].slot
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let place = self.choose(hello.server_name(), hello.signature_schemes())?;
        Some(self.slot(place).loaded().key.clone())
    }
}

fn names(choices: &[Choice]) -> NameMap<usize> {
    let mut names = NameMap::default();
    for (place, choice) in choices.iter().enumerate() {
        let loaded = choice.slot.loaded();
        let own = if choice.filters.is_empty() { &loaded.names } else { &choice.filters };
        own.iter().for_each(|name| names.add(name, place));
    }
    names
}
