//! `balance`: the algorithm and its arguments (manual section 4.2, "balance").

/// How a backend chooses. The default is [`Algorithm::RoundRobin`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Algorithm {
    #[default]
    RoundRobin,
    StaticRr,
    LeastConn,
    /// By ascending id, the next one when `maxconn` is reached.
    First,
    Source,
    /// Hash of a sample; the text of its expression.
    Hash(String),
    Uri(UriHash),
    UrlParam {
        name: String,
        /// Look into the body of a POST too.
        check_post: bool,
    },
    Hdr {
        name: String,
        /// Only the label before the top-level domain: `1wt` of `haproxy.1wt.eu`.
        domain_only: bool,
    },
    RdpCookie(String),
    Random {
        /// At least 1, by default 2.
        draws: u32,
    },
}

/// Which part of a URI counts for `balance uri`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UriHash {
    /// Bytes from its beginning; 0 is all.
    pub len: u32,
    /// Directories; 0 is all.
    pub depth: u32,
    /// With the query.
    pub whole: bool,
    /// Without scheme and authority.
    pub path_only: bool,
}

const SUPPORTED: &str = "balance only supports 'roundrobin', 'static-rr', 'leastconn', 'source', 'uri', 'url_param', \
                         'hdr(name)' and 'rdp-cookie(name)' options.";

impl Algorithm {
    /// Weights may change while it runs, so a slow start and `set weight` have their effect at once (manual, `balance`).
    pub fn is_dynamic(&self, hash: &super::HashType) -> bool {
        match self {
            Self::RoundRobin | Self::LeastConn | Self::First | Self::Random { .. } => true,
            Self::StaticRr => false,
            _ => hash.method == super::HashMethod::Consistent,
        }
    }

    /// Reads the words after `balance`. Without words it stays round robin.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let Some((name, args)) = words.split_first() else { return Ok(Self::RoundRobin) };
        let first = args.first().map(String::as_str);
        match name.as_str() {
            "roundrobin" => Ok(Self::RoundRobin),
            "static-rr" => Ok(Self::StaticRr),
            "leastconn" => Ok(Self::LeastConn),
            "first" => Ok(Self::First),
            "source" => Ok(Self::Source),
            "uri" => UriHash::parse(args).map(Self::Uri),
            "hash" => match args {
                [] => Err("balance hash requires a sample expression.".into()),
                [expression] => Ok(Self::Hash(expression.clone())),
                [_, extra, ..] => Err(format!("balance hash takes no other argument (got '{extra}').")),
            },
            "url_param" => {
                let name = first.ok_or("balance url_param requires an URL parameter name.")?.to_owned();
                match args.get(1).map(String::as_str) {
                    None => Ok(Self::UrlParam { name, check_post: false }),
                    Some("check_post") => Ok(Self::UrlParam { name, check_post: true }),
                    Some(other) => {
                        Err(format!("balance url_param only accepts 'check_post' modifier (got '{other}')."))
                    }
                }
            }
            _ if name.starts_with("hdr(") => {
                let field = name[4..].split_once(')').map_or("", |(field, _)| field);
                if field.is_empty() {
                    return Err("balance hdr requires an http header field name.".into());
                }
                match first {
                    None => Ok(Self::Hdr { name: field.to_owned(), domain_only: false }),
                    Some("use_domain_only") => Ok(Self::Hdr { name: field.to_owned(), domain_only: true }),
                    Some(other) => {
                        Err(format!("balance hdr({field}) only accepts 'use_domain_only' modifier (got '{other}')."))
                    }
                }
            }
            _ if name.starts_with("random") => draws(&name[6..]).map(|draws| Self::Random { draws }),
            _ if name.starts_with("rdp-cookie") => rdp_cookie(&name[10..]).map(Self::RdpCookie),
            _ => Err(SUPPORTED.into()),
        }
    }

    /// As the column `algo` of the statistics shows it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RoundRobin => "roundrobin",
            Self::StaticRr => "static-rr",
            Self::LeastConn => "leastconn",
            Self::First => "first",
            Self::Source => "source",
            Self::Hash(_) => "hash",
            Self::Uri(_) => "uri",
            Self::UrlParam { .. } => "url_param",
            Self::Hdr { .. } => "hdr",
            Self::RdpCookie(_) => "rdp-cookie",
            Self::Random { .. } => "random",
        }
    }

    /// Whether it reads the head of an HTTP request: in mode tcp such a backend falls back to round robin.
    pub fn needs_http(&self) -> bool {
        matches!(self, Self::Uri(_) | Self::UrlParam { .. } | Self::Hdr { .. })
    }
}

impl UriHash {
    fn parse(args: &[String]) -> Result<Self, String> {
        let mut hash = Self::default();
        let mut args = args.iter().map(String::as_str);
        while let Some(word) = args.next() {
            match word {
                "len" => hash.len = positive(word, args.next())?,
                "depth" => hash.depth = positive(word, args.next())?,
                "whole" => hash.whole = true,
                "path-only" => hash.path_only = true,
                other => {
                    return Err(format!(
                        "balance uri only accepts parameters 'len', 'depth', 'path-only', and 'whole' (got '{other}')."
                    ));
                }
            }
        }
        Ok(hash)
    }
}

fn positive(name: &str, word: Option<&str>) -> Result<u32, String> {
    let word = word.unwrap_or_default();
    let number = word.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("balance uri : '{name}' expects a positive integer (got '{word}')."))
}

fn draws(arguments: &str) -> Result<u32, String> {
    let Some(inner) = arguments.strip_prefix('(') else {
        return if arguments.is_empty() { Ok(2) } else { Err(SUPPORTED.into()) };
    };
    let inner = inner.strip_suffix(')').ok_or("balance random : missing closing parenthesis.")?;
    if inner.is_empty() {
        return Ok(2);
    }
    match inner.parse() {
        Ok(0) => Err("balance random : number of draws must be at least 1.".into()),
        Ok(draws) => Ok(draws),
        Err(_) => {
            let stranger = inner.chars().find(|digit| !digit.is_ascii_digit()).unwrap_or('0');
            Err(format!("balance random : unexpected character '{stranger}' after argument."))
        }
    }
}

fn rdp_cookie(arguments: &str) -> Result<String, String> {
    if arguments.is_empty() {
        return Ok("mstshash".into());
    }
    let name = arguments.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or_default();
    if name.is_empty() {
        return Err("balance rdp-cookie : missing cookie name.".into());
    }
    Ok(name.into())
}
