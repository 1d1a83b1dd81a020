//! The head of the page: who speaks, how it goes, what can be asked for.

use super::query::Form;
use super::{Page, Query, escape, number};
use crate::stats::Kind;

pub fn write(out: &mut String, page: &Page<'_>) {
    *out += "<header><div class=\"who\"><h1>";
    *out += &escape(&page.info.name);
    if let Some(node) = &page.options.node {
        *out += &format!(" <span class=\"on\">on</span> {}", escape(node));
    }
    *out += "</h1><p>";
    *out += &subtitle(page);
    *out += "</p></div>\n";
    links(out, page);
    *out += "</header>\n";
    outcome(out, page.query);
    tiles(out, page);
}

fn subtitle(page: &Page<'_>) -> String {
    let mut parts = Vec::new();
    if let Some(description) = &page.options.description {
        parts.push(escape(description));
    }
    if !page.options.hide_version {
        parts.push(format!("version {}", escape(&page.info.version)));
    }
    parts.push(format!("pid {}", page.info.pid));
    parts.push(format!("up {}", number::duration(page.info.uptime_sec.0 as u64)));
    parts.join(" · ")
}

/// The same page in other ways, and a search.
fn links(out: &mut String, page: &Page<'_>) {
    let link = |query: Query, text: &str, on: bool| {
        let address = escape(&Query { outcome: None, ..query }.address(&page.options.uri));
        let state = if on { " aria-current=\"true\"" } else { "" };
        format!("<a href=\"{address}\"{state}>{text}</a>")
    };
    let query = page.query;
    *out += "<nav>";
    *out += &link(Query { up: !query.up, ..query.clone() }, "only up", query.up);
    *out += &link(Query { no_maint: !query.no_maint, ..query.clone() }, "no maintenance", query.no_maint);
    if let Some(seconds) = page.options.refresh {
        let text = format!("refresh {seconds}s");
        *out += &link(Query { no_refresh: !query.no_refresh, ..query.clone() }, &text, !query.no_refresh);
    }
    for (form, text) in [(Form::Csv, "CSV"), (Form::Json, "JSON")] {
        *out += &link(Query { form, no_refresh: true, ..query.clone() }, text, false);
    }
    let action = escape(&Query { scope: String::new(), outcome: None, ..query.clone() }.address(&page.options.uri));
    *out += &format!(
        "<form method=\"get\" action=\"{action}\"><input type=\"search\" name=\"scope\" maxlength=\"20\" size=\"12\" \
         placeholder=\"proxy\" aria-label=\"Only proxies with this in their name\" value=\"{}\"></form></nav>",
        escape(&query.scope)
    );
}

/// What became of the form that was posted.
fn outcome(out: &mut String, query: &Query) {
    let Some(word) = &query.outcome else { return };
    let (class, text) = match super::Outcome::from_word(word) {
        Some(outcome) => (outcome.class(), outcome.text()),
        None => ("bad", "What became of it is not known."),
    };
    *out += &format!("<p class=\"said {class}\" role=\"status\">{text}</p>\n");
}

fn tiles(out: &mut String, page: &Page<'_>) {
    let info = page.info;
    let servers: Vec<&str> = page.rows.iter().filter(|row| row.kind == Kind::Server).map(super::colour).collect();
    let bad = servers.iter().filter(|colour| matches!(**colour, "down" | "rising")).count();
    let good = servers.iter().filter(|colour| matches!(**colour, "up" | "warn" | "backup" | "plain")).count();
    *out += "<section class=\"tiles\">";
    let mut tile = |title: &str, value: String, note: String, class: &str| {
        *out += &format!("<div class=\"tile {class}\"><b>{value}</b><span>{title}</span><small>{note}</small></div>");
    };
    let class = if bad > 0 { "bad" } else { "good" };
    let other = servers.len() - good - bad;
    let note = match (bad, other) {
        (0, 0) => "all of them".to_owned(),
        (0, other) => format!("{other} out of service"),
        (bad, 0) => format!("{bad} down"),
        (bad, other) => format!("{bad} down, {other} out of service"),
    };
    let share = f64::from(info.curr_conns) / f64::from(info.maxconn.max(1)) * 100.0;
    tile("servers up", format!("{good}<i>/{}</i>", servers.len()), note, class);
    let note = format!("of {} ({share:.0} %)", number::count(info.maxconn.into()));
    tile("connections", number::count(info.curr_conns.into()), note, "");
    let rates = [
        ("connections a second", info.conn_rate, info.max_conn_rate),
        ("sessions a second", info.sess_rate, info.max_sess_rate),
    ];
    for (title, now, most) in rates {
        tile(title, number::count(now.into()), format!("at most {}", number::count(most.into())), "");
    }
    let all = format!("{} connections", number::count(info.cum_conns.into()));
    tile("requests", number::count(info.cum_req.into()), all, "");
    let rate = format!("{} a second", number::bytes(info.bytes_out_rate));
    tile("sent", number::bytes(info.total_bytes_out), rate, "");
    if info.ssl_rate > 0 || info.cum_ssl_conns > 0 {
        let all = format!("{} connections", number::count(info.cum_ssl_conns.into()));
        tile("TLS handshakes a second", number::count(info.ssl_rate.into()), all, "");
    }
    let stopping = if info.stopping > 0 { "stopping" } else { "of all threads" };
    tile("idle", format!("{} %", info.idle_pct), stopping.to_owned(), "");
    *out += "</section>\n";
}
