//! Which part of a URL is ours, and what URLs in answers become so that they lead back through us.
//!
//! Upstream: `apimachinery/pkg/util/proxy/transport.go` (`rewriteURL`).

use percent_encoding::percent_decode_str;

/// Whether a path below `/api/v1` is one of the old form for watching, in which nothing is proxied.
pub fn is_watch(path: &str) -> bool {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    parts.nth(2).is_some_and(|part| percent_decode_str(part).eq(b"watch".iter().copied()))
}

/// The path up to and with `/proxy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// Of a path below `/api/v1`, as it was sent; the rest begins with a slash or is empty.
    pub fn of(path: &str, namespaced: bool) -> Self {
        let wanted = if namespaced { 7 } else { 5 };
        let (mut seen, mut inside) = (0, false);
        for (at, byte) in path.bytes().enumerate() {
            match (byte == b'/', inside) {
                (true, true) if seen == wanted => return Self(path[..at].to_owned()),
                (true, _) => inside = false,
                (false, false) => (seen, inside) = (seen + 1, true),
                (false, true) => {}
            }
        }
        Self(path.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL under which the client finds `url` of the server at `hosts`; None if it is right as it is.
    pub fn rewrite(&self, url: &str, hosts: &[&str]) -> Option<String> {
        let path = match url.split_once("://") {
            // Whoever names one of the two hosts means this server.
            Some((scheme, rest)) if ["http", "https"].contains(&scheme) => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let (host, path) = rest.split_at(end);
                if !hosts.contains(&host) || !path.starts_with('/') {
                    return None;
                }
                path
            }
            _ if url.starts_with("//") => return None,
            _ => url,
        };
        let is_ours = path.strip_prefix(self.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        match path {
            path if !path.starts_with('/') => None,
            path if is_ours => (path.len() != url.len()).then(|| path.to_owned()),
            path => Some(format!("{}{path}", self.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_ends_with_proxy() {
        let pod = "/api/v1/namespaces/d/pods/http:a:80/proxy";
        assert_eq!(Prefix::of(&format!("{pod}/x//proxy/"), true).as_str(), pod);
        assert_eq!(Prefix::of(pod, true).as_str(), pod);
        assert_eq!(Prefix::of("/api/v1/nodes/n/proxy/pods", false).as_str(), "/api/v1/nodes/n/proxy");
    }

    #[test]
    fn the_old_form_of_watching_is_known() {
        assert!(is_watch("/api/v1/watch/namespaces/d/pods/x/proxy"));
        assert!(is_watch("//api/v1//w%61tch/nodes/n/proxy/"));
        for other in ["/api/v1/namespaces/watch/pods/watch/proxy/watch", "/api/v1/nodes/n/proxy", "/api/v1"] {
            assert!(!is_watch(other), "{other}");
        }
    }

    #[test]
    fn urls_of_the_server_lead_back_through_us() {
        let prefix = Prefix("/p/proxy".to_owned());
        let rewrite = |url: &str| prefix.rewrite(url, &["10.0.0.1:80", "api:6443"]);
        assert_eq!(rewrite("/a?b=/c").as_deref(), Some("/p/proxy/a?b=/c"));
        assert_eq!(rewrite("http://10.0.0.1:80/a").as_deref(), Some("/p/proxy/a"));
        assert_eq!(rewrite("https://api:6443/a/").as_deref(), Some("/p/proxy/a/"));
        for same in ["a/b", "", "#x", "//cdn/x", "http://other/a", "/p/proxy/a", "mailto:x@y", "http://10.0.0.1:80"] {
            assert_eq!(rewrite(same), None, "{same}");
        }
    }
}
