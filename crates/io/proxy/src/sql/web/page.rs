//! The page: one answer without anything from elsewhere, in the looks of the balancer's. All of it is there without its
//! script, which only fetches the middle anew and sorts the statements.

use super::view::{Client, Digest, Failure, Group, Rule, Shown, User, View};
use crate::sql::latency::Times;
use crate::sql::server::groups::Standing;
use crate::sql::stats::CACHE;
use balance::stats::html::number::{bytes, count, duration, grouped};
use balance::stats::html::{STYLE, escape};

pub const KIND: &str = "text/html; charset=utf-8";

const OWN_STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Seconds between looks of a browser that runs no script.
const REFRESH: u32 = 10;

pub fn whole(view: &View) -> String {
    let node = escape(&view.node);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"data:,\">\
         <title>SQL on {node}</title><style>{STYLE}{OWN_STYLE}</style>\
         <noscript><meta http-equiv=\"refresh\" content=\"{REFRESH}\"></noscript></head>\n\
         <body><main>{}</main><script>{SCRIPT}</script></body></html>\n",
        part(view)
    )
}

/// What changes.
pub fn part(view: &View) -> String {
    let mut out = String::with_capacity(32 * 1024);
    head(&mut out, view);
    alarms(&mut out, view);
    tiles(&mut out, view);
    view.groups.iter().for_each(|group| hostgroup(&mut out, group));
    if view.groups.is_empty() {
        out += "<p class=\"empty\">No server is configured: mysql_servers is empty.</p>";
    }
    digests(&mut out, view);
    out += "<div class=\"pair\">";
    rules(&mut out, &view.rules);
    users(&mut out, &view.users);
    out += "</div>";
    clients(&mut out, &view.clients);
    errors(&mut out, &view.errors);
    out
}

fn head(out: &mut String, view: &View) {
    *out += &format!(
        "<header><div class=\"who\"><h1>Barque SQL <span class=\"on\">on</span> {}</h1><p>version {} · servers {} · up {} · \
         {} of memory</p></div><nav><a href=\"/stats.json\">JSON</a><a href=\"/metrics\">metrics</a></nav></header>\n",
        escape(&view.node),
        env!("CARGO_PKG_VERSION"),
        escape(plain_version(&view.server_version)),
        duration(view.uptime),
        bytes(view.resident)
    );
}

fn alarms(out: &mut String, view: &View) {
    for (code, text) in &view.alarms {
        *out += &format!(
            "<p class=\"said bad\" role=\"alert\"><b>{}</b> {}</p>\n",
            escape(&code.replace('_', " ")),
            escape(text)
        );
    }
}

fn tiles(out: &mut String, view: &View) {
    let figure = |name: &str| view.figures.get(name).copied().unwrap_or_default();
    let servers: Vec<&Shown> = view.groups.iter().flat_map(|group| &group.servers).collect();
    let online = servers.iter().filter(|server| server.standing == Standing::Online).count();
    let (used, free): (u32, u32) =
        servers.iter().fold((0, 0), |(used, free), server| (used + server.used, free + server.free));
    let both = view.recent.both();
    *out += "<section class=\"tiles\">";
    let mut tile = |title: &str, value: String, note: String, class: &str| {
        *out += &format!("<div class=\"tile {class}\"><b>{value}</b><span>{title}</span><small>{note}</small></div>");
    };
    let class = if online < servers.len() { "bad" } else { "good" };
    let down = servers.len() - online;
    let note = if down == 0 { "all take statements".to_owned() } else { format!("{down} not in use") };
    tile("places online", format!("{online}<i> of {}</i>", servers.len()), note, class);
    tile(
        "statements a second",
        rate(view.rate),
        format!("{} in all, {} slow", count(figure("Questions")), count(figure("Slow_queries"))),
        "",
    );
    tile(
        "p95 in the last minute",
        time(both.quantile(0.95)),
        format!("reads {}, others {}", time(view.recent.read.quantile(0.95)), time(view.recent.write.quantile(0.95))),
        "",
    );
    tile(
        "clients",
        count(figure("Client_Connections_connected")),
        format!(
            "{} busy, {} in a transaction",
            count(figure("Client_Connections_non_idle")),
            count(figure("Active_Transactions"))
        ),
        "",
    );
    tile(
        "connections to servers",
        count((used + free).into()),
        format!("{used} in use, {free} idle, {} made", count(figure("Server_Connections_created"))),
        "",
    );
    tile(
        "reads that waited for their write",
        count(figure("Causal_read_waits")),
        format!("{} went to the writer instead", count(figure("Causal_read_timeouts"))),
        "",
    );
    tile(
        "kept off readers",
        count(figure("Safe_routing_reroutes")),
        format!("no provable reads; {} for want of a reader", count(figure("Reader_fallbacks"))),
        "",
    );
    if let Some(entries) = view.figures.get("Query_Cache_Entries").filter(|_| figure("Query_Cache_count_GET") > 0) {
        let (asked, found) = (figure("Query_Cache_count_GET"), figure("Query_Cache_count_GET_OK"));
        let share = (found * 100).checked_div(asked).unwrap_or_default();
        let memory = bytes(figure("Query_Cache_Memory_bytes"));
        tile(
            "answered from the cache",
            format!("{share}<i>%</i>"),
            format!("{} entries, {memory}", count(*entries)),
            "",
        );
    }
    tile(
        "turned away",
        count(figure("Client_Connections_aborted")),
        format!("{} with a wrong password", count(figure("Access_Denied_Wrong_Password"))),
        "",
    );
    *out += "</section>\n";
}

