//! The running proxy as the admin interface sees it: what is loaded, what it counts, what it can be told.

use super::admin::{Backend, Command, Module, Rows, Runtime};
use super::manners::AllManners;
use super::monitor::{Wanted, Watch};
use super::networks::Networks;
use super::shared::{Shared, UserEntry};
use super::web::{self, Ports};
use super::{accounts, budget, log, report, values};
use mysql::rules::Rules;
use mysql::rules::firewall::Firewall;
use mysql::settings::Settings;
use mysql::tables::{Row, Value, find};
use mysql::variables::Variables;
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// What the process is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Whoever has nothing open leaves, others in a while.
    Shutdown,
    /// Nobody new comes in; it ends when the last has left.
    ShutdownSlow,
    /// At once.
    Kill,
    ReloadTls,
    /// Of this session, at its server.
    EndStatement(u32),
}

pub struct Proxy {
    pub shared: Arc<Shared>,
    pub watch: Arc<Watch>,
    monitor: mpsc::UnboundedSender<Wanted>,
    orders: mpsc::UnboundedSender<Order>,
    ports: Ports,
    loaded: Mutex<Loaded>,
}

/// As loaded last.
#[derive(Default)]
struct Loaded {
    rows: Rows,
    servers: Settings,
    variables: Variables,
    /// As logged; `None` until variables are known.
    tls_problems: Option<Vec<String>>,
}

impl Proxy {
    pub fn new(
        shared: Arc<Shared>,
        watch: Arc<Watch>,
        monitor: mpsc::UnboundedSender<Wanted>,
        orders: mpsc::UnboundedSender<Order>,
        opened: mpsc::UnboundedSender<web::Opened>,
    ) -> Self {
        Self { shared, watch, monitor, orders, ports: Ports::new(opened), loaded: Mutex::default() }
    }

    pub fn variables(&self) -> Variables {
        self.loaded().variables.clone()
    }

    fn loaded(&self) -> MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn load_servers(&self, tables: &Rows) -> Result<(), Vec<String>> {
        let settings = settings(tables)?;
        self.loaded().servers = settings;
        self.mind_manners();
        self.load_tls();
        self.tell_monitor();
        self.make_room();
        Ok(())
    }

    fn mind_manners(&self) {
        let loaded = self.loaded();
        let (settings, variables) = (&loaded.servers, &loaded.variables);
        let hostgroups = settings.servers.iter().map(|server| server.hostgroup_id);
        let pairs = settings.replication_hostgroups.iter();
        let paired = pairs.flat_map(|pair| [pair.writer_hostgroup, pair.reader_hostgroup]);
        let limit = variables.int("mysql-throttle_connections_per_sec_to_hostgroup");
        let manners = AllManners::new(
            &settings.hostgroup_attributes,
            hostgroups.chain(paired),
            variables.str("mysql-init_connect"),
            u32::try_from(limit).unwrap_or(u32::MAX),
        );
        self.shared.manners.store(Arc::new(manners));
    }

    /// Certificates for connections to servers, as they are now. What is wrong with them is logged once.
    pub fn load_tls(&self) {
        let mut loaded = self.loaded();
        let Loaded { servers, variables, .. } = &*loaded;
        let wanted = servers.servers.iter().any(|server| server.use_ssl);
        let names = variables.bool("mysql-ssl_p2s_verify_name");
        let to_servers = &self.shared.tls_to_servers;
        to_servers.load(wanted, &values::server_tls(variables), &servers.ssl_params, names);
        let problems = to_servers.problems();
        if let Some(told) = &mut loaded.tls_problems {
            problems.iter().filter(|problem| !told.contains(problem)).for_each(|problem| log::warn(problem));
            *told = problems;
        }
    }

    fn tell_monitor(&self) {
        let loaded = self.loaded();
        let wanted = Wanted {
            servers: loaded.servers.servers.clone(),
            pairs: loaded.servers.replication_hostgroups.clone(),
            options: values::monitor(&loaded.variables),
        };
        // It ends with the process only.
        _ = self.monitor.send(wanted);
    }

    /// Says so where there cannot be as many clients as wanted.
    fn make_room(&self) {
        let servers = self.loaded().servers.servers.iter().map(|server| u64::from(server.max_connections)).sum();
        let room = budget::clients(servers);
        let before = self.shared.room_for_clients.swap(room, Relaxed);
        let wanted = self.shared.tuning.load().max_connections;
        if wanted > room && room != before {
            log::warn(&format!(
                "mysql-max_connections is {wanted}, but this process may open files for {room} clients only: \
                 raise its limit (LimitNOFILE of systemd, ulimit -n)"
            ));
        }
    }

