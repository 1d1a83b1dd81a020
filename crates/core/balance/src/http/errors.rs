//! The pages that answer for a server: one row per status that `errorfile` may replace (manual section 4.2).

/// A built-in page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorPage {
    pub status: u16,
    /// Reason phrase, and the page's heading.
    pub reason: &'static str,
    /// The page's one line.
    pub text: &'static str,
    /// The connection ends with it: the client's framing is not to be trusted, or it is gone.
    pub close: bool,
}

const UNAUTHORIZED: &str = "You need a valid user and password to access this content.";

/// HAProxy's pages, word for word: scripts and monitors compare them.
#[rustfmt::skip]
pub const ERROR_PAGES: &[ErrorPage] = &[
    page(200, "OK", "Service ready."),
    ErrorPage { close: true, ..page(400, "Bad request", "Your browser sent an invalid request.") },
    page(401, "Unauthorized", UNAUTHORIZED),
    page(403, "Forbidden", "Request forbidden by administrative rules."),
    page(404, "Not Found", "The resource could not be found."),
    page(405, "Method Not Allowed", "A request was made of a resource using a request method not supported by that resource"),
    page(407, "Unauthorized", UNAUTHORIZED),
    ErrorPage { close: true, ..page(408, "Request Time-out", "Your browser didn't send a complete request in time.") },
    page(410, "Gone", "The resource is no longer available and will not be available again."),
    page(413, "Payload Too Large", "The request entity exceeds the maximum allowed."),
    page(421, "Misdirected Request", "Request sent to a non-authoritative server."),
    page(422, "Unprocessable Content", "The server cannot process the contained instructions."),
    page(425, "Too Early", "Your browser sent early data."),
    page(429, "Too Many Requests", "You have sent too many requests in a given amount of time."),
    page(500, "Internal Server Error", "An internal server error occurred."),
    page(501, "Not Implemented", ".The server does not support the functionality required to fulfill the request."),
    page(502, "Bad Gateway", "The server returned an invalid or incomplete response."),
    page(503, "Service Unavailable", "No server is available to handle this request."),
    page(504, "Gateway Time-out", "The server didn't respond in time."),
];

const fn page(status: u16, reason: &'static str, text: &'static str) -> ErrorPage {
    ErrorPage { status, reason, text, close: false }
}

impl ErrorPage {
    /// The page of a status; none for a status that has no page.
    pub fn of(status: u16) -> Option<&'static Self> {
        ERROR_PAGES.iter().find(|page| page.status == status)
    }

    /// The whole answer that ends a connection whose request could not be read.
    pub fn closing(&self) -> String {
        let (Self { status, reason, .. }, body) = (self, self.body());
        format!(
            "HTTP/1.1 {status} {reason}\r\nContent-length: {}\r\nCache-Control: no-cache\r\nConnection: close\r\n\
             Content-Type: text/html\r\n\r\n{body}",
            body.len()
        )
    }

    pub fn body(&self) -> String {
        let Self { status, reason, text, .. } = self;
        format!("<html><body><h1>{status} {reason}</h1>\n{text}\n</body></html>\n")
    }
}

/// The reason phrase that goes with a status where no page says another. RFC 9110 section 15 and the IANA registry.
pub fn reason(status: u16) -> &'static str {
    match REASONS.binary_search_by_key(&status, |(code, _)| *code) {
        Ok(place) => REASONS[place].1,
        Err(_) => match status / 100 {
            1 => "Informational",
            2 => "Success",
            3 => "Redirection",
            4 => "Client Error",
            5 => "Server Error",
            _ => "Other",
        },
    }
}

#[rustfmt::skip]
const REASONS: &[(u16, &str)] = &[
    (100, "Continue"), (101, "Switching Protocols"), (102, "Processing"), (103, "Early Hints"), (200, "OK"),
    (201, "Created"), (202, "Accepted"), (203, "Non-Authoritative Information"), (204, "No Content"),
    (205, "Reset Content"), (206, "Partial Content"), (207, "Multi-Status"), (210, "Content Different"),
    (226, "IM Used"), (300, "Multiple Choices"), (301, "Moved Permanently"), (302, "Moved Temporarily"),
    (303, "See Other"), (304, "Not Modified"), (305, "Use Proxy"), (307, "Temporary Redirect"),
    (308, "Permanent Redirect"), (310, "Too many Redirects"), (400, "Bad Request"), (401, "Unauthorized"),
    (402, "Payment Required"), (403, "Forbidden"), (404, "Not Found"), (405, "Method Not Allowed"),
    (406, "Not Acceptable"), (407, "Proxy Authentication Required"), (408, "Request Time-out"), (409, "Conflict"),
    (410, "Gone"), (411, "Length Required"), (412, "Precondition Failed"), (413, "Request Entity Too Large"),
    (414, "Request-URI Too Long"), (415, "Unsupported Media Type"), (416, "Requested range unsatisfiable"),
    (417, "Expectation failed"), (418, "I'm a teapot"), (421, "Misdirected Request"), (422, "Unprocessable Content"),
    (423, "Locked"), (424, "Method failure"), (425, "Too Early"), (426, "Upgrade Required"),
    (428, "Precondition Required"), (429, "Too Many Requests"), (431, "Request Header Fields Too Large"),
    (449, "Retry With"), (450, "Blocked by Windows Parental Controls"), (451, "Unavailable For Legal Reasons"),
    (456, "Unrecoverable Error"), (499, "client has closed connection"), (500, "Internal Server Error"),
    (501, "Not Implemented"), (502, "Bad Gateway or Proxy Error"), (503, "Service Unavailable"),
    (504, "Gateway Time-out"), (505, "HTTP Version not supported"), (506, "Variant also negociate"),
    (507, "Insufficient storage"), (508, "Loop detected"), (509, "Bandwidth Limit Exceeded"), (510, "Not extended"),
    (511, "Network authentication required"), (520, "Web server is returning an unknown error"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_haproxys_lengths() {
        // What `content-length` said in HAProxy 2.6.12's answers.
        let lengths = [58, 90, 112, 93, 83, 146, 112, 110, 114, 106, 104, 116, 80, 117, 97, 136, 107, 107, 92];
        let bodies: Vec<_> = ERROR_PAGES.iter().map(|page| page.body().len()).collect();
        assert_eq!(bodies, lengths);
    }

    #[test]
    fn statuses_without_a_row_get_their_class() {
        assert_eq!((reason(204), reason(299), reason(799)), ("No Content", "Success", "Other"));
        assert!(REASONS.is_sorted() && ERROR_PAGES.is_sorted_by_key(|page| page.status));
    }
}