fn hostgroup(out: &mut String, group: &Group) {
    let id = group.hostgroup;
    *out +=
        &format!("<section class=\"card\" id=\"hostgroup-{id}\"><h2><a href=\"#hostgroup-{id}\">Hostgroup {id}</a>");
    let mut tag = |text: String, class: &str| *out += &format!("<span class=\"tag {class}\">{text}</span>");
    match (group.readers, group.writer) {
        (Some(readers), _) => tag(format!("writer; readers are {readers}"), ""),
        (None, Some(writer)) => tag(format!("readers; writer is {writer}"), ""),
        (None, None) => {}
    }
    let online = group.servers.iter().filter(|server| server.standing == Standing::Online).count();
    tag(format!("{online} online"), if online == 0 { "bad" } else { "" });
    *out += "</h2>\n";
    table(
        out,
        &["Server", "State", "Lag", "Connections", "Statements", "Time", "Errors", "Traffic", "Position"],
        group.servers.iter().map(|shown| (state_class(shown), server(shown))),
    );
    *out += "</section>\n";
}

fn state_class(shown: &Shown) -> &'static str {
    match shown.standing {
        Standing::Online if shown.failure.is_some() => "warn",
        Standing::Online => "up",
        Standing::Shunned => "down",
        Standing::Lagging => "rising",
        Standing::OfflineSoft => "drain",
        Standing::OfflineHard => "maint",
    }
}

fn server(shown: &Shown) -> Vec<String> {
    let role = match shown.read_only {
        Some(true) => "read_only=1",
        Some(false) => "writable",
        None => "",
    };
    let state = shown.failure.as_deref().map_or_else(
        || format!("answers in {}", time(shown.ping_us)),
        |failure| format!("<span class=\"failed\">{}</span>", escape(failure)),
    );
    let lag = match shown.lag {
        Some(Some(0)) => "<span class=\"ok\">none</span>".to_owned(),
        Some(Some(seconds)) => format!("<span class=\"warned\">{}</span>", duration(seconds)),
        Some(None) => "<span class=\"failed\">stopped</span>".to_owned(),
        None => "<i>–</i>".to_owned(),
    };
    let share = (u64::from(shown.used) * 100).checked_div(shown.max.into()).unwrap_or_default().min(100);
    let hot = if share >= 90 { " class=\"hot\"" } else { "" };
    let statements = shown.sums.statements();
    vec![
        format!("<b>{}</b><small>{}</small>", escape(&shown.address), escape(plain_version(&shown.version))),
        format!("<span class=\"pill\">{}</span><small>{role}</small><small>{state}</small>", words(shown.standing)),
        lag,
        format!(
            "{} <i>of {}</i><meter-bar{hot}><span style=\"width:{share}%\"></span></meter-bar><small>{} idle, {} at most</small>",
            grouped(shown.used.into()),
            grouped(shown.max.into()),
            shown.free,
            shown.most
        ),
        format!(
            "{} <i>a second</i><small>{} in all</small><small>weight {}</small>",
            rate(shown.recent.rate),
            count(statements.count()),
            shown.weight
        ),
        times(&shown.recent.read, &shown.recent.write),
        errors_of(shown),
        format!("{} <i>in</i><small>{} out</small>", bytes(shown.received), bytes(shown.sent)),
        format!("<code>{}</code>", escape(&shown.position)),
    ]
}

