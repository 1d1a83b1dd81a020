//! Log lines: log-format strings, the standard formats, termination states, syslog framing.

pub mod record;
pub mod syslog;
mod target;

pub use record::{Cause, CookieRequest, CookieResponse, Phase, Record, Termination};
pub use syslog::{Facility, Framing, Header, Level};

use crate::sample::{Context, Env};

/// A log-format string (manual section 8.2.4), read once.
#[derive(Debug, Clone)]
pub struct Format {}

impl Format {
    pub fn parse(text: &str, env: Env<'_>) -> Result<Self, String> {
        let _ = (text, env);
        Ok(Self {})
    }

    /// Appends the line, without an end of line.
    pub fn render(&self, context: &dyn Context, out: &mut Vec<u8>) {
        let _ = (context, out);
    }
}

/// `option tcplog` (manual section 8.2.2).
pub const TCP: &str = "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq";

/// `option httplog` (manual section 8.2.3).
pub const HTTP: &str =
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r";

/// `option httpslog` (manual section 8.2.4).
pub const HTTPS: &str = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc";

/// `option httplog clf`.
pub const CLF: &str = "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl";
