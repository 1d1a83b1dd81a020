//! What rules name in other sections: tables, and peers.

use crate::config::model::{Config, Proxy};
use crate::config::problem::Level;
use crate::config::report::Report;

fn table<'a>(name: &str, all: &'a [Proxy]) -> Option<&'a Proxy> {
    all.iter().find(|other| other.name == name && other.stick_table.is_some())
}

/// Tables that rules track and stick to, and the peers that tables name.
pub(super) fn tables(report: &mut Report, proxy: &Proxy, all: &[Proxy], config: &Config) {
    let named = |words: &[String]| {
        let at = words.iter().position(|word| word == "table")?;
        words.get(at + 1).cloned()
    };
    let mut say = |text: String| report.push(Level::Alert, format!("Proxy '{}': {text}", proxy.name));
    for line in &proxy.stick {
        let name = named(&line.words).unwrap_or_else(|| proxy.name.clone());
        if table(&name, all).is_none() {
            say(format!("unable to find stick-table '{name}'."));
        }
    }
    for line in proxy.tcp_request.iter().chain(&proxy.http_request).chain(&proxy.http_response) {
        let Some(action) = line.words.iter().find(|word| word.starts_with("track-sc")) else { continue };
        let name = named(&line.words).unwrap_or_else(|| proxy.name.clone());
        if table(&name, all).is_none() {
            say(format!("unable to find table '{name}' referenced by {action}."));
        }
    }
    let peers = proxy.stick_table.iter().filter_map(|line| {
        let at = line.words.iter().position(|word| word == "peers")?;
        line.words.get(at + 1)
    });
    for name in peers.filter(|name| !config.peers.iter().any(|peers| peers.name == **name)) {
        say(format!("unable to find sync peers '{name}'."));
    }
}
