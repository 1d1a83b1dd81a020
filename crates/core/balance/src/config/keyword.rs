//! A keyword of the manual, and what becomes of it here. Each section's module has a table of its own.

/// One row: a keyword, where it may stand, and its fate.
pub struct Keyword<F: 'static> {
    /// All its fixed words: `timeout client`.
    pub name: &'static str,
    /// Sections of proxies that take it; [`ANY`] elsewhere.
    pub sections: Sections,
    pub fate: Fate<F>,
}

pub enum Fate<F: 'static> {
    /// Read, and it does what the manual says.
    Done(F),
    /// Accepted, without effect; the reason.
    Ignored(&'static str),
    /// An error: it would change traffic, and we cannot do it. The reason, and what to write instead.
    Refused(&'static str, &'static str),
}

/// A set of [`DEFAULTS`], [`FRONTEND`], [`LISTEN`], [`BACKEND`].
pub type Sections = u8;

pub const DEFAULTS: Sections = 1;
pub const FRONTEND: Sections = 2;
pub const LISTEN: Sections = 4;
pub const BACKEND: Sections = 8;
/// In `defaults`, only those with a name: rules cannot be shared by copying otherwise.
pub const NAMED_DEFAULTS: Sections = 16;
pub const ANY: Sections = DEFAULTS | FRONTEND | LISTEN | BACKEND;
pub const FRONTS: Sections = FRONTEND | LISTEN;
pub const BACKS: Sections = LISTEN | BACKEND;

pub const fn done<F>(name: &'static str, sections: Sections, read: F) -> Keyword<F> {
    Keyword { name, sections, fate: Fate::Done(read) }
}

pub const fn ignored<F>(name: &'static str, sections: Sections, reason: &'static str) -> Keyword<F> {
    Keyword { name, sections, fate: Fate::Ignored(reason) }
}

pub const fn refused<F>(
    name: &'static str,
    sections: Sections,
    reason: &'static str,
    cure: &'static str,
) -> Keyword<F> {
    Keyword { name, sections, fate: Fate::Refused(reason, cure) }
}

/// The row whose words begin the line; of several, the one with most words.
pub fn find<'t, F>(tables: &[&'t [Keyword<F>]], words: &[String]) -> Option<&'t Keyword<F>> {
    let begins = |keyword: &&Keyword<F>| {
        let mut rest = words.iter();
        keyword.name.split(' ').all(|word| rest.next().is_some_and(|next| next == word))
    };
    tables.iter().flat_map(|table| table.iter()).filter(begins).max_by_key(|keyword| keyword.name.split(' ').count())
}
