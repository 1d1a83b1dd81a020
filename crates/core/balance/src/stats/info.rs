//! `show info`: what the process says about itself.

use super::column::Tags;
use super::{AsValue, Value};

/// A time in seconds that prints as a whole number unless fractions are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Seconds(pub f64);

impl AsValue for Seconds {
    fn as_value(&self) -> Option<Value<'_>> {
        Some(Value::Float(self.0))
    }
}

pub struct Field {
    /// Position in the typed form. Two are missing: fields of builds with zlib.
    pub position: u32,
    pub name: &'static str,
    pub get: fn(&Info) -> Option<Value<'_>>,
    pub tags: Tags,
    pub about: &'static str,
}

/// Defines [`Info`] and [`FIELDS`] from one table: position, field, name, type, tags, description.
macro_rules! fields {
    ($($position:literal $field:ident $name:literal: $type:ty, $tags:literal, $about:literal;)*) => {
        /// The process in numbers. What makes no sense here stays 0, but is there: tools want every field.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct Info {
            $(#[doc = $about] pub $field: $type,)*
        }

        /// All fields in the order of HAProxy 2.6.
        pub const FIELDS: &[Field] = &[
            $(Field {
                position: $position,
                name: $name,
                get: |info| info.$field.as_value(),
                tags: Tags($tags),
                about: $about,
            },)*
        ];
    };
}

fields! {
    0 name "Name": String, "POS", "Name of the product";
    1 version "Version": String, "POS", "Version whose commands and columns these are, and our own";
    2 release_date "Release_date": String, "POS", "Date of that version";
    3 nbthread "Nbthread": u32, "CGS", "Threads that serve traffic";
    4 nbproc "Nbproc": u32, "CGS", "Processes, always 1";
    5 process_num "Process_num": u32, "KGP", "Number of this process, always 1";
    6 pid "Pid": u32, "SGP", "Process id";
    7 uptime "Uptime": String, "MDP", "Time since the start, for people";
    8 uptime_sec "Uptime_sec": Seconds, "MDP", "Seconds since the start";
    9 memmax_mb "Memmax_MB": u32, "CLP", "Limit of memory in MB, 0 without one";
    10 pool_alloc_mb "PoolAlloc_MB": u32, "MGP", "Memory allocated in MB";
    11 pool_used_mb "PoolUsed_MB": u32, "MGP", "Memory in use in MB";
    12 pool_failed "PoolFailed": u32, "MCP", "Allocations that failed";
    13 ulimit_n "Ulimit-n": u32, "CLP", "Limit of file descriptors";
    14 maxsock "Maxsock": u32, "CLP", "Limit of sockets";
    15 maxconn "Maxconn": u32, "CLP", "Limit of connections";
    16 hard_maxconn "Hard_maxconn": u32, "CLP", "Limit of connections at the start";
    17 curr_conns "CurrConns": u32, "MGP", "Connections now";
    18 cum_conns "CumConns": u32, "MCP", "Connections so far";
    19 cum_req "CumReq": u32, "MCP", "Requests so far";
    20 max_ssl_conns "MaxSslConns": u32, "MMP", "Limit of TLS connections, 0 without one";
    21 curr_ssl_conns "CurrSslConns": u32, "MGP", "TLS connections now";
    22 cum_ssl_conns "CumSslConns": u32, "MCP", "TLS connections so far";
    23 maxpipes "Maxpipes": u32, "CLP", "Limit of pipes for splicing";
    24 pipes_used "PipesUsed": u32, "MGP", "Pipes in use";
    25 pipes_free "PipesFree": u32, "MGP", "Pipes kept for later";
    26 conn_rate "ConnRate": u32, "MRP", "Connections in the last second";
    27 conn_rate_limit "ConnRateLimit": u32, "CLP", "Limit of connections in a second";
    28 max_conn_rate "MaxConnRate": u32, "MMP", "Most connections in a second";
    29 sess_rate "SessRate": u32, "MRP", "Sessions in the last second";
    30 sess_rate_limit "SessRateLimit": u32, "CLP", "Limit of sessions in a second";
    31 max_sess_rate "MaxSessRate": u32, "MRP", "Most sessions in a second";
    32 ssl_rate "SslRate": u32, "MRP", "TLS handshakes in the last second";
    33 ssl_rate_limit "SslRateLimit": u32, "CLP", "Limit of TLS handshakes in a second";
    34 max_ssl_rate "MaxSslRate": u32, "MMP", "Most TLS handshakes in a second";
    35 ssl_frontend_key_rate "SslFrontendKeyRate": u32, "MGP", "Full TLS handshakes with clients in the last second";
    36 ssl_frontend_max_key_rate "SslFrontendMaxKeyRate": u32, "MMP", "Most full TLS handshakes with clients in a second";
    37 ssl_frontend_session_reuse_pct "SslFrontendSessionReuse_pct": u32, "MGP", "Percent of TLS sessions with clients that were resumed";
    38 ssl_backend_key_rate "SslBackendKeyRate": u32, "MRP", "Full TLS handshakes with servers in the last second";
    39 ssl_backend_max_key_rate "SslBackendMaxKeyRate": u32, "MMP", "Most full TLS handshakes with servers in a second";
    40 ssl_cache_lookups "SslCacheLookups": u32, "MCP", "TLS sessions looked for in the cache";
    41 ssl_cache_misses "SslCacheMisses": u32, "MCP", "TLS sessions not found in the cache";
    42 compress_bps_in "CompressBpsIn": u32, "MRP", "Bytes given to the compressor in the last second";
    43 compress_bps_out "CompressBpsOut": u32, "MRP", "Bytes got from the compressor in the last second";
    44 compress_bps_rate_lim "CompressBpsRateLim": u32, "CLP", "Limit of compressed bytes in a second";
    47 tasks "Tasks": u32, "MGP", "Tasks that exist";
    48 run_queue "Run_queue": u32, "MGP", "Tasks that wait for the processor";
    49 idle_pct "Idle_pct": u32, "MaP", "Percent of the last second spent waiting";
    50 node "node": String, "COS", "Name of the node";
    51 description "description": Option<String>, "COS", "Description of the node";
    52 stopping "Stopping": u32, "MGP", "1 while the process is ending";
    53 jobs "Jobs": u32, "MGP", "Connections and listeners";
    54 unstoppable_jobs "Unstoppable Jobs": u32, "MGP", "Connections that do not hold up the end";
    55 listeners "Listeners": u32, "MGP", "Listeners that accept";
    56 active_peers "ActivePeers": u32, "MGP", "Peers that were verified";
    57 connected_peers "ConnectedPeers": u32, "MGP", "Peers that are connected";
    58 dropped_logs "DroppedLogs": u32, "MGP", "Log messages that were lost";
    59 busy_polling "BusyPolling": u32, "MGP", "1 while polling without sleep";
    60 failed_resolutions "FailedResolutions": u32, "MGP", "Names that could not be resolved";
    61 total_bytes_out "TotalBytesOut": u64, "MGP", "Bytes sent";
    62 total_spliced_bytes_out "TotalSplicdedBytesOut": u64, "MGP", "Bytes sent through a pipe in the kernel";
    63 bytes_out_rate "BytesOutRate": u64, "MRP", "Bytes sent in the last second";
    64 debug_commands_issued "DebugCommandsIssued": u32, "MGP", "Debug commands run";
    65 cum_recv_logs "CumRecvLogs": u32, "MCP", "Log messages received";
    66 build_info "Build info": String, "POS", "Version of the build";
    67 memmax_bytes "Memmax_bytes": u32, "CLP", "Limit of memory in bytes, 0 without one";
    68 pool_alloc_bytes "PoolAlloc_bytes": u64, "MGP", "Memory allocated in bytes";
    69 pool_used_bytes "PoolUsed_bytes": u64, "MGP", "Memory in use in bytes";
    70 start_time_sec "Start_time_sec": Seconds, "MDP", "Start in seconds since 1970";
    71 tainted "Tainted": String, "SGP", "Flags of features that make support difficult";
}