fn errors_of(shown: &Shown) -> String {
    let class = if shown.errors > 0 { " class=\"warned\"" } else { "" };
    let failed = if shown.failed > 0 { " class=\"failed\"" } else { "" };
    format!(
        "<span{class}>{}</span><small{failed}>{} of {} log-ins failed</small>",
        count(shown.errors),
        count(shown.failed),
        count(shown.failed + shown.connected)
    )
}

fn words(standing: Standing) -> &'static str {
    match standing {
        Standing::Online => "online",
        Standing::Shunned => "down",
        Standing::Lagging => "drained",
        Standing::OfflineSoft => "offline, soft",
        Standing::OfflineHard => "offline",
    }
}

/// Reads and others, of the last minute.
fn times(read: &Times, write: &Times) -> String {
    let one = |name: &str, times: &Times| {
        if times.count() == 0 {
            return String::new();
        }
        format!("<small>{name}: mean {}, p95 {}</small>", time(times.mean()), time(times.quantile(0.95)))
    };
    let mut both = *read;
    both.add(write);
    if both.count() == 0 {
        return "<i>–</i>".to_owned();
    }
    format!("{}{}{}", time(both.mean()), one("reads", read), one("others", write))
}

fn digests(out: &mut String, view: &View) {
    let shown = view.digests.len();
    card(out, "statements", "Statements", &format!("{shown} of {} by total time", view.all_digests));
    if view.digests.is_empty() {
        *out += "<p class=\"empty\">None yet.</p></section>\n";
        return;
    }
    let total: u64 = view.digests.iter().map(|digest| digest.sum_us).sum();
    *out += "<div class=\"scroll\"><table class=\"sortable\"><thead><tr>";
    for (title, sorts) in [
        ("Statement", false),
        ("Total", true),
        ("Count", true),
        ("Mean", true),
        ("Max", true),
        ("Rows", true),
        ("Seen", true),
    ] {
        *out += &match sorts {
            true => format!("<th scope=\"col\" data-t=\"{title}\"><button type=\"button\">{title}</button></th>"),
            false => format!("<th scope=\"col\" data-t=\"{title}\">{title}</th>"),
        };
    }
    *out += "</tr></thead><tbody>\n";
    view.digests.iter().for_each(|digest| digest_row(out, digest, total));
    *out += "</tbody></table></div></section>\n";
}

fn digest_row(out: &mut String, digest: &Digest, total: u64) {
    *out += "<tr class=\"server\">";
    let mean = digest.sum_us.checked_div(digest.count).unwrap_or_default();
    let share = (digest.sum_us * 100).checked_div(total).unwrap_or_default();
    let mut cell = |title: &str, value: u64, html: String| {
        *out += &format!("<td data-t=\"{title}\" data-v=\"{value}\">{html}</td>");
    };
    let place = match digest.hostgroup {
        CACHE => "from the cache".to_owned(),
        hostgroup => format!("hostgroup {hostgroup}"),
    };
    let schema = if digest.schema.is_empty() { String::new() } else { format!(" in {}", escape(&digest.schema)) };
    cell(
        "Statement",
        0,
        format!(
            "<code class=\"sql\" title=\"0x{:016X}\">{}</code><small>{place} · {}{schema}</small>",
            digest.digest,
            escape(&digest.text),
            escape(&digest.user)
        ),
    );
    cell(
        "Total",
        digest.sum_us,
        format!("{}<meter-bar><span style=\"width:{share}%\"></span></meter-bar>", time(digest.sum_us)),
    );
    cell("Count", digest.count, count(digest.count));
    cell("Mean", mean, time(mean));
    cell("Max", digest.max_us, time(digest.max_us));
    cell("Rows", digest.rows, count(digest.rows));
    cell("Seen", digest.ago, format!("{} <i>ago</i>", duration(digest.ago)));
    *out += "</tr>\n";
}

fn rules(out: &mut String, rules: &[Rule]) {
    card(out, "rules", "Query rules", &format!("{} active", rules.len()));
    let most = rules.iter().map(|rule| rule.hits).max().unwrap_or_default();
    let row = |rule: &Rule| {
        let share = (rule.hits * 100).checked_div(most).unwrap_or_default();
        let comment = escape(&rule.comment);
        (
            "",
            vec![
                rule.id.to_string(),
                format!("<code class=\"sql\">{}</code><small>{comment}</small>", escape(&rule.matches)),
                escape(&rule.does),
                format!("{}<meter-bar><span style=\"width:{share}%\"></span></meter-bar>", count(rule.hits)),
            ],
        )
    };
    table(out, &["Rule", "Matches", "Does", "Hits"], rules.iter().map(row));
    *out += "</section>\n";
}

