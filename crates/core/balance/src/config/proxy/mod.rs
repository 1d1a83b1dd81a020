//! Sections of traffic: `defaults`, `frontend`, `backend`, `listen` (manual, section 4).

mod errors;
mod forwarded;
mod general;
mod limits;
mod logs;
mod options;
mod removed;
mod rules;
mod section;
mod stats;
mod timeouts;

pub(super) use section::{Opened, open};

use super::keyword::{self, BACKEND, DEFAULTS, FRONTEND, FRONTS, Fate, Keyword, LISTEN, NAMED_DEFAULTS};
use super::line::Ctx;
use super::model::{Capability, Global, LogTarget, Place, Proxy, Server};
use super::problem::Problem;
use super::suggest;
use std::sync::Arc;

/// A section while it is read.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub proxy: Proxy,
    /// What `default-server` lines said.
    pub default_server: Server,
    pub logs: Vec<Log>,
    /// `errorfiles <section> [statuses]`, looked up when all sections are read.
    pub errorfiles: Vec<(Place, String, Vec<u16>)>,
    /// `bind`s with a certificate and without `ssl`.
    pub idle_certificates: Vec<(String, Place)>,
    /// What HAProxy says of formats when all sections are read.
    pub late: Vec<Problem>,
    /// Where `option httplog` or `httpslog` stands.
    pub httplog: Option<Place>,
    /// Where `id` stands.
    pub id: Option<Place>,
    /// Rules that exist, by their turn, to say when one is written too late.
    pub turns: [bool; rules::TURNS.len()],
    /// A `defaults` section with a name.
    pub named: bool,
    /// Of such a section: some proxy names it, some proxy has it without naming it.
    pub used_by_name: bool,
    pub used_by_place: bool,
}

/// A `log` line.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Log {
    Global,
    Own(LogTarget),
}

/// The status and the answer of an `errorfile` line, or a message.
pub(super) fn error_file(ctx: &mut Ctx, status: &str, path: &str) -> Option<(u16, Arc<[u8]>)> {
    let status = errors::status(ctx, status)?;
    Some((status, errors::file(ctx, path)?))
}

/// Keywords of old files, and what to write instead.
pub(super) fn removed() -> impl Iterator<Item = (String, &'static str)> {
    let rules = removed::RULES.iter().map(|(name, _, cure)| ((*name).to_owned(), *cure));
    let timeouts = removed::TIMEOUTS.iter().map(|(name, cure)| ((*name).to_owned(), *cure));
    let options = removed::OPTIONS.iter().map(|(name, _)| (format!("option {name}"), ""));
    rules.chain(timeouts).chain(options).chain(removed::OTHERS.iter().map(|(name, cure)| ((*name).to_owned(), *cure)))
}

/// Reads the words of a line into the section.
pub(super) type Read = fn(&mut Ctx, &mut Draft, &Global);

/// All keywords of these sections, by topic.
pub(super) const TABLES: [&[Keyword<Read>]; 8] = [
    general::KEYWORDS,
    limits::KEYWORDS,
    timeouts::KEYWORDS,
    options::KEYWORDS,
    rules::KEYWORDS,
    logs::KEYWORDS,
    errors::KEYWORDS,
    stats::KEYWORDS,
];

pub(super) fn line(ctx: &mut Ctx, draft: &mut Draft, global: &Global) {
    let Some(keyword) = keyword::find(&TABLES, ctx.words) else { return unknown(ctx, draft) };
    if !allowed(ctx, draft, keyword) {
        return;
    }
    match keyword.fate {
        Fate::Done(read) => read(ctx, draft, global),
        Fate::Ignored(reason) => ctx.report.ignore(keyword.name, reason),
        Fate::Refused(reason, cure) => ctx.refuse(keyword.name, reason, cure),
    }
}

/// `frontend`, `backend`, `proxy` (a `listen`), as messages name a section.
pub(super) fn kind(capability: Capability) -> &'static str {
    capability.kind()
}

/// The keyword that begins the section.
pub(super) fn section_word(capability: Capability) -> &'static str {
    if capability == Capability::Listen { "listen" } else { kind(capability) }
}

/// Whether the line is to be read in this section; says why not, or that it has no effect.
fn allowed(ctx: &mut Ctx, draft: &Draft, keyword: &Keyword<Read>) -> bool {
    let here = match draft.proxy.capability {
        Capability::Defaults => DEFAULTS,
        Capability::Frontend => FRONTEND,
        Capability::Backend => BACKEND,
        Capability::Listen => LISTEN,
    };
    if keyword.sections & here != 0 {
        return true;
    }
    let first = ctx.word(0);
    if here == DEFAULTS {
        if keyword.sections & NAMED_DEFAULTS == 0 {
            let text = format!("'{first}' not allowed in 'defaults' section.");
            match first {
                "server" | "server-template" => {
                    let text = format!("[{}] : {text}", ctx.report.place);
                    ctx.report.push(super::problem::Level::Alert, text);
                }
                "description" | "id" => ctx.report.alert_tight(text),
                _ => ctx.alert(text),
            }
        } else if draft.named {
            return true;
        } else {
            ctx.alert(match first {
                "tcp-request" | "tcp-response" => {
                    format!("{} is not allowed in anonymous 'defaults' sections", keyword.name)
                }
                _ => format!("'{first}' not allowed in anonymous 'defaults' section."),
            });
        }
        return false;
    }
    misplaced(ctx, draft, keyword)
}

