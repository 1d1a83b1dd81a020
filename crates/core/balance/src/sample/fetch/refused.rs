//! Fetches that HAProxy 2.6 knows and we refuse, each with the reason.

use crate::sample::keyword::{Fetch, refused};

const TASK: &str = "time per task is not measured";
const KERNEL: &str = "the kernel's state of a connection (TCP_INFO) is not read";
const FCGI: &str = "FastCGI is not spoken here";
const DISTCC: &str = "distcc's protocol is not read";
const CACHE: &str = "there is no HTTP cache";
const SPOE: &str = "it is made for SPOE, which is not supported";
const HIDDEN: &str = "the TLS library keeps it to itself";
const HTX: &str = "it shows HAProxy's own representation of messages";

pub const FETCHES: &[Fetch] = &[
    refused("cpu_calls", TASK),
    refused("cpu_ns_avg", TASK),
    refused("cpu_ns_tot", TASK),
    refused("lat_ns_avg", TASK),
    refused("lat_ns_tot", TASK),
    refused("fc_fackets", KERNEL),
    refused("fc_lost", KERNEL),
    refused("fc_reordering", KERNEL),
    refused("fc_retrans", KERNEL),
    refused("fc_rtt", KERNEL),
    refused("fc_rttvar", KERNEL),
    refused("fc_sacked", KERNEL),
    refused("fc_unacked", KERNEL),
    refused("fcgi.docroot", FCGI),
    refused("fcgi.index", FCGI),
    refused("distcc_body", DISTCC),
    refused("distcc_param", DISTCC),
    refused("res.cache_hit", CACHE),
    refused("res.cache_name", CACHE),
    refused("req.hdrs_bin", SPOE),
    refused("res.hdrs_bin", SPOE),
    refused("ssl_bc_client_random", HIDDEN),
    refused("ssl_bc_npn", HIDDEN),
    refused("ssl_bc_server_random", HIDDEN),
    refused("ssl_bc_session_key", HIDDEN),
    refused("ssl_bc_unique_id", HIDDEN),
    refused("ssl_c_chain_der", HIDDEN),
    refused("ssl_fc_cipherlist_bin", HIDDEN),
    refused("ssl_fc_cipherlist_hex", HIDDEN),
    refused("ssl_fc_cipherlist_str", HIDDEN),
    refused("ssl_fc_cipherlist_xxh", HIDDEN),
    refused("ssl_fc_client_early_traffic_secret", HIDDEN),
    refused("ssl_fc_client_handshake_traffic_secret", HIDDEN),
    refused("ssl_fc_client_random", HIDDEN),
    refused("ssl_fc_client_traffic_secret_0", HIDDEN),
    refused("ssl_fc_early_exporter_secret", HIDDEN),
    refused("ssl_fc_ecformats_bin", HIDDEN),
    refused("ssl_fc_eclist_bin", HIDDEN),
    refused("ssl_fc_exporter_secret", HIDDEN),
    refused("ssl_fc_extlist_bin", HIDDEN),
    refused("ssl_fc_npn", HIDDEN),
    refused("ssl_fc_protocol_hello_id", HIDDEN),
    refused("ssl_fc_server_handshake_traffic_secret", HIDDEN),
    refused("ssl_fc_server_random", HIDDEN),
    refused("ssl_fc_server_traffic_secret_0", HIDDEN),
    refused("ssl_fc_session_key", HIDDEN),
    refused("ssl_fc_unique_id", HIDDEN),
    refused("ssl_s_chain_der", HIDDEN),
    refused("internal.htx.data", HTX),
    refused("internal.htx.free", HTX),
    refused("internal.htx.free_data", HTX),
    refused("internal.htx.has_eom", HTX),
    refused("internal.htx.nbblks", HTX),
    refused("internal.htx.size", HTX),
    refused("internal.htx.used", HTX),
    refused("internal.htx_blk.data", HTX),
    refused("internal.htx_blk.hdrname", HTX),
    refused("internal.htx_blk.hdrval", HTX),
    refused("internal.htx_blk.size", HTX),
    refused("internal.htx_blk.start_line", HTX),
    refused("internal.htx_blk.type", HTX),
    refused("internal.strm.is_htx", HTX),
];
