//! How every component talks to the API: one trait, in process or over HTTPS, and informers on top.
//!
//! Components meet only through API objects, even inside one process.

pub mod api;
pub mod certificate;
pub mod door;
pub mod election;
pub mod events;
pub mod informer;
pub mod remote;
pub mod tls;

pub use api::{Api, DeleteOptions, Discovered, ListOptions, ObjectList, PatchKind, Scope, WatchStream, WriteOptions};
pub use apimachinery::{ApiError, ApiResult, Object, WatchEvent};
pub use certificate::Certificate;
pub use election::{Election, Timing};
pub use events::{EventRecorder, ObjectRef};
pub use informer::{Delta, Informer, Subscription};
pub use kinds::resources;
pub use remote::{Credentials, Remote, RemoteOptions};
