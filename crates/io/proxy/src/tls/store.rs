//! The certificates in use, by the name of their file, and their replacement while they are used.

use super::pem::{self, Loaded};
use super::resolver::Resolver;
use arc_swap::ArcSwap;
use balance::config::Files;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ProducesTickets;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Certificates of one configuration, and the keys of session tickets of all.
#[derive(Debug, Default)]
pub struct Store {
    slots: Mutex<BTreeMap<PathBuf, Arc<Slot>>>,
    resolvers: Mutex<Vec<Weak<Resolver>>>,
    tickets: Arc<Mutex<HashMap<String, Arc<dyn ProducesTickets>>>>,
}

/// A certificate's place: who uses it sees what is in it now.
#[derive(Debug)]
pub struct Slot {
    loaded: ArcSwap<Loaded>,
    /// Set, but not committed.
    pending: Mutex<Option<Arc<Loaded>>>,
}

impl Slot {
    pub fn loaded(&self) -> Arc<Loaded> {
        self.loaded.load_full()
    }
}

impl Store {
    /// For the next configuration: files are read anew, tickets stay good.
    pub fn next(&self) -> Self {
        Self { tickets: self.tickets.clone(), ..Self::default() }
    }

    /// Reads a file, once for all that name it.
    pub(super) fn slot(&self, path: &Path, files: &dyn Files, provider: &CryptoProvider) -> Result<Arc<Slot>, String> {
        let mut slots = lock(&self.slots);
        if let Some(slot) = slots.get(path) {
            return Ok(slot.clone());
        }
        let loaded = ArcSwap::from_pointee(pem::load(path, files, provider)?);
        let slot = Arc::new(Slot { loaded, pending: Mutex::default() });
        slots.insert(path.to_owned(), slot.clone());
        Ok(slot)
    }

    pub(super) fn follow(&self, resolver: &Arc<Resolver>) {
        lock(&self.resolvers).push(Arc::downgrade(resolver));
    }

    /// Keys of tickets for all binds that verify clients alike: a session of one must not be resumed at another that
    /// would not have let its client in.
    pub(super) fn tickets(&self, audience: &str) -> Result<Arc<dyn ProducesTickets>, String> {
        let mut tickets = lock(&self.tickets);
        if let Some(known) = tickets.get(audience) {
            return Ok(known.clone());
        }
        let new = aws_lc_rs::Ticketer::new().map_err(|error| error.to_string())?;
        tickets.insert(audience.to_owned(), new.clone());
        Ok(new)
    }

    /// Files of certificates in use (`show ssl cert`).
    pub fn paths(&self) -> Vec<PathBuf> {
        lock(&self.slots).keys().cloned().collect()
    }

    pub fn loaded(&self, path: &Path) -> Option<Arc<Loaded>> {
        Some(lock(&self.slots).get(path)?.loaded())
    }

    /// What [`Store::set`] left to be committed.
    pub fn pending(&self, path: &Path) -> Option<Arc<Loaded>> {
        lock(&self.find(path)?.pending).clone()
    }

    /// Prepares a new content for a file (`set ssl cert`): a whole PEM, or one without a key that fits the old key.
    /// Returns whether it takes the place of one prepared before.
    ///
    /// # Errors
    /// The file is not in use, or the content cannot be.
    pub fn set(&self, path: &Path, text: &[u8]) -> Result<bool, String> {
        let slot =
            self.find(path).ok_or("Can't replace a certificate which is not referenced by the configuration!")?;
        let loaded = pem::from_bytes(path, text, &slot.loaded().key.key, &aws_lc_rs::default_provider())?;
        Ok(lock(&slot.pending).replace(Arc::new(loaded)).is_some())
    }

    /// Puts what was prepared to use (`commit ssl cert`).
    ///
    /// # Errors
    /// Nothing was prepared.
    pub fn commit(&self, path: &Path) -> Result<(), String> {
        let slot = self.find(path).ok_or("No ongoing transaction!")?;
        let new = lock(&slot.pending).take().ok_or("No ongoing transaction!")?;
        slot.loaded.store(new);
        lock(&self.resolvers).iter().filter_map(Weak::upgrade).for_each(|resolver| resolver.rename());
        Ok(())
    }

    /// Forgets what was prepared (`abort ssl cert`).
    ///
    /// # Errors
    /// Nothing was prepared.
    pub fn abort(&self, path: &Path) -> Result<(), String> {
        let slot = self.find(path).ok_or("No ongoing transaction!")?;
        lock(&slot.pending).take().map(drop).ok_or_else(|| "No ongoing transaction!".to_owned())
    }

    fn find(&self, path: &Path) -> Option<Arc<Slot>> {
        lock(&self.slots).get(path).cloned()
    }
}

/// Nothing panics while it holds one of these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
