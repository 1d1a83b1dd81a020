//! Options about the form of heads: which names are let in, how they are written, what caches must not see.

use super::exchange::Exchange;
use balance::rules::cookie;

/// What `option http-restrict-req-hdr-names` does with a name that CGI would confuse with another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    Fine,
    /// The request is refused.
    Forbidden,
}

impl Exchange<'_> {
    /// Names of other characters than letters, digits and `-` are let through, taken out, or forbid the request.
    pub fn restrict_names(&mut self) -> Names {
        let wanted = self.back.options.http_restrict_req_hdr_names.as_deref();
        let wanted = wanted.or(self.front.options.http_restrict_req_hdr_names.as_deref());
        let Some(head) = &mut self.flow.request else { return Names::Fine };
        let is_plain = |name: &[u8]| name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
        match wanted {
            Some("delete") => _ = head.headers.retain(|name, _| is_plain(name)),
            Some("reject") if head.headers.iter().any(|(name, _)| !is_plain(name)) => return Names::Forbidden,
            _ => {}
        }
        Names::Fine
    }

    /// `option checkcache`: a response that sets a cookie and that a cache would keep.
    pub fn endangers_caches(&self) -> bool {
        let head = self.flow.response.as_ref();
        self.back.options.checkcache
            && head.is_some_and(|head| head.headers.contains(b"set-cookie") && cookie::is_cacheable(head))
    }

    /// `h1-case-adjust`, for servers that read names by their case.
    pub fn adjust_request(&mut self) {
        if self.back.options.h1_case_adjust_bogus_server
            && let Some(head) = &mut self.flow.request
        {
            head.headers.adjust_case(&self.flow.live.worker().engine.running().config.global.h1_case_adjust);
        }
    }

    /// The same, for clients.
    pub fn adjust_response(&mut self) {
        if self.front.options.h1_case_adjust_bogus_client
            && let Some(head) = &mut self.flow.response
        {
            head.headers.adjust_case(&self.flow.live.worker().engine.running().config.global.h1_case_adjust);
        }
    }
}