fn users(out: &mut String, users: &[User]) {
    card(out, "users", "Users", &users.len().to_string());
    let row = |user: &User| {
        let connections = format!("{} <i>of {}</i>", user.connections, grouped(user.max.into()));
        ("", vec![escape(&user.name), connections, user.hostgroup.to_string()])
    };
    table(out, &["User", "Connections", "Hostgroup"], users.iter().map(row));
    *out += "</section>\n";
}

fn clients(out: &mut String, clients: &[Client]) {
    card(out, "clients", "Clients", "the busiest first");
    let row = |client: &Client| {
        let (class, state) = match (client.statement.is_empty(), client.in_transaction) {
            (false, _) => ("up", format!("runs for {}", time(client.milliseconds.saturating_mul(1_000)))),
            (true, true) => ("warn", "idle in a transaction".to_owned()),
            (true, false) => ("plain", "idle".to_owned()),
        };
        let schema = if client.schema.is_empty() { String::new() } else { format!(" in {}", escape(&client.schema)) };
        (
            class,
            vec![
                format!("{}<small>{}{schema}</small>", client.id, escape(&client.user)),
                escape(&client.peer),
                format!("<span class=\"pill\">{state}</span>"),
                escape(&client.server),
                format!("<code class=\"sql\">{}</code>", escape(&client.statement)),
            ],
        )
    };
    table(out, &["Session", "From", "State", "On", "Statement"], clients.iter().map(row));
    *out += "</section>\n";
}

fn errors(out: &mut String, errors: &[Failure]) {
    if errors.is_empty() {
        return;
    }
    card(out, "errors", "Errors", "the latest first");
    let row = |error: &Failure| {
        (
            "",
            vec![
                format!("{}<small>{}</small>", error.code, escape(&error.user)),
                format!("{}<small>hostgroup {}</small>", escape(&error.server), error.hostgroup),
                count(error.count),
                format!("{} <i>ago</i>", duration(error.ago)),
                format!("<span class=\"sql\">{}</span>", escape(&error.text)),
            ],
        )
    };
    table(out, &["Error", "Server", "Times", "Last", "Words"], errors.iter().map(row));
    *out += "</section>\n";
}

fn card(out: &mut String, id: &str, title: &str, tag: &str) {
    *out += &format!(
        "<section class=\"card\" id=\"{id}\"><h2><a href=\"#{id}\">{title}</a><span class=\"tag\">{tag}</span></h2>\n"
    );
}

/// Rows by class and cells, which are HTML already.
fn table<'a>(out: &mut String, titles: &[&str], rows: impl Iterator<Item = (&'a str, Vec<String>)>) {
    *out += "<div class=\"scroll\"><table><thead><tr>";
    for title in titles {
        *out += &format!("<th scope=\"col\" data-t=\"{title}\">{title}</th>");
    }
    *out += "</tr></thead><tbody>\n";
    for (class, cells) in rows {
        *out += &format!("<tr class=\"server {class}\">");
        for (title, cell) in titles.iter().zip(cells) {
            *out += &format!("<td data-t=\"{title}\">{cell}</td>");
        }
        *out += "</tr>\n";
    }
    *out += "</tbody></table></div>";
}

/// MariaDB's own, without what it puts before it for old clients.
fn plain_version(text: &str) -> &str {
    text.strip_prefix("5.5.5-").unwrap_or(text)
}

/// `412 µs`, `1.24 ms`, `2.31 s`, `3m 5s`.
fn time(microseconds: u64) -> String {
    let three = |number: f64, unit: &str| {
        let digits = if number < 10.0 { 2 } else { usize::from(number < 100.0) };
        format!("{number:.digits$}\u{a0}{unit}")
    };
    match microseconds {
        0..1_000 => format!("{microseconds}\u{a0}µs"),
        1_000..1_000_000 => three(microseconds as f64 / 1e3, "ms"),
        1_000_000..100_000_000 => three(microseconds as f64 / 1e6, "s"),
        _ => duration(microseconds / 1_000_000),
    }
}

fn rate(rate: f64) -> String {
    if rate > 0.0 && rate < 10.0 { format!("{rate:.1}") } else { count(rate.round() as u64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_read_them() {
        for (microseconds, shown) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_240, "1.24 ms"),
            (45_678, "45.7 ms"),
            (2_310_000, "2.31 s"),
            (185_000_000, "3m 5s"),
        ] {
            assert_eq!(time(microseconds).replace('\u{a0}', " "), shown);
        }
        assert_eq!([rate(0.0), rate(0.25), rate(1234.4)], ["0", "0.2", "1,234"]);
    }
}
