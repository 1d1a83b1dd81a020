//! A balancer made of data: what the language is tested and fuzzed against.
//!
//! It has what the recordings under `testdata` were made with: HAProxy 2.6.12 with the proxies web, tcpf, be1, be2, tb,
//! both, empty, a map, a list of addresses and a stick table.

use super::*;
use crate::health::{ForcedHealth, Wish};
use crate::server::{Admin, Oper, Weight};
use crate::stats::{Filter, Info, Kind, Row};
use crate::stick::{Table, TableConfig};
use std::cell::{Cell, RefCell};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

pub struct World {
    servers: RefCell<Vec<ServerFacts>>,
    frontends: RefCell<Vec<(u32, &'static str, FrontendState)>>,
    lists: RefCell<Vec<List>>,
    table: RefCell<Table>,
    variables: RefCell<Vec<(String, String)>>,
    next: Cell<u64>,
}

struct List {
    facts: ListFacts,
    entries: Vec<(u32, PatternEntry)>,
}

const PROXIES: &[(u32, &str, bool)] = &[
    (2, "web", false),
    (3, "tcpf", false),
    (4, "be1", true),
    (5, "be2", true),
    (6, "tb", true),
    (7, "both", true),
    (8, "empty", true),
];

impl Default for World {
    fn default() -> Self {
        let frontends = [(2, "web"), (3, "tcpf"), (7, "both")];
        Self {
            servers: RefCell::new(servers()),
            frontends: RefCell::new(frontends.map(|(id, name)| (id, name, FrontendState::Listening)).to_vec()),
            lists: RefCell::new(lists()),
            table: RefCell::new(table()),
            variables: RefCell::default(),
            next: Cell::new(0x1000),
        }
    }
}

fn servers() -> Vec<ServerFacts> {
    let server = |backend: (u32, &str), id: u32, name: &str, port: u16, weight: u32| ServerFacts {
        id: ServerId { backend: backend.0, server: id },
        backend: backend.1.into(),
        name: name.into(),
        address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        port,
        port_mapped: false,
        fqdn: None,
        resolvers: false,
        srv_record: None,
        ssl: false,
        ssl_configured: false,
        oper: Oper::Running,
        admin: Admin::READY,
        weight: Weight { initial: weight, user: weight, slowstart: 0, dynamic: true },
        seconds_since_change: 68,
        check: CheckFacts {
            configured: true,
            enabled: true,
            status: 15,
            result: 3,
            health: 4,
            ..CheckFacts::default()
        },
        agent: CheckFacts::default(),
        tracks: false,
        backend_id_given: false,
        id_given: false,
        referenced: false,
        connections: Connections {
            purge_delay: 5000,
            used_max: 1,
            needed: 1,
            idle_limit: -1,
            idle_per_thread: vec![0, 0],
            ..Connections::default()
        },
    };
    let mut s1 = server((4, "be1"), 1, "s1", 25091, 50);
    s1.referenced = true;
    let s2 = server((4, "be1"), 2, "s2", 25092, 100);
    let mut s4 = server((4, "be1"), 4, "s4", 25091, 1);
    s4.admin = Admin::FORCED_MAINT | Admin::CONFIG_MAINT;
    s4.oper = Oper::Stopped;
    s4.check = CheckFacts { paused: true, status: 1, ..CheckFacts::default() };
    let mut s5 = server((4, "be1"), 5, "s5", 25092, 1);
    s5.check = CheckFacts { status: 1, health: 4, ..CheckFacts::default() };
    let mut t1 = server((5, "be2"), 1, "t1", 25092, 1);
    t1.tracks = true;
    t1.check = CheckFacts { status: 1, health: 2, ..CheckFacts::default() };
    let mut t2 = server((5, "be2"), 2, "t2", 25093, 1);
    (t2.ssl, t2.ssl_configured) = (true, true);
    t2.agent = CheckFacts { configured: true, enabled: true, port: Some(25094), health: 1, ..CheckFacts::default() };
    let mut x1 = server((6, "tb"), 1, "x1", 25091, 1);
    x1.check.status = 6;
    let y1 = server((7, "both"), 1, "y1", 25091, 1);
    vec![s1, s2, s4, s5, t1, t2, x1, y1]
}

fn lists() -> Vec<List> {
    let list = |id, file: &str, description: &str, is_map: bool, patterns: &[(&str, Option<&str>)]| List {
        facts: ListFacts {
            id,
            file: file.into(),
            description: description.into(),
            is_acl: !is_map,
            is_map,
            current: 0,
            next: 0,
            entries: 0,
        },
        entries: patterns
            .iter()
            .enumerate()
            .map(|(at, (pattern, value))| {
                let id = 0x10 * u64::from(id) + at as u64 + 1;
                (0, PatternEntry { id, pattern: (*pattern).into(), value: value.map(str::to_owned) })
            })
            .collect(),
    };
    vec![
        list(
            0,
            "a.acl",
            "pattern loaded from file 'a.acl' used by acl at file 'a.cfg' line 30",
            false,
            &[("10.0.0.0/8", None), ("192.168.0.0/16", None)],
        ),
        list(1, "", "acl 'src' file 'a.cfg' line 30", false, &[]),
        list(
            2,
            "m.map",
            "pattern loaded from file 'm.map' used by map at file 'a.cfg' line 31",
            true,
            &[("/a", Some("be1")), ("/b", Some("be2"))],
        ),
    ]
}

fn table() -> Table {
    let line = "type ip size 1k expire 10m store conn_cnt,http_req_rate(10s),gpc0";
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let config = TableConfig::parse(&words, &mut Vec::new()).expect("the line above is right");
    Table::new("be1", Arc::new(config))
}

impl World {
    fn next(&self) -> u64 {
        self.next.set(self.next.get() + 0x10);
        self.next.get()
    }

