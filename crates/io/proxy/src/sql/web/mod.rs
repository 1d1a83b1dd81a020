//! Metrics and the statistics page over HTTP: `admin-restapi_*` and `admin-web_*`, as ProxySQL has them.
//!
//! What always holds
//! - With TLS and the name and password of `admin-stats_credentials` or `admin-admin_credentials`, from anywhere.
//! - Without, only `/metrics` of the metrics' port, and only to this machine: its figures have no text of statements.
//! - A port is opened and closed by `LOAD ADMIN VARIABLES TO RUNTIME`; one that cannot be opened fails the load.

mod history;
mod http;
mod json;
mod page;
mod ports;
mod site;
mod view;

pub use ports::{Kind, Opened, Port, Ports, wanted};
pub use site::{Site, run};
