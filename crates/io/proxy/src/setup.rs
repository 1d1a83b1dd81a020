//! A configuration with everything that had to be read for it: what can be put in force.

use crate::logs::{Logger, Logs};
use crate::process::Inherited;
use crate::tls::{Material, Store};
use balance::config::Files;
use balance::config::model::{Config, Proxy};
use balance::pattern::Library;
use balance::program::Program;
use balance::sample::Env;
use balance::stick::TableConfig;
use std::collections::HashMap;
use std::sync::Arc;

/// Ready to run: certificates are read, log sockets are open.
pub struct Setup {
    pub config: Arc<Config>,
    pub tls: Arc<Material>,
    pub patterns: Arc<Library>,
    /// By the proxy's id, as are the programs.
    loggers: HashMap<u32, Logger>,
    programs: HashMap<u32, Arc<Program>>,
    /// For what belongs to no proxy.
    pub log: Logger,
    /// Sockets that a former process handed over; opened anew are only those that are not among them.
    pub inherited: Inherited,
}

impl Setup {
    /// Reads what the configuration names. `before` are the certificates in use, whose session tickets stay good.
    ///
    /// # Errors
    /// All that is missing or wrong, in HAProxy's words.
    pub fn load(
        config: Arc<Config>,
        files: &dyn Files,
        logs: &Logs,
        before: Option<&Store>,
    ) -> Result<Self, Vec<String>> {
        let store = before.map_or_else(Store::default, Store::next);
        let tls = Arc::new(Material::load(&config, store, files)?);
        let hostname = config.global.log_send_hostname.as_ref().map(|name| name.clone().unwrap_or_else(hostname));
        let tag = config.global.log_tag.as_deref().unwrap_or("haproxy");
        let logger = |proxy: &Proxy| {
            let tag = proxy.log_tag.as_deref().unwrap_or(tag);
            let made = logs.logger(&proxy.logs, tag, hostname.as_deref());
            made.map(|logger| (proxy.id, logger)).map_err(|error| format!("config : proxy '{}' : {error}", proxy.name))
        };
        let (mut loggers, mut programs, mut wrong) = (HashMap::new(), HashMap::new(), Vec::new());
        let patterns = Arc::new(Library::default());
        let env = Env { files, patterns: &patterns };
        for proxy in &config.proxies {
            match Program::read(proxy, env, config.global.experimental) {
                Ok((program, _)) => _ = programs.insert(proxy.id, Arc::new(program)),
                Err(problems) => wrong.extend(problems.0.into_iter().map(|problem| problem.text)),
            }
        }
        for made in config.proxies.iter().map(|proxy| logger(proxy)) {
            match made {
                Ok((id, logger)) => _ = loggers.insert(id, logger),
                Err(error) => wrong.push(error),
            }
        }
        let log = logs.logger(&config.global.logs, tag, hostname.as_deref());
        match log {
            Ok(log) if wrong.is_empty() => {
                Ok(Self { config, tls, patterns, loggers, programs, log, inherited: Inherited::default() })
            }
            Ok(_) => Err(wrong),
            Err(error) => Err(wrong.into_iter().chain([format!("config : global : {error}")]).collect()),
        }
    }

    pub fn program(&self, proxy: &Proxy) -> Arc<Program> {
        self.programs.get(&proxy.id).cloned().unwrap_or_default()
    }

    /// The stick tables, by their section's name, with what the rules that use them need to store.
    pub fn tables(&self) -> HashMap<String, Arc<TableConfig>> {
        let proxies = || self.config.proxies.iter().filter(|proxy| !proxy.disabled);
        let own = |proxy: &Arc<Proxy>| Some((proxy.name.clone(), self.program(proxy).table.clone()?));
        let mut tables: HashMap<_, _> = proxies().filter_map(own).collect();
        for proxy in proxies() {
            for rule in &self.program(proxy).stick {
                if let Some(table) = tables.get_mut(rule.table.as_ref().unwrap_or(&proxy.name)) {
                    table.store_servers();
                }
            }
        }
        tables.into_iter().map(|(name, table)| (name, Arc::new(table))).collect()
    }

    pub fn logger(&self, proxy: &Proxy) -> Logger {
        self.loggers.get(&proxy.id).unwrap_or(&self.log).clone()
    }
}

/// This machine's name, as `log-send-hostname` without an argument means it.
pub fn hostname() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_else(|| "localhost".to_owned())
}
