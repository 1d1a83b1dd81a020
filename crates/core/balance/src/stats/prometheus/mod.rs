//! Metrics in Prometheus' text form, with the names, types and labels of HAProxy 2.6's exporter, so that dashboards
//! made for it go on working. The help texts are ours. A value that does not apply is `NaN`, as there.
//!
//! More than HAProxy 2.6 has: the filter `metrics=` (names separated by commas), known from its later versions.

mod families;
mod query;
mod states;

use super::{Info, Kind, Row, Value, info};
use families::{Family, PROCESS, ROWS, Scale};
pub use query::{BadScope, Query};

/// Media type of the answer.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

/// A stick table as the exporter shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    /// Type of the keys: `ip`, `string`, ...
    pub kind: String,
    pub size: u64,
    pub used: u64,
}

/// All that is exported, at one instant.
pub struct Snapshot<'a> {
    pub info: &'a Info,
    pub rows: &'a [Row],
    pub tables: &'a [Table],
}

/// The scopes in the order of the answer, with the row they are about.
const SCOPES: &[(&str, Kind)] =
    &[("frontend", Kind::Frontend), ("listener", Kind::Listener), ("backend", Kind::Backend), ("server", Kind::Server)];

pub fn render(snapshot: &Snapshot<'_>, query: &Query) -> String {
    let mut out = Out { text: String::new(), query };
    if query.scope("global") {
        process(&mut out, snapshot.info);
    }
    for (scope, kind) in SCOPES {
        if query.scope(scope) {
            objects(&mut out, snapshot.rows, scope, *kind);
        }
    }
    if query.scope("sticktable") {
        tables(&mut out, snapshot.tables);
    }
    out.text
}

struct Out<'a> {
    text: String,
    query: &'a Query,
}

impl Out<'_> {
    /// Title and samples of a family; nothing when there are no samples or nobody wants them.
    fn family(&mut self, name: &str, about: &str, kind: &str, samples: impl Iterator<Item = (String, String)>) {
        let name = format!("haproxy_{name}");
        let mut samples = samples.peekable();
        if samples.peek().is_none() || !self.query.metric(&name) {
            return;
        }
        self.text += &format!("# HELP {name} {about}\n# TYPE {name} {kind}\n");
        for (labels, value) in samples {
            match labels.is_empty() {
                true => self.text += &format!("{name} {value}\n"),
                false => self.text += &format!("{name}{{{labels}}} {value}\n"),
            }
        }
    }
}

fn process(out: &mut Out<'_>, process: &Info) {
    for (field, name, kind) in PROCESS {
        let found = info::FIELDS.iter().find(|known| known.name == *field);
        let about = found.map_or("Not measured", |known| known.about);
        let sample = match found.and_then(|known| (known.get)(process)) {
            Some(Value::Str(text)) => (format!("version=\"{}\"", escape(text)), "1".to_owned()),
            Some(Value::Float(seconds)) => (String::new(), (seconds as u64).to_string()),
            Some(value) => (String::new(), value.to_string()),
            None => (String::new(), "NaN".to_owned()),
        };
        out.family(&format!("process_{name}"), about, kind.name(), std::iter::once(sample));
    }
}

fn objects(out: &mut Out<'_>, rows: &[Row], scope: &str, kind: Kind) {
    for family in ROWS.iter().filter(|family| family.kinds.contains(&kind)) {
        let wanted = rows.iter().filter(|row| row.kind == kind && out.query.row(row)).collect::<Vec<_>>();
        let samples = samples(family, &wanted, rows);
        out.family(&format!("{scope}_{}", family.name), family.about(), family.metric.name(), samples.into_iter());
    }
}

/// The samples of a family. Classes of responses stand one after the other, all else by object.
fn samples(family: &Family, wanted: &[&Row], rows: &[Row]) -> Vec<(String, String)> {
    match family.scale {
        Scale::States(states) => wanted
            .iter()
            .filter_map(|row| Some((row, states(row, rows)?)))
            .flat_map(|(row, states)| {
                states
                    .into_iter()
                    .map(|(state, count)| (labels(row, &format!(",state=\"{state}\"")), count.to_string()))
            })
            .collect(),
        Scale::Classes => families::CLASSES
            .iter()
            .flat_map(|(class, get)| {
                wanted
                    .iter()
                    .filter_map(move |row| Some((labels(row, &format!(",code=\"{class}\"")), get(row)?.to_string())))
            })
            .collect(),
        _ => wanted.iter().filter_map(|row| Some((labels(row, ""), family.value(row)?))).collect(),
    }
}

fn labels(row: &Row, more: &str) -> String {
    let proxy = format!("proxy=\"{}\"", escape(&row.pxname));
    let object = match row.kind {
        Kind::Server => format!(",server=\"{}\"", escape(&row.svname)),
        Kind::Listener => format!(",listener=\"{}\"", escape(&row.svname)),
        _ => String::new(),
    };
    proxy + &object + more
}

fn tables(out: &mut Out<'_>, tables: &[Table]) {
    let sample = |table: &Table, value: u64| {
        (format!("name=\"{}\",type=\"{}\"", escape(&table.name), escape(&table.kind)), value.to_string())
    };
    let sizes = tables.iter().map(|table| sample(table, table.size));
    out.family("sticktable_size", "Entries a stick table can hold", "gauge", sizes);
    let used = tables.iter().map(|table| sample(table, table.used));
    out.family("sticktable_used", "Entries a stick table holds", "gauge", used);
}

/// A label's value may hold anything; these three would end it.
fn escape(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests;