/// A keyword of the other side. Most are warned of and read, so that mistakes in them are found.
fn misplaced(ctx: &mut Ctx, draft: &Draft, keyword: &Keyword<Read>) -> bool {
    let missing = if keyword.sections & FRONTS == LISTEN { "backend" } else { "frontend" };
    let (kind, name) = (kind(draft.proxy.capability), &draft.proxy.name);
    let because = format!("because {kind} '{name}' has no {missing} capability");
    match ctx.word(0) {
        first @ ("server" | "default-server" | "server-template") => {
            let place = ctx.report.place.clone();
            let text = format!("[{place}] : parsing [{place}] : '{first}' not allowed {because}.");
            ctx.report.push(super::problem::Level::Alert, text);
            false
        }
        "tcp-request" => {
            let kind = keyword.name.split(' ').nth(1).unwrap_or_default();
            ctx.alert(format!("tcp-request {kind} is not allowed because backend {name} is not a frontend"));
            false
        }
        "tcp-response" => {
            ctx.alert(format!(
                "{} is only allowed in 'backend' sections or 'defaults' section with a name",
                keyword.name
            ));
            false
        }
        "timeout" => {
            ctx.warn(format!("'{}' will be ignored {because}", keyword.name));
            true
        }
        "rate-limit" => {
            ctx.warn(format!("{} will be ignored {because}", keyword.name));
            true
        }
        "option" => {
            ctx.warn(format!("'{}' ignored {because}.", ctx.word(1)));
            false
        }
        "log-format" | "log-format-sd" | "error-log-format" | "unique-id-format" | "unique-id-header" => true,
        first => {
            let hint = match first {
                "maxconn" => " Maybe you want 'fullconn' instead ?",
                "fullconn" => " Maybe you want 'maxconn' instead ?",
                _ => "",
            };
            ctx.warn(format!("'{first}' ignored {because}.{hint}"));
            first != "bind"
        }
    }
}

/// What may follow `stats`.
const STATS: &str = "'admin', 'uri', 'realm', 'auth', 'scope', 'enable', 'hide-version', 'show-node', 'show-desc' or \
                     'show-legends'";

/// A line that begins with none of the keywords; families have messages of their own.
fn unknown(ctx: &mut Ctx, draft: &Draft) {
    if removed::say(ctx) {
        return;
    }
    let (first, second) = (ctx.word(0), ctx.word(1));
    match first {
        "timeout" => ctx.alert(format!(
            "'timeout' supports 'client', 'server', 'connect', 'check', 'queue', 'http-keep-alive', 'http-request', \
             'tunnel', 'tarpit', 'client-fin' and 'server-fin' (got '{second}')"
        )),
        "option" if second.is_empty() => ctx.report.alert_tight("'option' expects an option name."),
        "option" if ctx.modifier != super::line::Modifier::None => {
            ctx.report.alert_tight(format!("negation/default is not supported for option '{second}'."));
        }
        "option" => ctx.alert(match suggest::best(second, seconds("option")) {
            Some(best) => format!("unknown option '{second}'; did you mean '{best}' maybe ?"),
            None => format!("unknown option '{second}'."),
        }),
        "capture" => ctx.alert("'capture' expects 'cookie' or 'request header' or 'response header'."),
        "rate-limit" => ctx.alert(format!("'rate-limit' only supports 'sessions' (got '{second}')")),
        "stats" if second.is_empty() => ctx.report.alert_tight(format!("missing keyword in 'stats', expects {STATS}.")),
        "stats" => ctx.report.alert_tight(format!("unknown stats parameter '{second}', expects {STATS}.")),
        "monitor" => ctx.alert("'monitor' only supports 'fail'."),
        "compression" => ctx.alert("'compression' expects 'algo', 'type' or 'offload'"),
        "external-check" if second.is_empty() => ctx.alert("missing argument after 'external-check'."),
        "external-check" => {
            ctx.alert(format!("'external-check' only supports 'command' and 'path'. but got '{second}'."));
        }
        "email-alert" if second.is_empty() => ctx.alert("missing argument after 'email-alert'."),
        "email-alert" => ctx.alert(format!("email-alert: unknown argument '{second}'.")),
        "tcp-request" | "tcp-response" if second.is_empty() => {
            let proxy = &draft.proxy;
            ctx.alert(format!("missing argument for '{first}' in {} '{}'", kind(proxy.capability), proxy.name));
        }
        "tcp-request" => ctx.alert(format!(
            "'tcp-request' expects 'inspect-delay', 'connection', or 'content' in {} '{}' (got '{second}')",
            kind(draft.proxy.capability),
            draft.proxy.name
        )),
        "tcp-response" => ctx.alert(format!(
            "'tcp-response' expects 'inspect-delay' or 'content' in {} '{}' (got '{second}')",
            kind(draft.proxy.capability),
            draft.proxy.name
        )),
        "http-check" => ctx.alert(format!(
            "'http-check' only supports 'comment', 'connect', 'disable-on-404', 'expect', 'send', 'send-state', \
             'set-var', 'unset-var' (got '{second}')."
        )),
        "stick" => ctx.alert("'stick' expects 'on', 'match', or 'store'."),
        _ => {
            let section = section_word(draft.proxy.capability);
            ctx.alert(match suggest::best(first, firsts()) {
                Some(best) => {
                    format!("unknown keyword '{first}' in '{section}' section; did you mean '{best}' maybe ?")
                }
                None => format!("unknown keyword '{first}' in '{section}' section"),
            });
        }
    }
}

fn firsts() -> impl Iterator<Item = &'static str> {
    TABLES.iter().flat_map(|table| table.iter()).filter_map(|keyword| keyword.name.split(' ').next())
}

fn seconds(first: &'static str) -> impl Iterator<Item = &'static str> {
    let rows = TABLES.iter().flat_map(|table| table.iter());
    rows.filter_map(move |keyword| keyword.name.strip_prefix(first)?.strip_prefix(' '))
}
