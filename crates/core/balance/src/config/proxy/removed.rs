//! Keywords that HAProxy took out, which old files have: what to write instead.

use crate::config::line::Ctx;

/// A keyword, since when it is gone, and what does the same now (nothing where nothing does).
type Removed = (&'static str, &'static str, &'static str);

/// `The 'x' directive is not supported anymore since HAProxy 2.1. Use ...`
pub(super) const RULES: &[Removed] = &[
    ("block", "2.1", "Use 'http-request deny' which uses the exact same syntax."),
    ("reqadd", "2.1", "Use 'http-request add-header' instead."),
    ("reqdel", "2.1", "Use 'http-request del-header' instead."),
    ("reqidel", "2.1", "Use 'http-request del-header' instead."),
    (
        "reqrep",
        "2.1",
        "Use 'http-request replace-path', 'http-request replace-uri' or 'http-request replace-header' instead.",
    ),
    ("reqirep", "2.1", "Use 'http-request replace-header' instead."),
    ("reqallow", "2.1", "Use 'http-request allow' instead."),
    ("reqiallow", "2.1", "Use 'http-request allow' instead."),
    ("reqdeny", "2.1", "Use 'http-request deny' instead."),
    ("reqideny", "2.1", "Use 'http-request deny' instead."),
    ("reqpass", "2.1", ""),
    ("reqipass", "2.1", ""),
    ("reqtarpit", "2.1", "Use 'http-request tarpit' instead."),
    ("reqitarpit", "2.1", "Use 'http-request tarpit' instead."),
    ("rspadd", "2.1", "Use 'http-response add-header' instead."),
    ("rspdel", "2.1", "Use 'http-response del-header' ."),
    ("rspidel", "2.1", "Use 'http-response del-header' instead."),
    ("rsprep", "2.1", "Use 'http-response replace-header' instead."),
    ("rspirep", "2.1", "Use 'http-response replace-header' instead."),
    ("rspdeny", "2.1", "Use 'http-response deny' instead."),
    ("rspideny", "2.1", "Use 'http-response deny' instead."),
];

/// `the 'x' directive is not supported anymore since HAProxy 2.1. Use 'timeout y'.`
pub(super) const TIMEOUTS: &[(&str, &str)] = &[
    ("contimeout", "Use 'timeout connect'."),
    ("clitimeout", "Use 'timeout client'."),
    ("srvtimeout", "Use 'timeout server'."),
];

/// `option 'x' is not supported any more since HAProxy ...`
pub(super) const OPTIONS: &[(&str, &str)] = &[
    ("forceclose", "2.0, please just remove it, or use 'option httpclose' if absolutely needed."),
    ("http-tunnel", "2.1, please just remove it, it shouldn't be needed."),
    (
        "http_proxy",
        "2.5. This option stopped working in HAProxy 1.9 and usually had nasty side effects. It can be more reliably \
         implemented with combinations of 'http-request set-dst' and 'http-request set-uri', and even 'http-request \
         do-resolve' if DNS resolution is desired.",
    ),
];

/// Those with messages of their own.
pub(super) const OTHERS: &[(&str, &str)] = &[
    ("appsession", "Use 'stick' rules."),
    ("grace", ""),
    ("monitor-net", "Use 'http-request return'."),
    ("redispatch", "Use 'option redispatch'."),
];

/// Whether the line begins with such a keyword; then it is said.
pub(super) fn say(ctx: &mut Ctx) -> bool {
    let (first, second) = (ctx.word(0), ctx.word(1));
    if let Some((name, since, cure)) = RULES.iter().find(|(name, ..)| *name == first) {
        // Two of HAProxy's messages lack a word.
        let directive = if matches!(*name, "reqdeny" | "reqpass") { "" } else { " directive is" };
        let cure = if cure.is_empty() { String::new() } else { format!(" {cure}") };
        ctx.alert(format!("The '{name}'{directive} not supported anymore since HAProxy {since}.{cure}"));
        return true;
    }
    let old = if first == "timeout" { second } else { first };
    if let Some((name, cure)) = TIMEOUTS.iter().find(|(name, _)| *name == old) {
        ctx.alert(format!("the '{name}' directive is not supported anymore since HAProxy 2.1. {cure}"));
        return true;
    }
    let option = OPTIONS.iter().find(|(name, _)| first == "option" && *name == second);
    match (first, option) {
        (_, Some((name, since))) => {
            ctx.report.alert_tight(format!("option '{name}' is not supported any more since HAProxy {since}"));
        }
        ("redispatch", _) => ctx.alert(
            "keyword 'redispatch' directive is not supported anymore since HAProxy 2.1. Use 'option redispatch'.",
        ),
        ("monitor-net", _) => ctx.alert(format!(
            "'monitor-net' doesn't exist anymore. Please use 'http-request return status 200 if {{ src {second} }}' \
             instead."
        )),
        ("appsession", _) => ctx.alert("'appsession' is not supported anymore since HAProxy 1.6."),
        ("grace", _) => {
            ctx.report.alert_tight("the 'grace' keyword is not supported any more since HAProxy version 2.5.");
        }
        _ => return false,
    }
    true
}
