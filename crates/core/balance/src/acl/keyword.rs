//! Keywords that only ACLs know: a fetch and the method it is compared by (`hdr_beg`, `path_reg`).

use crate::pattern::{Method, Syntax};

/// Fetches that have a keyword for each method of text: prefix, and the fetch meant.
const FAMILIES: [(&str, &str); 8] = [
    ("base", "base"),
    ("cook", "req.cook"),
    ("hdr", "req.hdr"),
    ("path", "path"),
    ("scook", "res.cook"),
    ("shdr", "res.hdr"),
    ("url", "url"),
    ("urlp", "urlp"),
];

const SUFFIXES: [(&str, Method); 8] = [
    ("", Method::Str),
    ("_beg", Method::Beg),
    ("_dir", Method::Dir),
    ("_dom", Method::Dom),
    ("_end", Method::End),
    ("_len", Method::Len),
    ("_reg", Method::Reg),
    ("_sub", Method::Sub),
];

const SINGLE: [(&str, &str, Method); 13] = [
    ("http_auth_group", "http_auth_group", Method::Group),
    ("method", "method", Method::HttpMethod),
    ("payload", "req.payload", Method::Bin),
    ("payload_lv", "req.payload_lv", Method::Bin),
    ("req.ssl_ver", "req.ssl_ver", Method::Int),
    ("req_rdp_cookie", "req.rdp_cookie", Method::Str),
    ("req_rdp_cookie_cnt", "req.rdp_cookie_cnt", Method::Int),
    ("req_ssl_sni", "req.ssl_sni", Method::Str),
    ("req_ssl_ver", "req.ssl_ver", Method::Int),
    ("req_ver", "req.ver", Method::Str),
    ("resp_ver", "res.ver", Method::Str),
    ("ssl_fc_sni_end", "ssl_fc_sni", Method::End),
    ("ssl_fc_sni_reg", "ssl_fc_sni", Method::Reg),
];

/// The fetch that an ACL keyword means, and how it is compared.
pub(super) fn find(name: &str) -> Option<(&'static str, Method)> {
    let single = SINGLE.iter().find(|(known, ..)| *known == name).map(|(_, fetch, method)| (*fetch, *method));
    single.or_else(|| {
        SUFFIXES.iter().find_map(|(suffix, method)| {
            let prefix = name.strip_suffix(suffix)?;
            FAMILIES.iter().find(|(known, _)| *known == prefix).map(|(_, fetch)| (*fetch, *method))
        })
    })
}

/// How its numbers are written.
pub(super) fn syntax(name: &str) -> Syntax {
    if matches!(name, "req.ssl_ver" | "req_ssl_ver") { Syntax::Dotted } else { Syntax::Plain }
}