    fn list<T>(&self, id: u32, run: impl FnOnce(&mut List) -> T) -> Option<T> {
        self.lists.borrow_mut().iter_mut().find(|list| list.facts.id == id).map(run)
    }
}

fn proxy(name: &str) -> Option<u32> {
    let id = name.trim_start_matches('#').parse();
    PROXIES.iter().find(|(known, text, _)| *text == name || id == Ok(*known)).map(|(id, ..)| *id)
}

impl Process for World {
    fn pid(&self) -> u32 {
        6425
    }

    fn version(&self) -> String {
        "2.6.12".into()
    }

    fn date(&self) -> String {
        "27/Nov/2026:23:46:09.176".into()
    }

    fn info(&self) -> Info {
        Info { name: "Barque".into(), pid: 6425, ..Info::default() }
    }

    fn rows(&self, filter: &Filter) -> Vec<Row> {
        let row = |kind, (iid, pxname): (u32, &str), sid, svname: &str, status: &str| Row {
            kind,
            iid,
            sid,
            pid: 1,
            pxname: pxname.into(),
            svname: svname.into(),
            status: status.into(),
            addr: Some("127.0.0.1:1".into()),
            ..Row::default()
        };
        let be1 = (4, "be1");
        let rows = vec![
            row(Kind::Frontend, (2, "web"), 0, "FRONTEND", "OPEN"),
            row(Kind::Server, be1, 1, "s1", "UP"),
            row(Kind::Server, be1, 2, "s2", "DOWN"),
            row(Kind::Server, be1, 4, "s4", "MAINT"),
            row(Kind::Server, be1, 5, "s5", "no check"),
            row(Kind::Backend, be1, 0, "BACKEND", "UP"),
        ];
        rows.into_iter().filter(|row| filter.wants(row)).collect()
    }

    fn proxies(&self) -> Vec<ProxyFacts> {
        PROXIES
            .iter()
            .map(|(id, name, backend)| ProxyFacts { id: *id, name: (*name).into(), backend: *backend })
            .collect()
    }

    fn sockets(&self) -> Vec<SocketFacts> {
        vec![
            SocketFacts { address: "unix@/run/admin.sock".into(), level: Level::Admin },
            SocketFacts { address: "ipv4@127.0.0.1:25001".into(), level: Level::Operator },
        ]
    }

    fn clear_counters(&self, _all: bool) {}

    fn limit(&self, _limit: Limit) -> u32 {
        1000
    }

    fn most_connections(&self) -> u32 {
        1000
    }