/// How `show info` is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Form {
    pub typed: bool,
    pub json: bool,
    /// Descriptions behind the values; not in JSON.
    pub desc: bool,
    /// Fractions where there are any.
    pub float: bool,
}

impl Form {
    pub fn parse(words: &[String]) -> Self {
        let mut form = Self::default();
        for word in words {
            match word.as_str() {
                "typed" => (form.typed, form.json) = (true, false),
                "json" => (form.json, form.typed) = (true, false),
                "desc" => form.desc = true,
                "float" => form.float = true,
                _ => {}
            }
        }
        form
    }
}

impl Info {
    /// All fields with values, in order. Times lose their fraction unless `float`.
    pub fn values(&self, float: bool) -> impl Iterator<Item = (&'static Field, Value<'_>)> {
        FIELDS.iter().filter_map(move |field| {
            let value = (field.get)(self)?;
            Some((field, if float { value } else { whole(value) }))
        })
    }

    pub fn render(&self, form: Form) -> String {
        match form {
            Form { json: true, .. } => super::json::info(self, form.float),
            Form { typed: true, .. } => super::typed::info(self, form),
            _ => self.lines(form),
        }
    }

    fn lines(&self, form: Form) -> String {
        let mut out = String::new();
        for (field, value) in self.values(form.float) {
            out += &format!("{}: {value}", field.name);
            if form.desc {
                out += &format!(":\"{}\"", field.about);
            }
            out.push('\n');
        }
        out
    }
}

/// Without its fraction.
fn whole(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Float(number) => Value::U32(number as u32),
        other => other,
    }
}

/// `0d 0h01m07s`.
pub fn uptime(seconds: u64) -> String {
    let (days, rest) = (seconds / 86400, seconds % 86400);
    format!("{days}d {}h{:02}m{:02}s", rest / 3600, rest % 3600 / 60, rest % 60)
}
