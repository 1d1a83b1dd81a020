//! Log lines: log-format strings, the standard formats, termination states, syslog framing.

mod format;
pub mod record;
mod render;
pub mod syslog;
mod target;
#[cfg(test)]
mod tests;
mod variable;

pub use format::{Flavor, Format};
pub use record::{Cause, CookieRequest, CookieResponse, Phase, Record, Termination};
pub use syslog::{Facility, Framing, Header, Level};

/// `option tcplog` (manual section 8.2.2).
pub const TCP: &str = "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq";

/// `option httplog` (manual section 8.2.3).
pub const HTTP: &str =
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r";

/// `option httpslog` (manual section 8.2.4).
pub const HTTPS: &str = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r \
     %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc";

/// `option httplog clf`.
pub const CLF: &str = "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc \
     %sq %bq %CC %CS %hrl %hsl";
