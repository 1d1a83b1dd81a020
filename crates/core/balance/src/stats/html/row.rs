//! A row of a proxy's table.

use super::{Page, colour, escape, number};
use crate::stats::{Kind, Row};

/// Titles of the columns; those of requests and responses are for mode http.
const TITLES: &[(&str, bool)] = &[
    ("Name", false),
    ("State", false),
    ("Check", false),
    ("Sessions", false),
    ("Rate", false),
    ("Queue", false),
    ("Total", false),
    ("Traffic", false),
    ("Responses", true),
    ("Errors", false),
    ("Times", false),
    ("Weight", false),
];

pub fn titles(out: &mut String, http: bool) {
    for (title, _) in TITLES.iter().filter(|(_, only_http)| http || !only_http) {
        *out += &format!("<th scope=\"col\" data-t=\"{title}\">{title}</th>");
    }
}

/// `ticks`: number of the card, if its servers can be ticked.
pub fn write(out: &mut String, page: &Page<'_>, row: &Row, ticks: Option<usize>, http: bool) {
    let kind = match row.kind {
        Kind::Frontend => "frontend",
        Kind::Backend => "backend",
        Kind::Server => "server",
        Kind::Listener => "listener",
    };
    let name = escape(&row.svname);
    *out += &format!("<tr class=\"{kind} {}\" id=\"{}/{name}\">", colour(row), escape(&row.pxname));
    *out += &match (ticks, row.kind) {
        (Some(card), Kind::Server) => format!(
            "<td class=\"tick\"><input type=\"checkbox\" name=\"s\" value=\"{name}\" data-of=\"{card}\" \
             aria-label=\"{name}\"></td>"
        ),
        _ => "<td class=\"tick\"></td>".to_owned(),
    };
    let cells = [
        name_cell(page, row),
        state(row),
        check(row),
        sessions(row),
        rate(row),
        queue(row),
        total(row),
        traffic(row),
        responses(row),
        errors(row),
        times(row),
        weight(row),
    ];
    for ((title, only_http), cell) in TITLES.iter().zip(cells) {
        if http || !only_http {
            let empty = if cell.is_empty() { " class=\"none\"" } else { "" };
            *out += &format!("<td data-t=\"{title}\"{empty}>{cell}</td>");
        }
    }
    *out += "</tr>\n";
}

fn name_cell(page: &Page<'_>, row: &Row) -> String {
    let mut notes = Vec::new();
    if page.options.legends {
        notes.extend(row.addr.as_deref().map(escape));
        if row.kind == Kind::Server {
            notes.extend(row.cookie.as_deref().map(|cookie| format!("cookie {}", escape(cookie))));
        }
    }
    notes.extend(row.tracked.as_deref().map(|tracked| format!("follows {}", escape(tracked))));
    if row.kind == Kind::Server && row.bck == Some(1) {
        notes.push("backup".to_owned());
    }
    let name = match row.kind {
        Kind::Frontend => "Frontend".to_owned(),
        Kind::Backend => "Backend".to_owned(),
        _ => escape(&row.svname),
    };
    format!("<b>{name}</b>{}", small(&notes.join(" · ")))
}

fn state(row: &Row) -> String {
    let mut notes = Vec::new();
    notes.extend(row.lastchg.map(|seconds| format!("for {}", number::duration(seconds.into()))));
    notes.extend(row.throttle.map(|percent| format!("warming up, {percent} %")));
    format!("<span class=\"pill\">{}</span>{}", escape(&row.status), small(&notes.join(", ")))
}

fn check(row: &Row) -> String {
    let Some(status) = &row.check_status else { return agent(row) };
    let code = row.check_code.map_or(String::new(), |code| format!(" {code}"));
    let time = row.check_duration.map_or(String::new(), |millis| format!(" in {millis} ms"));
    let mut notes = Vec::new();
    notes.extend(row.last_chk.as_deref().filter(|text| !text.is_empty()).map(escape));
    let failed = row.chkfail.unwrap_or(0);
    if failed > 0 {
        let downs = match row.chkdown.unwrap_or(0) {
            0 => String::new(),
            downs => format!(", {downs}× down"),
        };
        notes.push(format!("{} failed{downs}", number::count(failed)));
    }
    let about = escape(row.check_desc.as_deref().unwrap_or_default());
    let status = escape(status);
    format!("<span title=\"{about}\">{status}{code}{time}</span>{}{}", small(&notes.join(" · ")), agent(row))
}

fn agent(row: &Row) -> String {
    match &row.agent_status {
        Some(status) => small(&format!("agent {}", escape(status))),
        None => String::new(),
    }
}

fn small(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<small>{text}</small>") }
}

/// `12 / 200` with a bar, and the most so far.
fn sessions(row: &Row) -> String {
    let Some(now) = row.scur else { return String::new() };
    let limit = row.slim.filter(|limit| *limit > 0);
    let of = limit.map_or(String::new(), |limit| format!("<i>/{}</i>", number::count(limit.into())));
    let bar = limit.map_or(String::new(), |limit| {
        let percent = (u64::from(now) * 100 / u64::from(limit)).min(100);
        let class = if percent >= 90 { " class=\"hot\"" } else { "" };
        format!("<meter-bar{class}><span style=\"width:{percent}%\"></span></meter-bar>")
    });
    let most = row.smax.map_or(String::new(), |most| format!("most {}", number::count(most.into())));
    format!("{}{of}{bar}{}", number::count(now.into()), small(&most))
}

