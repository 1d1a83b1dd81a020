//! What commands are about: snapshots of plain data, and the changes they ask for.
//!
//! Names and numbers are resolved by the subject, since it knows them: `be1`, or `#4` for the proxy with that number.

mod certificate;
mod frontend;
mod pattern;
mod process;
mod server;
mod session;
mod table;

pub use certificate::{CertificateFacts, Certificates, Kept, fingerprint};
pub use frontend::{FrontendChange, FrontendFacts, FrontendState, Frontends};
pub use pattern::{Found, ListFacts, ListKind, PatternEntry, Patterns, Pick, UnknownEntry};
pub use process::{Captured, Limit, Process, ProxyFacts, Report, ResolverFacts, SocketFacts};
pub use server::{CheckFacts, Connections, Missing, ServerChange, ServerFacts, ServerId, Servers, WhichAddress};
pub use session::{SessionFacts, Sessions};
pub use table::Tables;

/// All of it.
pub trait Subject: Process + Servers + Frontends + Sessions + Tables + Patterns + Certificates {}

impl<T: Process + Servers + Frontends + Sessions + Tables + Patterns + Certificates> Subject for T {}
