//! All that a configuration needs of TLS, read and checked before any of it is put in force.

use super::acceptor::{Acceptor, Wrong};
use super::connector::Connector;
use super::store::Store;
use balance::config::Files;
use balance::config::model::{Bind, Capability, Config, Global, Proxy, Server};
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Default)]
pub struct Material {
    pub store: Arc<Store>,
    /// By proxy and the place of the `bind` line in it.
    acceptors: HashMap<(String, usize), Arc<Acceptor>>,
    /// By backend and server.
    connectors: HashMap<(String, String), Arc<Connector>>,
}

impl Material {
    /// # Errors
    /// All that is wrong, in HAProxy's words: `config : ...`.
    pub fn load(config: &Config, store: Store, files: &dyn Files) -> Result<Self, Vec<String>> {
        let mut material = Self { store: Arc::new(store), ..Self::default() };
        let mut wrong = vec![];
        for proxy in &config.proxies {
            for (place, bind) in proxy.binds.iter().enumerate() {
                let Some(tls) = &bind.tls else { continue };
                match Acceptor::build(&material.store, tls, &config.global.ssl_bind, files) {
                    Ok(acceptor) => {
                        material.acceptors.insert((proxy.name.clone(), place), Arc::new(acceptor));
                    }
                    Err(texts) => wrong.extend(texts.into_iter().map(|text| of_bind(text, proxy, bind))),
                }
            }
            wrong.extend(material.load_servers(config, proxy, files));
        }
        if wrong.is_empty() { Ok(material) } else { Err(wrong) }
    }

    fn load_servers(&mut self, config: &Config, proxy: &Proxy, files: &dyn Files) -> Vec<String> {
        let mut wrong = vec![];
        for server in &proxy.servers {
            match self.connector_for(&config.global, proxy, server, files) {
                Ok(Some(connector)) => {
                    self.connectors.insert((proxy.name.clone(), server.name.clone()), connector);
                }
                Ok(None) => {}
                Err(texts) => {
                    let place = format!("config : [{}] : 'server {}/{}' : ", server.place, proxy.name, server.name);
                    wrong.extend(texts.into_iter().map(|text| format!("{place}{text}")));
                }
            }
        }
        wrong
    }

    /// Makes what a server needs, if its traffic or its checks have `ssl`.
    ///
    /// # Errors
    /// All that is wrong, without the place.
    pub fn connector_for(
        &self,
        global: &Global,
        proxy: &Proxy,
        server: &Server,
        files: &dyn Files,
    ) -> Result<Option<Arc<Connector>>, Vec<String>> {
        // `tcp-check connect ssl`, `http-check connect ssl`
        let checks = proxy.check.iter().any(|line| {
            line.words.get(1).is_some_and(|word| word == "connect") && line.words.iter().any(|word| word == "ssl")
        });
        if !server.ssl && !(server.checked && (checks || server.check.ssl == Some(true))) {
            return Ok(None);
        }
        let verify_none = global.ssl_server_verify_none;
        let connector = Connector::build(&self.store, &server.tls, &global.ssl_server, verify_none, files)?;
        Ok(Some(Arc::new(connector)))
    }

    /// Of the `bind` line at this place of a proxy, if it has `ssl`.
    pub fn acceptor(&self, proxy: &str, bind: usize) -> Option<Arc<Acceptor>> {
        self.acceptors.get(&(proxy.to_owned(), bind)).cloned()
    }

    /// Of a server whose traffic or checks have `ssl`.
    pub fn connector(&self, backend: &str, server: &str) -> Option<Arc<Connector>> {
        self.connectors.get(&(backend.to_owned(), server.to_owned())).cloned()
    }
}

fn of_bind(wrong: Wrong, proxy: &Proxy, bind: &Bind) -> String {
    let (place, text, name) = (&bind.place, &bind.text, &proxy.name);
    let section = if proxy.capability == Capability::Frontend { "frontend" } else { "listen" };
    match wrong {
        Wrong::Plain(what) => format!("config : {what}"),
        Wrong::NoCertificate => {
            format!("config : Proxy '{name}': no SSL certificate specified for bind '{text}' at [{place}] (use 'crt').")
        }
        Wrong::Parsing(what) => format!("config : parsing [{place}] : 'bind {text}' in section '{section}' : {what}"),
        Wrong::Proxy(what) => format!("config : Proxy '{name}': {what} for bind '{text}' at [{place}]."),
    }
}