fn rate(row: &Row) -> String {
    let Some(now) = row.rate else { return String::new() };
    let limit = row.rate_lim.filter(|limit| *limit > 0).map_or(String::new(), |limit| format!("<i>/{limit}</i>"));
    let mut notes = Vec::new();
    notes.extend(row.rate_max.map(|most| format!("most {}", number::count(most.into()))));
    if row.mode.as_deref() == Some("http") {
        notes.extend(row.req_rate.map(|rate| format!("{} req/s", number::count(rate.into()))));
    }
    format!("{}<i>/s</i>{limit}{}", number::count(now.into()), small(&notes.join(" · ")))
}

fn queue(row: &Row) -> String {
    let Some(now) = row.qcur else { return String::new() };
    let limit = row.qlimit.filter(|limit| *limit > 0).map_or(String::new(), |limit| format!("<i>/{limit}</i>"));
    let most = row.qmax.unwrap_or(0);
    let class = if now > 0 { "warned" } else { "" };
    let note = if most > 0 { small(&format!("most {}", number::count(most.into()))) } else { String::new() };
    format!("<span class=\"{class}\">{}</span>{limit}{note}", number::count(now.into()))
}

fn total(row: &Row) -> String {
    let Some(all) = row.stot else { return String::new() };
    let mut notes = Vec::new();
    if row.mode.as_deref() == Some("http") {
        notes.extend(row.req_tot.map(|requests| format!("{} requests", number::count(requests))));
    }
    notes.extend(row.lastsess.map(|seconds| match u64::try_from(seconds) {
        Ok(seconds) => format!("last {} ago", number::duration(seconds)),
        Err(_) => "none yet".to_owned(),
    }));
    format!("<span title=\"{}\">{}</span>{}", number::grouped(all), number::count(all), small(&notes.join(" · ")))
}

fn traffic(row: &Row) -> String {
    let (Some(received), Some(sent)) = (row.bin, row.bout) else { return String::new() };
    if received + sent == 0 {
        return String::new();
    }
    format!(
        "<span title=\"{} B in, {} B out\">{} <i>in</i><br>{} <i>out</i></span>",
        number::grouped(received),
        number::grouped(sent),
        number::bytes(received),
        number::bytes(sent)
    )
}

fn responses(row: &Row) -> String {
    let classes = [
        ("2xx", row.hrsp_2xx, "ok"),
        ("3xx", row.hrsp_3xx, "ok"),
        ("4xx", row.hrsp_4xx, "warned"),
        ("5xx", row.hrsp_5xx, "failed"),
        ("other", row.hrsp_other, ""),
    ];
    let shown: Vec<String> = classes
        .into_iter()
        .filter_map(|(class, count, colour)| Some((class, count.filter(|count| *count > 0)?, colour)))
        .map(|(class, count, colour)| {
            format!("<span class=\"{colour}\">{} <i>{class}</i></span>", number::count(count))
        })
        .collect();
    shown.join("<br>")
}

/// Only what happened.
fn errors(row: &Row) -> String {
    let kinds = [
        ("requests", row.ereq, "warned"),
        ("connections", row.econ, "failed"),
        ("responses", row.eresp, "failed"),
        ("denied", sum(row.dreq, row.dresp), "warned"),
        ("connections denied", sum(row.dcon, row.dses), "warned"),
        ("retries", row.wretr, "warned"),
        ("redispatches", row.wredis, "warned"),
        ("client aborts", row.cli_abrt, ""),
        ("server aborts", row.srv_abrt, "failed"),
    ];
    let shown: Vec<String> = kinds
        .into_iter()
        .filter_map(|(kind, count, colour)| Some((kind, count.filter(|count| *count > 0)?, colour)))
        .map(|(kind, count, colour)| format!("<span class=\"{colour}\">{} <i>{kind}</i></span>", number::count(count)))
        .collect();
    shown.join("<br>")
}

fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0) + b.unwrap_or(0)),
    }
}

/// Where the time went, as far as it went anywhere.
fn times(row: &Row) -> String {
    let Some(total) = row.ttime.filter(|_| row.stot.unwrap_or(0) > 0) else { return String::new() };
    let parts = [("queue", row.qtime), ("connect", row.ctime), ("response", row.rtime)];
    let notes: Vec<String> = parts
        .into_iter()
        .filter_map(|(name, millis)| Some((name, millis.filter(|millis| *millis > 0)?)))
        .map(|(name, millis)| format!("{name} {millis}"))
        .collect();
    let most = row.ttime_max.map_or(String::new(), |most| format!("at most {most} ms"));
    format!("<span title=\"{most}\">{total} <i>ms</i></span>{}", small(&notes.join(" · ")))
}

fn weight(row: &Row) -> String {
    let Some(weight) = row.weight else { return String::new() };
    let own = row.uweight.filter(|own| *own != weight).map_or(String::new(), |own| format!("<i>/{own}</i>"));
    let note = row.lbtot.map_or(String::new(), |times| format!("chosen {}", number::count(times)));
    format!("{weight}{own}{}", small(&note))
}
