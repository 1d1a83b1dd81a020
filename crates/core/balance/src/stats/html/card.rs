//! A proxy: its title, the table of its rows, and the form that acts on its servers.

use super::{Page, escape, number, row};
use crate::stats::{Kind, Row};

/// What the form can do: value and text. Values are HAProxy's.
pub const ACTIONS: &[(&str, &str)] = &[
    ("ready", "State: ready"),
    ("drain", "State: drain"),
    ("maint", "State: maintenance"),
    ("dhlth", "Health checks: off"),
    ("ehlth", "Health checks: on"),
    ("hrunn", "Health: force up"),
    ("hnolb", "Health: force no new sessions"),
    ("hdown", "Health: force down"),
    ("dagent", "Agent checks: off"),
    ("eagent", "Agent checks: on"),
    ("arunn", "Agent: force up"),
    ("adown", "Agent: force down"),
    ("shutdown", "Cut all sessions"),
];

pub fn write(out: &mut String, page: &Page<'_>, rows: &[&Row], at: usize) {
    let proxy = rows[0];
    let servers = rows.iter().any(|row| row.kind == Kind::Server);
    let admin = page.options.admin && servers;
    *out += &format!("<section class=\"card\" id=\"{}\"><h2><a href=\"#{0}\">{0}</a>", escape(&proxy.pxname));
    title(out, page, rows);
    *out += "</h2>\n";
    if admin {
        let action = escape(&page.query.address(&page.options.uri));
        *out += &format!("<form method=\"post\" action=\"{action}\">");
    }
    *out += "<div class=\"scroll\"><table><thead><tr>";
    if admin {
        *out += &format!(
            "<th class=\"tick\"><input type=\"checkbox\" data-all=\"{at}\" aria-label=\"All servers of {}\"></th>",
            escape(&proxy.pxname)
        );
    }
    if !admin {
        *out += "<th class=\"tick\"></th>";
    }
    let http = proxy.mode.as_deref() == Some("http");
    row::titles(out, http);
    *out += "</tr></thead><tbody>\n";
    for row in rows {
        row::write(out, page, row, admin.then_some(at), http);
    }
    *out += "</tbody></table></div>";
    if admin {
        actions(out, proxy.iid);
    }
    *out += "</section>\n";
}

/// What is true of the whole proxy: mode, algorithm, cookie, how many servers are up.
fn title(out: &mut String, page: &Page<'_>, rows: &[&Row]) {
    let mut tag = |text: String, class: &str| *out += &format!("<span class=\"tag {class}\">{text}</span>");
    if let Some(mode) = &rows[0].mode {
        tag(escape(mode), "");
    }
    let backend = rows.iter().find(|row| row.kind == Kind::Backend);
    if let Some(backend) = backend.filter(|_| page.options.legends) {
        if let Some(algorithm) = &backend.algo {
            tag(format!("balance {}", escape(algorithm)), "");
        }
        if let Some(cookie) = &backend.cookie {
            tag(format!("cookie {}", escape(cookie)), "");
        }
    }
    if let Some(backend) = backend {
        let (active, backup) = (backend.act.unwrap_or(0), backend.bck.unwrap_or(0));
        let text = match backup {
            0 => format!("{active} active"),
            _ => format!("{active} active, {backup} backup"),
        };
        tag(text, if active + backup == 0 && rows.len() > 1 { "bad" } else { "" });
        if let Some(since) = backend.downtime.filter(|downtime| *downtime > 0) {
            tag(format!("down for {}", number::duration(since.into())), "");
        }
    }
}

fn actions(out: &mut String, iid: u32) {
    *out += "<div class=\"act\"><label>With the ticked servers <select name=\"action\"><option value=\"\"></option>";
    for (value, text) in ACTIONS {
        *out += &format!("<option value=\"{value}\">{text}</option>");
    }
    *out += &format!(
        "</select></label><input type=\"hidden\" name=\"b\" value=\"#{iid}\"><button>Apply</button></div></form>\n"
    );
}
