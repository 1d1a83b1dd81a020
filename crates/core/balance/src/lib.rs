//! What a TCP and HTTP balancer decides, in HAProxy's terms: which configuration a text means, which server a
//! connection gets, when a server is up, what a rule does to a request, what a log line or a statistics page says.
//!
//! Pure: no socket, no clock, no file, no thread. Time comes in as an argument. `proxy` carries it out.
//!
//! Each module owns its part of the configuration and the parser of its words; `config` puts them together.

pub mod acl;
pub mod check;
pub mod cli;
pub mod command_line;
pub mod config;
pub mod dns;
pub mod health;
pub mod http;
pub mod log;
pub mod password;
pub mod pattern;
pub mod pick;
mod places;
pub mod profile;
pub mod program;
pub mod proxy_protocol;
pub mod rules;
pub mod sample;
pub mod server;
pub mod server_state;
pub mod stats;
pub mod stick;
pub mod tls;