    fn set_limit(&self, _limit: Limit, _value: u32) {}

    fn environment(&self) -> Vec<(String, String)> {
        vec![("HOME".into(), "/root".into())]
    }

    fn errors(&self) -> (u64, Vec<Captured>) {
        (0, vec![])
    }

    fn resolvers(&self) -> Vec<ResolverFacts> {
        vec![ResolverFacts { section: "dns1".into(), name: "ns1".into(), counters: [0; 15] }]
    }

    fn report(&self, report: &Report) -> String {
        format!("{report:?}\n")
    }

    fn variable(&self, name: &str) -> Option<(String, String)> {
        let variables = self.variables.borrow();
        variables.iter().find(|(known, _)| known == name).map(|(_, value)| ("sint".into(), value.clone()))
    }

    fn set_variable(&self, name: &str, expression: &[String]) -> Result<(), String> {
        match expression.first().and_then(|word| word.strip_prefix("int(")?.strip_suffix(')')) {
            Some(value) => self.variables.borrow_mut().push((name.into(), value.into())),
            None => return Err("unknown fetch method 'bogus'".into()),
        }
        Ok(())
    }

    fn reload(&self) {}

    fn reloads(&self) -> (u32, u32) {
        (1, 0)
    }
}

impl Servers for World {
    fn server(&self, backend: &str, server: &str) -> Result<ServerFacts, Missing> {
        let backend = proxy(backend).ok_or(Missing::Backend)?;
        let id = server.trim_start_matches('#').parse();
        let servers = self.servers.borrow();
        servers
            .iter()
            .find(|known| known.id.backend == backend && (known.name == server || id == Ok(known.id.server)))
            .cloned()
            .ok_or(Missing::Server)
    }

    fn servers(&self, backend: Option<u32>) -> Vec<ServerFacts> {
        let servers = self.servers.borrow();
        servers.iter().filter(|server| backend.is_none_or(|id| id == server.id.backend)).cloned().collect()
    }

    fn backend(&self, name: &str) -> Option<u32> {
        proxy(name).filter(|id| PROXIES.iter().any(|(known, _, backend)| known == id && *backend))
    }

    fn change_server(&self, id: ServerId, change: ServerChange) -> Result<(), String> {
        let mut servers = self.servers.borrow_mut();
        let Some(server) = servers.iter_mut().find(|server| server.id == id) else { return Ok(()) };
        match change {
            ServerChange::State(Wish::Ready) => (server.admin, server.oper) = (Admin::READY, Oper::Running),
            ServerChange::State(Wish::Drain) => server.admin = Admin::FORCED_DRAIN,
            ServerChange::State(Wish::Maint) => (server.admin, server.oper) = (Admin::FORCED_MAINT, Oper::Stopped),
            ServerChange::Health(ForcedHealth::Down) => server.oper = Oper::Stopped,
            ServerChange::Health(ForcedHealth::Stopping) => server.oper = Oper::Stopping,
            ServerChange::Health(ForcedHealth::Up) => server.oper = Oper::Running,
            ServerChange::Weight(weight) => server.weight.user = weight,
            ServerChange::Address(address, port) => {
                server.address = address.or(server.address);
                (server.port, server.port_mapped) = port.unwrap_or((server.port, server.port_mapped));
            }
            ServerChange::Ssl(on) => server.ssl = on,
            ServerChange::CheckAddress(WhichAddress::Check, address, port) => {
                server.check.address = address.or(server.check.address);
                server.check.port = port.or(server.check.port);
            }
            ServerChange::Checks(WhichAddress::Check, on) => server.check.enabled = on && server.check.configured,
            _ => {}
        }
        Ok(())
    }

    fn add_server(&self, backend: u32, name: &str, words: &[String]) -> Result<(), String> {
        if let Some(word) = words.get(1) {
            return Err(format!("unknown keyword '{word}'; did you mean 'tfo' maybe ?"));
        }
        let mut servers = self.servers.borrow_mut();
        if servers.iter().any(|server| server.id.backend == backend && server.name == name) {
            return Err("Already exists a server with the same name in backend.".into());
        }
        let mut server = servers[0].clone();
        let id = servers.iter().map(|server| server.id.server).max().unwrap_or(0) + 1;
        server.id = ServerId { backend, server: id };
        server.backend =
            PROXIES.iter().find(|(id, ..)| *id == backend).map_or(String::new(), |(_, name, _)| (*name).into());
        (server.name, server.referenced, server.admin) = (name.into(), false, Admin::FORCED_MAINT);
        servers.push(server);
        Ok(())
    }