    fn load_users(&self, tables: &Rows) -> Result<(), Vec<String>> {
        let settings = settings(tables)?;
        let before = self.shared.plan.load_full();
        let entry = |user: mysql::settings::User| match before.users.get(&user.username) {
            // Its connections are counted on.
            Some(entry) if entry.settings == user => entry.clone(),
            _ => Arc::new(UserEntry::new(user)),
        };
        let users: HashMap<String, Arc<UserEntry>> =
            settings.users.into_iter().map(|user| (user.username.clone(), entry(user))).collect();
        self.shared.plan.store(Arc::new(before.with_users(users)));
        Ok(())
    }

    fn load_rules(&self, tables: &Rows) -> Result<(), Vec<String>> {
        let settings = settings(tables)?;
        let rules = Rules::compile(&settings.query_rules, &settings.fast_routes)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let before = self.shared.plan.load_full();
        self.shared.plan.store(Arc::new(before.with_rules(rules)));
        Ok(())
    }

    fn load_firewall(&self, tables: &Rows) -> Result<(), Vec<String>> {
        const FINGERPRINTS: &str = "mysql_firewall_whitelist_sqli_fingerprints";
        if tables.get(FINGERPRINTS).is_some_and(|rows| !rows.is_empty()) {
            let why = "injections are not guessed at, so nothing is to be let through";
            return Err(vec![format!("{FINGERPRINTS}: rows of it have no effect, {why}; delete them to go on")]);
        }
        let settings = settings(tables)?;
        let firewall = Firewall::new(&settings.firewall_users, &settings.firewall_rules);
        self.shared.plan.store(Arc::new(self.shared.plan.load_full().with_firewall(firewall)));
        Ok(())
    }

    fn load_variables(&self, tables: &Rows, prefix: &str) -> Result<(), Vec<String>> {
        let mut variables = self.variables();
        let mut problems = Vec::new();
        for row in tables.get("global_variables").into_iter().flatten() {
            let [name, value] = row.as_slice() else { continue };
            let (name, value) = (text(name), text(value));
            if name.starts_with(prefix)
                && let Err(problem) = variables.set(&name, &value)
            {
                problems.push(problem);
            }
        }
        let networks = variables.str("mysql-proxy_protocol_networks");
        problems
            .extend(Networks::parse(networks).err().map(|problem| format!("mysql-proxy_protocol_networks: {problem}")));
        if !problems.is_empty() {
            return Err(problems);
        }
        self.ports.set(&web::wanted(&variables))?;
        self.shared.tuning.store(Arc::new(values::tuning(&variables)));
        {
            let mut loaded = self.loaded();
            loaded.variables = variables;
            if prefix == "mysql-" {
                loaded.tls_problems.get_or_insert_default();
            }
        }
        self.load_tls();
        self.mind_manners();
        self.tell_monitor();
        self.make_room();
        Ok(())
    }

    /// Servers as they are now: a server that was promoted is in its new hostgroup.
    fn servers_now(&self) -> Vec<Row> {
        let table = find("mysql_servers").map(|table| table.columns).unwrap_or_default();
        let groups = self.shared.live.groups.load();
        let mut rows = self.loaded().rows.get("mysql_servers").cloned().unwrap_or_default();
        let at = |name: &str| table.iter().position(|column| column.name == name);
        let (Some(hostgroup), Some(host), Some(port), Some(status)) =
            (at("hostgroup_id"), at("hostname"), at("port"), at("status"))
        else {
            return rows;
        };
        let mut now = Vec::new();
        for server in groups.all() {
            let same = |row: &&Row| {
                row[host] == Value::Text(server.hostname.clone()) && row[port] == Value::Integer(server.port.into())
            };
            let own = |row: &&Row| same(row) && row[hostgroup] == Value::Integer(server.hostgroup.into());
            let Some(row) = rows.iter().find(own).or_else(|| rows.iter().find(same)) else { continue };
            let mut row = row.clone();
            row[hostgroup] = Value::Integer(server.hostgroup.into());
            let shown = match server.standing().as_str() {
                "SHUNNED_REPLICATION_LAG" => "SHUNNED",
                other => other,
            };
            row[status] = Value::Text(shown.to_owned());
            now.push(row);
        }
        now.sort_by_key(|row| format!("{:?}", (&row[hostgroup], &row[host], &row[port])));
        if now.is_empty() { std::mem::take(&mut rows) } else { now }
    }

    fn pause(&self, on: bool, told: &str) -> Result<String, String> {
        if self.shared.paused.send_replace(on) != on {
            super::log::info(told);
        }
        Ok(told.to_owned())
    }

    /// What runs at a server is ended there; the whole session then ends by itself.
    fn kill(&self, id: u64, whole: bool) -> Result<String, String> {
        let session = u32::try_from(id).ok().and_then(|id| self.shared.sessions.get(id));
        let session = session.ok_or_else(|| format!("there is no connection {id}: see SHOW PROCESSLIST"))?;
        if whole {
            session.end();
        } else {
            _ = self.orders.send(Order::EndStatement(session.id));
        }
        Ok(String::new())
    }
}

