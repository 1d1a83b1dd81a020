//! Server-state files: what `show servers state` wrote before the last process ended (management guide, section 9.3).
//!
//! Read at start only; a reload keeps the states where they are.

use crate::config::model::{InitAddr, Server, ServerHost};
use crate::health::{ForcedHealth, Wish};
use std::net::IpAddr;

/// The only version there is.
const VERSION: &str = "1";

/// Columns of a line.
const COLUMNS: usize = 25;

/// Bits of `srv_admin_state` that an administrator set.
const FORCED_MAINT: u8 = 0x01;
const FORCED_DRAIN: u8 = 0x08;

/// `srv_op_state` of a server that is down.
const STOPPED: &str = "0";

/// A server as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    pub backend: String,
    pub server: String,
    address: Option<IpAddr>,
    stopped: bool,
    admin: u8,
    weight: u32,
    initial_weight: u32,
    port: Option<u16>,
}

/// What is to be done to a server so that it is as it was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restoration {
    pub wish: Option<Wish>,
    pub health: Option<ForcedHealth>,
    pub weight: Option<u32>,
    pub port: Option<u16>,
    /// Of a server with a host's name, whose address was asked for before.
    pub address: Option<IpAddr>,
}

/// What is wrong with a whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    NoVersion,
    /// From 1.
    Corrupted(usize),
}

/// Reads a file.
///
/// # Errors
/// It is none, or a line of it is not whole.
pub fn parse(text: &str) -> Result<Vec<Saved>, Wrong> {
    let mut lines = text.lines().enumerate();
    if lines.next().is_none_or(|(_, version)| version.trim() != VERSION) {
        return Err(Wrong::NoVersion);
    }
    let entries = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    entries.map(|(number, line)| parse_line(line).ok_or(Wrong::Corrupted(number + 1))).collect()
}

fn parse_line(line: &str) -> Option<Saved> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    if words.len() < COLUMNS - 7 {
        return None;
    }
    Some(Saved {
        backend: words[1].to_owned(),
        server: words[3].to_owned(),
        address: words[4].parse().ok(),
        stopped: words[5] == STOPPED,
        admin: words[6].parse().ok()?,
        weight: words[7].parse().ok()?,
        initial_weight: words[8].parse().ok()?,
        port: words.get(18).and_then(|port| port.parse().ok()).filter(|port| *port > 0),
    })
}

impl Saved {
    /// The configuration has changed meanwhile, so not everything is as it was: a weight counts while the initial one is
    /// the same, an address where the configuration has only a name.
    pub fn restoration(&self, config: &Server) -> Restoration {
        let wish = match self.admin {
            admin if admin & FORCED_MAINT > 0 => Some(Wish::Maint),
            admin if admin & FORCED_DRAIN > 0 => Some(Wish::Drain),
            _ => None,
        };
        let named = matches!(config.host, ServerHost::Name(_)) && config.init_addr.contains(&InitAddr::Last);
        let same_weight = self.initial_weight == config.weight && self.weight != config.weight;
        Restoration {
            wish,
            health: (self.stopped && wish.is_none() && config.checked).then_some(ForcedHealth::Down),
            weight: same_weight.then_some(self.weight),
            port: self.port,
            address: self.address.filter(|_| named),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const HEAD: &str = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state ...\n";

    #[test]
    fn what_is_restored() {
        let checked = Server { checked: true, weight: 10, ..Server::default() };
        let named = Server { host: ServerHost::Name("s".to_owned()), ..checked.clone() };
        check("3 b 1 s 127.0.0.1 2 0 10 10 5 6 3 4 6 0 0 0 - 80 - 0 0 - - 0", &checked, expect!["port 80"]);
        check(
            "3 b 1 s 127.0.0.1 0 0 5 10 5 8 2 0 6 0 0 0 - 80 - 0 0 - - 0",
            &checked,
            expect!["down weight 5 port 80"],
        );
        check("3 b 1 s 127.0.0.1 0 0 5 11 5 8 2 0 6 0 0 0 - 0 - 0 0 - - 0", &checked, expect!["down"]);
        check("3 b 1 s 127.0.0.1 2 8 10 10 5 6 3 4 6 0 0 0 - 0 - 0 0 - - 0", &checked, expect!["drain"]);
        check("3 b 1 s 127.0.0.2 0 1 10 10 5 6 3 4 6 0 0 0 s 0 - 0 0 - - 0", &named, expect!["maint 127.0.0.2"]);
    }

    #[test]
    fn what_is_no_file() {
        assert_eq!(parse(""), Err(Wrong::NoVersion));
        assert_eq!(parse("2\n"), Err(Wrong::NoVersion));
        assert_eq!(parse(&format!("{HEAD}3 b 1 s\n")), Err(Wrong::Corrupted(3)));
        assert_eq!(parse(&format!("{HEAD}\n")), Ok(vec![]));
    }

    #[track_caller]
    fn check(line: &str, config: &Server, expected: Expect) {
        let saved = parse(&format!("{HEAD}{line}\n")).expect("a good file");
        assert_eq!((saved[0].backend.as_str(), saved[0].server.as_str()), ("b", "s"));
        let Restoration { wish, health, weight, port, address } = saved[0].restoration(config);
        let words = [
            wish.map(|wish| if matches!(wish, Wish::Maint) { "maint" } else { "drain" }.to_owned()),
            health.map(|_| "down".to_owned()),
            weight.map(|weight| format!("weight {weight}")),
            port.map(|port| format!("port {port}")),
            address.map(|address| address.to_string()),
        ];
        expected.assert_eq(&words.into_iter().flatten().collect::<Vec<_>>().join(" "));
    }
}