    fn delete_server(&self, id: ServerId) -> Result<(), String> {
        self.servers.borrow_mut().retain(|server| server.id != id);
        Ok(())
    }

    fn set_dynamic_cookie(&self, _backend: u32, _key: Option<&str>, _enabled: Option<bool>) -> Result<(), String> {
        Ok(())
    }
}

impl Frontends for World {
    fn frontend(&self, name: &str) -> Option<FrontendFacts> {
        let id = proxy(name)?;
        let frontends = self.frontends.borrow();
        frontends.iter().find(|(known, ..)| *known == id).map(|(id, _, state)| FrontendFacts { id: *id, state: *state })
    }

    fn change_frontend(&self, id: u32, change: FrontendChange) -> Result<(), String> {
        for (known, _, state) in self.frontends.borrow_mut().iter_mut().filter(|(known, ..)| *known == id) {
            assert_eq!(*known, id);
            *state = match change {
                FrontendChange::Enable => FrontendState::Listening,
                FrontendChange::Disable => FrontendState::Disabled,
                FrontendChange::Shutdown => FrontendState::Stopped,
                FrontendChange::Maxconn(_) => *state,
            };
        }
        Ok(())
    }
}

impl Sessions for World {
    fn sessions(&self) -> Vec<SessionFacts> {
        vec![SessionFacts {
            id: 0x2a,
            proto: "tcpv4".into(),
            source: "127.0.0.1:4242".into(),
            frontend: "web".into(),
            frontend_id: 2,
            mode: "http".into(),
            listener: Some(("sock-1".into(), 1)),
            listener_address: "127.0.0.1:25080".into(),
            backend: Some(("be1".into(), 4)),
            server: Some(("s1".into(), 1)),
            server_address: "127.0.0.1:25091".into(),
            date: "27/Nov/2026:23:46:09.184".into(),
            age_seconds: 61,
            retries: 3,
            bytes_in: 14,
            bytes_out: 15,
            expires: Some(9),
            http: true,
        }]
    }

    fn shutdown_session(&self, id: u64) -> bool {
        id == 0x2a
    }
}

impl Tables for World {
    fn table_names(&self) -> Vec<String> {
        vec!["be1".into()]
    }

    fn with_table(&self, name: &str, run: &mut dyn FnMut(&mut Table, u64)) -> bool {
        let found = name == "be1";
        if found {
            run(&mut self.table.borrow_mut(), 1000);
        }
        found
    }
}

impl Patterns for World {
    fn lists(&self) -> Vec<ListFacts> {
        let count = |list: &List| ListFacts { entries: list.entries.len(), ..list.facts.clone() };
        self.lists.borrow().iter().map(count).collect()
    }

    fn patterns(&self, list: u32, version: u32) -> Vec<PatternEntry> {
        self.list(list, |list| {
            list.entries.iter().filter(|(of, _)| *of == version).map(|(_, entry)| entry.clone()).collect()
        })
        .unwrap_or_default()
    }

    fn add_pattern(&self, list: u32, version: u32, pattern: &str, value: Option<&str>) -> Result<(), String> {
        if list == 0 && !pattern.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(format!("'{pattern}' is not a valid IPv4 or IPv6 address"));
        }
        let entry = PatternEntry { id: self.next(), pattern: pattern.into(), value: value.map(str::to_owned) };
        self.list(list, |list| list.entries.push((version, entry)));
        Ok(())
    }

    fn set_value(&self, list: u32, pick: &Pick, value: &str) -> Result<Result<(), UnknownEntry>, String> {
        let set = self.list(list, |list| {
            let mut found = false;
            for (_, entry) in list.entries.iter_mut().filter(|(_, entry)| picked(entry, pick)) {
                entry.value = Some(value.into());
                found = true;
            }
            found
        });
        Ok(if set == Some(true) { Ok(()) } else { Err(UnknownEntry) })
    }