fn settings(tables: &Rows) -> Result<Settings, Vec<String>> {
    let rows = tables.iter().flat_map(|(name, rows)| rows.iter().map(move |row| (name.as_str(), row)));
    Settings::from_rows(rows).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.clone(),
    }
}

impl Runtime for Proxy {
    fn load(&self, module: Module, tables: &Rows) -> Result<(), Vec<String>> {
        match module {
            Module::MysqlServers => self.load_servers(tables),
            Module::MysqlUsers => self.load_users(tables),
            Module::MysqlQueryRules => self.load_rules(tables),
            Module::MysqlVariables => self.load_variables(tables, "mysql-"),
            Module::AdminVariables => self.load_variables(tables, "admin-"),
            Module::MysqlFirewall => self.load_firewall(tables),
            Module::Scheduler | Module::ProxysqlServers | Module::RestApi => not_built(module, tables),
        }?;
        let mut loaded = self.loaded();
        if module.prefix().is_none() {
            loaded.rows.extend(tables.iter().map(|(name, rows)| (name.clone(), rows.clone())));
        }
        Ok(())
    }

    fn runtime_rows(&self, table: &str) -> Vec<Row> {
        match table {
            "mysql_servers" => self.servers_now(),
            "global_variables" => {
                let variables = self.variables();
                let row = |(variable, value): (&mysql::variables::Variable, &str)| {
                    vec![Value::Text(variable.name.to_owned()), Value::Text(value.to_owned())]
                };
                variables.iter().map(row).collect()
            }
            _ => self.loaded().rows.get(table).cloned().unwrap_or_default(),
        }
    }

    fn stats_rows(&self, table: &str, reset: bool) -> Vec<Row> {
        report::rows(&self.shared, &self.watch, table, reset)
    }

    fn command(&self, command: Command) -> Result<String, String> {
        let order = |order| {
            _ = self.orders.send(order);
            Ok(String::new())
        };
        match command {
            Command::Shutdown => order(Order::Shutdown),
            Command::ShutdownSlow => order(Order::ShutdownSlow),
            Command::Kill => order(Order::Kill),
            Command::Pause => self.pause(true, "nobody new is let in; PROXYSQL RESUME ends that"),
            Command::Resume | Command::Start => self.pause(false, "clients are let in"),
            Command::Stop => {
                let told = self.pause(true, "nobody is let in, and who was in is sent away; PROXYSQL START ends that");
                self.shared.sessions.list().iter().for_each(|session| session.end_after_statement());
                told
            }
            Command::Restart => {
                Err("the process does not start itself anew: stop it, and systemd or Kubernetes starts it".to_owned())
            }
            Command::ReloadTls => {
                self.load_tls();
                order(Order::ReloadTls)
            }
            Command::FlushQueryCache => {
                let count = self.shared.cache.flush();
                Ok(format!("{count} answers given up"))
            }
            Command::KillConnection(id) => self.kill(id, true),
            Command::KillQuery(id) => self.kill(id, false),
            // Standard error is rotated by whoever started us.
            Command::FlushLogs => log::reopen().map(|()| String::new()),
            Command::FlushClientHosts => Ok(String::new()),
        }
    }

    fn backend(&self) -> Result<Backend, String> {
        let (variables, pairs) = {
            let loaded = self.loaded();
            (loaded.variables.clone(), loaded.servers.replication_hostgroups.clone())
        };
        let groups = self.shared.live.groups.load_full();
        let first = groups.all().map(|server| server.hostgroup).min();
        let hostgroup = pairs.first().map(|pair| pair.writer_hostgroup).or(first).unwrap_or_default();
        let server = groups.pick(hostgroup, 0, None).ok_or_else(|| {
            format!("hostgroup {hostgroup} has no server that answers; add one to mysql_servers, then LOAD MYSQL SERVERS TO RUNTIME")
        })?;
        let monitor = variables.str("mysql-monitor_username").to_owned();
        let limit = self.shared.tuning.load().connect_timeout_server_max;
        let accounts = accounts::of(server, &monitor, variables.str("mysql-monitor_password"), limit)?;
        Ok(Backend { accounts, hostgroup, monitor })
    }

    fn metrics(&self) -> String {
        report::metrics::metrics(&self.shared, &self.watch)
    }
}

/// What would have no effect is refused, unless there is nothing of it.
fn not_built(module: Module, tables: &Rows) -> Result<(), Vec<String>> {
    if tables.values().all(Vec::is_empty) {
        return Ok(());
    }
    Err(vec![format!("{}: rows of it have no effect in this version; delete them to go on", module.words())])
}
