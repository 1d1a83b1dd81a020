//! The firewall whitelist: which statements, known by their digests, a user may send.
//!
//! Tables `mysql_firewall_whitelist_users` and `mysql_firewall_whitelist_rules`; it is asked only while
//! `mysql-firewall_whitelist_enabled` is on, after the rules and before anything is sent. A user nobody wrote down may
//! send nothing.

use std::collections::{HashMap, HashSet};

/// What happens to a statement that is not in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Nothing is compared.
    Off,
    /// It passes, and is written to the log.
    Detecting,
    /// It is refused with `mysql-firewall_whitelist_errormsg`.
    Protecting,
}

/// A row of `mysql_firewall_whitelist_users`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallUser {
    pub active: bool,
    pub username: String,
    /// Empty: any that has no row of its own.
    pub client_address: String,
    pub mode: Mode,
}

/// A row of `mysql_firewall_whitelist_rules`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallRule {
    pub active: bool,
    pub username: String,
    /// Empty: any.
    pub client_address: String,
    pub schemaname: String,
    pub flag_in: i64,
    pub digest: u64,
}

/// What is done with a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    /// It passes, but is not in the list.
    Detected,
    Refuse,
}

/// Both tables, to be asked by user and client.
#[derive(Debug, Clone, Default)]
pub struct Firewall {
    users: HashMap<String, HashMap<String, Mode>>,
    rules: HashMap<String, HashMap<String, Allowed>>,
}

/// Digests by schema, with their flag.
type Allowed = HashMap<String, HashSet<(i64, u64)>>;

impl Firewall {
    pub fn new(users: &[FirewallUser], rules: &[FirewallRule]) -> Self {
        let mut firewall = Self::default();
        for user in users.iter().filter(|user| user.active) {
            firewall.users.entry(user.username.clone()).or_default().insert(user.client_address.clone(), user.mode);
        }
        for rule in rules.iter().filter(|rule| rule.active) {
            let clients = firewall.rules.entry(rule.username.clone()).or_default();
            let schemas = clients.entry(rule.client_address.clone()).or_default();
            schemas.entry(rule.schemaname.clone()).or_default().insert((rule.flag_in, rule.digest));
        }
        firewall
    }

    /// The user's mode at this address: its own row, else that for any address, else [`Mode::Protecting`].
    pub fn mode(&self, username: &str, client_address: &str) -> Mode {
        self.row(username, client_address).map_or(Mode::Protecting, |(_, mode)| mode)
    }

    /// Judges one statement. Rules count under the address that the user's row has.
    pub fn ask(&self, username: &str, client_address: &str, schemaname: &str, flag_in: i64, digest: u64) -> Verdict {
        let (address, mode) = self.row(username, client_address).unwrap_or(("", Mode::Protecting));
        let known = || {
            let schemas = self.rules.get(username)?.get(address)?;
            Some(schemas.get(schemaname)?.contains(&(flag_in, digest)))
        };
        match mode {
            Mode::Off => Verdict::Pass,
            _ if known() == Some(true) => Verdict::Pass,
            Mode::Detecting => Verdict::Detected,
            Mode::Protecting => Verdict::Refuse,
        }
    }

    /// The user's row that counts here: its address (the client's or empty) and its mode.
    fn row<'a>(&self, username: &str, client_address: &'a str) -> Option<(&'a str, Mode)> {
        let clients = self.users.get(username)?;
        let find = |address: &'a str| clients.get(address).map(|mode| (address, *mode));
        find(client_address).or_else(|| find(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_of_the_address_goes_first() {
        check("u", "10.0.0.1", 7, Verdict::Refuse);
        check("u", "10.0.0.1", 1, Verdict::Pass);
        check("u", "10.0.0.2", 2, Verdict::Pass);
        check("u", "10.0.0.2", 1, Verdict::Detected);
    }

    #[test]
    fn who_is_not_written_down_sends_nothing() {
        check("stranger", "10.0.0.1", 1, Verdict::Refuse);
        check("resting", "10.0.0.1", 1, Verdict::Refuse);
    }

    #[test]
    fn off_compares_nothing() {
        check("free", "10.0.0.1", 99, Verdict::Pass);
    }

    #[track_caller]
    fn check(username: &str, client_address: &str, digest: u64, expected: Verdict) {
        let user = |username: &str, client_address: &str, mode| FirewallUser {
            active: username != "resting",
            username: username.into(),
            client_address: client_address.into(),
            mode,
        };
        let rule = |client_address: &str, digest| FirewallRule {
            active: true,
            username: "u".into(),
            client_address: client_address.into(),
            schemaname: "db".into(),
            flag_in: 0,
            digest,
        };
        let users = [
            user("u", "10.0.0.1", Mode::Protecting),
            user("u", "", Mode::Detecting),
            user("free", "", Mode::Off),
            user("resting", "", Mode::Off),
        ];
        let firewall = Firewall::new(&users, &[rule("10.0.0.1", 1), rule("", 2)]);
        assert_eq!(firewall.ask(username, client_address, "db", 0, digest), expected);
    }
}