    fn delete_pattern(&self, list: u32, pick: &Pick) -> Result<(), UnknownEntry> {
        let gone = self.list(list, |list| {
            let before = list.entries.len();
            list.entries.retain(|(_, entry)| !picked(entry, pick));
            list.entries.len() < before
        });
        if gone == Some(true) { Ok(()) } else { Err(UnknownEntry) }
    }

    fn clear_patterns(&self, list: u32, version: u32) {
        self.list(list, |list| list.entries.retain(|(of, _)| *of != version));
    }

    fn prepare_patterns(&self, list: u32) -> u32 {
        self.list(list, |list| {
            list.facts.next = list.facts.next.wrapping_add(1);
            list.facts.next
        })
        .unwrap_or(0)
    }

    fn commit_patterns(&self, list: u32, version: u32) {
        self.list(list, |list| {
            list.facts.current = version;
            list.entries.retain(|(of, _)| *of == version);
        });
    }

    fn look_up(&self, list: u32, kind: ListKind, value: &str) -> Vec<Found> {
        let found = |method: &str, pattern: Option<&str>, value: Option<&str>| Found {
            method: method.into(),
            ignores_case: false,
            pattern: pattern.map(|pattern| (pattern.into(), true)),
            value: value.map(|value| (value.into(), "str".into())),
        };
        let entries = self.patterns(list, 0);
        let hit = entries.iter().find(|entry| value.starts_with(entry.pattern.as_str()));
        vec![match (kind, hit) {
            (ListKind::Map, Some(entry)) => found("beg", Some(&entry.pattern), entry.value.as_deref()),
            (ListKind::Map, None) => found("beg", None, None),
            (ListKind::Acl, _) if value.starts_with("10.") => found("ip", Some("10.0.0.0/8"), None),
            (ListKind::Acl, _) => found("ip", None, None),
        }]
    }
}

fn picked(entry: &PatternEntry, pick: &Pick) -> bool {
    match pick {
        Pick::Pattern(pattern) => entry.pattern == *pattern,
        Pick::Entry(id) => entry.id == *id,
    }
}

/// One certificate, and no transaction.
impl Certificates for World {
    fn certificate_files(&self, kept: Kept) -> Vec<(String, bool)> {
        match kept {
            Kept::Certificate => vec![("test.pem".into(), true)],
            Kept::Authorities => vec![],
        }
    }

    fn certificates(&self, kept: Kept, file: &str, pending: bool) -> Option<Vec<CertificateFacts>> {
        (kept == Kept::Certificate && file == "test.pem" && !pending).then(|| {
            vec![CertificateFacts {
                serial: "6E286C51".into(),
                not_before: "Nov 27 23:45:01 2026 GMT".into(),
                not_after: "Nov 24 23:45:01 2036 GMT".into(),
                names: "DNS:test.local".into(),
                algorithm: "RSA2048".into(),
                fingerprint: "97FD4BEA".into(),
                subject: "/CN=test.local".into(),
                issuer: "/CN=test.local".into(),
                chain: vec![],
            }]
        })
    }

    fn transaction(&self, _kept: Kept) -> Option<String> {
        None
    }

    fn set_certificate(&self, _kept: Kept, file: &str, pem: &str) -> Result<String, String> {
        match pem.contains("BEGIN CERTIFICATE") {
            true => Ok(format!("Transaction created for certificate {file}!")),
            false => Err(format!("unable to load certificate from file '{file}'.")),
        }
    }

    fn commit_certificate(&self, _kept: Kept, _file: &str) -> Result<String, String> {
        Ok(String::new())
    }

    fn abort_certificate(&self, _kept: Kept, file: &str) -> Result<String, String> {
        Ok(format!("Transaction aborted for certificate '{file}'!"))
    }

    fn new_certificate(&self, _kept: Kept, file: &str) -> Result<String, String> {
        Ok(format!("New empty certificate store '{file}'!"))
    }

    fn delete_certificate(&self, _kept: Kept, file: &str) -> Result<String, String> {
        Err(format!("Can't remove the certificate: certificate '{file}' doesn't exist!"))
    }
}
