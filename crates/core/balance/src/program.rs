//! All that a proxy's section says in the languages of rules, samples and formats, read: what runs over its traffic.
//!
//! [`crate::config`] keeps such lines as words, so that two configurations can be compared; this is what they mean.

use crate::acl::{Acls, Condition};
use crate::check::Check;
use crate::config::model::{self, Capability, Error, Line, Mode, Placed, Proxy};
use crate::config::{Problem, Problems};
use crate::log::{self, Format};
use crate::pick::Algorithm;
use crate::places;
use crate::rules::cookie::Cookie;
use crate::rules::{self, Context, PersistRule, Rule, ServerSwitch, StickRule, Switch, TcpRequest, TcpResponse};
use crate::sample::{Env, Expr, Standing};
use crate::stick::TableConfig;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The rules of a proxy, each list in the order of the file.
#[derive(Debug, Default)]
pub struct Program {
    pub tcp_connection: Vec<Rule>,
    pub tcp_session: Vec<Rule>,
    pub tcp_content: Vec<Rule>,
    /// Milliseconds that `tcp_content` may wait for bytes; 0 is not at all.
    pub inspect_request: u64,
    pub tcp_response: Vec<Rule>,
    pub inspect_response: u64,
    /// `http-request`, then `redirect`: HAProxy runs them in this order.
    pub http_request: Vec<Rule>,
    pub http_response: Vec<Rule>,
    pub http_after_response: Vec<Rule>,
    pub use_backend: Vec<Switch>,
    pub use_server: Vec<ServerSwitch>,
    pub stick: Vec<StickRule>,
    pub persist: Vec<PersistRule>,
    pub monitor_fail: Vec<Condition>,
    pub stats_admin: Vec<Condition>,
    pub stats_http_request: Vec<Rule>,
    pub cookie: Option<Cookie>,
    pub table: Option<TableConfig>,
    /// `balance hash`, and hashes of what else only a sample can tell.
    pub hash: Option<Expr>,
    /// `sni` of servers, by name.
    pub sni: BTreeMap<String, Expr>,
    /// None: the short line `Connect from ...` at the beginning.
    pub log: Option<Format>,
    /// For connections that ended before they were sessions, and requests that could not be read.
    pub log_error: Option<Format>,
    pub log_structured: Option<Format>,
    pub unique_id: Option<Format>,
    /// `http-error status ...`: answers to be made, by status.
    pub errors: BTreeMap<u16, rules::ErrorSpec>,
    /// What health checks of its servers do.
    pub check: std::sync::Arc<Check>,
    /// Longest texts of captures: of requests, of responses.
    pub captures: [Vec<usize>; 2],
}

impl Program {
    /// Reads a proxy's lines.
    ///
    /// # Errors
    /// All that is wrong, with file and line, warnings among them.
    pub fn read(proxy: &Proxy, env: Env<'_>, experimental: bool) -> Result<(Self, Vec<Problem>), Problems> {
        let mut reader = Reader::new(proxy, env, experimental);
        let mut program = Self::default();
        reader.rules(&mut program);
        reader.switches(&mut program);
        reader.formats(&mut program);
        env.notes().stand(Standing::default());
        reader.checks(&mut program);
        let captures = reader.captures.into_inner();
        program.captures = captures;
        let is_wrong = reader.problems.iter().any(|problem| problem.level == crate::config::Level::Alert);
        if is_wrong { Err(Problems(reader.problems)) } else { Ok((program, reader.problems)) }
    }
}

struct Reader<'a> {
    proxy: &'a Proxy,
    env: Env<'a>,
    experimental: bool,
    acls: Acls,
    /// Of the `defaults` section: its rules know these alone, and the proxy's own rules do not.
    inherited_acls: Acls,
    captures: RefCell<[Vec<usize>; 2]>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn new(proxy: &'a Proxy, env: Env<'a>, experimental: bool) -> Self {
        let lengths = |captures: &[model::Capture]| captures.iter().map(|capture| capture.len).collect();
        let captures = RefCell::new([lengths(&proxy.captures_request), lengths(&proxy.captures_response)]);
        let (acls, inherited_acls) = (Acls::default(), Acls::default());
        let mut reader = Self { proxy, env, experimental, acls, inherited_acls, captures, problems: Vec::new() };
        for line in &proxy.acls {
            reader.define(line);
        }
        reader
    }

    /// Says where a line stands, before its words are read.
    fn stand(&self, line: &model::Place, words: &[String]) {
        let (places, within) = places::of(words, self.proxy.capability);
        let kind = match self.proxy.capability {
            Capability::Frontend => "frontend",
            Capability::Backend => "backend",
            Capability::Defaults | Capability::Listen => "proxy",
        };
        let standing = Standing { line: line.clone(), proxy: self.proxy.name.clone(), places, within, kind };
        self.env.notes().stand(standing);
    }

    /// Shows what was odd in what was read since.
    fn warn(&mut self, line: &model::Place) {
        for warning in self.env.notes().take_warnings() {
            self.problems.push(Problem::warning(format!("config : {warning}")).at(line));
        }
    }

    fn define(&mut self, line: &Line) {
        self.stand(&line.place, &line.words);
        let name = line.words.get(1).map_or("", String::as_str);
        let acls = if self.is_own(&line.place) { &mut self.acls } else { &mut self.inherited_acls };
        if let Err(error) = acls.define(name, line.words.get(2..).unwrap_or_default(), self.env) {
            self.wrong(line, &error);
        }
        self.warn(&line.place);
    }

    /// Whether a line stands in the section itself: those of its `defaults` stand before it.
    fn is_own(&self, place: &model::Place) -> bool {
        place.file == self.proxy.place.file && place.line >= self.proxy.place.line
    }

    /// Reads one line by its owner's parser.
    fn read<V, T>(
        &mut self,
        line: &Placed<V>,
        parse: impl FnOnce(&[String], &Context<'_>) -> Result<T, String>,
    ) -> Option<T> {
        self.stand(&line.place, &line.words);
        let warnings = RefCell::default();
        let context = Context {
            proxy: &self.proxy.name,
            acls: if self.is_own(&line.place) { &self.acls } else { &self.inherited_acls },
            env: self.env,
            experimental: self.experimental,
            captures: &self.captures,
            warnings: &warnings,
        };
        let result = parse(line.words.get(1..).unwrap_or_default(), &context);
        for warning in warnings.into_inner() {
            let text = format!("config : parsing [{}] : {warning}", line.place);
            self.problems.push(Problem::warning(text).at(&line.place));
        }
        self.warn(&line.place);
        match result {
            Ok(read) => Some(read),
            Err(error) => {
                self.wrong(line, &error);
                None
            }
        }
    }

    fn wrong<V>(&mut self, line: &Placed<V>, error: &str) {
        // Parsers of rules do not know of which kind their section is.
        let of = |kind: &str| format!("error detected in {kind} '{}' while", self.proxy.name);
        let error = error.replacen(&of("proxy"), &of(self.proxy.capability.kind()), 1);
        let text = format!("config : parsing [{}] : {error}", line.place);
        self.problems.push(Problem::alert(text).at(&line.place));
    }

    fn all<T>(&mut self, lines: &[Line], parse: fn(&[String], &Context<'_>) -> Result<T, String>) -> Vec<T> {
        lines.iter().filter_map(|line| self.read(line, parse)).collect()
    }

    fn rules(&mut self, program: &mut Program) {
        let proxy = self.proxy;
        for rule in self.all(&proxy.tcp_request, rules::tcp_request) {
            match rule {
                TcpRequest::InspectDelay(delay) => program.inspect_request = delay,
                TcpRequest::Connection(rule) => program.tcp_connection.push(rule),
                TcpRequest::Session(rule) => program.tcp_session.push(rule),
                TcpRequest::Content(rule) => program.tcp_content.push(rule),
            }
        }
        for rule in self.all(&proxy.tcp_response, rules::tcp_response) {
            match rule {
                TcpResponse::InspectDelay(delay) => program.inspect_response = delay,
                TcpResponse::Content(rule) => program.tcp_response.push(rule),
            }
        }
        let millis = |time: Option<std::time::Duration>| time.map_or(0, |time| time.as_millis() as u64);
        program.inspect_request = program.inspect_request.max(millis(proxy.timeouts.inspect_request));
        program.inspect_response = program.inspect_response.max(millis(proxy.timeouts.inspect_response));
        program.http_request = self.all(&proxy.http_request, rules::http_request);
        program.http_request.extend(self.all(&proxy.redirects, rules::redirect));
        program.http_response = self.all(&proxy.http_response, rules::http_response);
        program.http_after_response = self.all(&proxy.http_after_response, rules::http_after_response);
    }

    fn switches(&mut self, program: &mut Program) {
        let proxy = self.proxy;
        program.use_backend = self.all(&proxy.use_backend, rules::use_backend);
        program.use_server = self.all(&proxy.use_server, rules::use_server);
        program.stick = self.all(&proxy.stick, rules::stick);
        program.persist = self.all(&proxy.force_persist, rules::force_persist);
        program.persist.extend(self.all(&proxy.ignore_persist, rules::ignore_persist));
        program.monitor_fail = self.all(&proxy.monitor.fail, rules::monitor_fail);
        if let Some(line) = &proxy.cookie {
            program.cookie = self.read(line, |words, context| Cookie::parse(words, &mut context.warnings.borrow_mut()));
        }
        if let Some(line) = &proxy.stick_table {
            program.table =
                self.read(line, |words, context| TableConfig::parse(words, &mut context.warnings.borrow_mut()));
        }
        if let Some(stats) = &proxy.stats {
            program.stats_admin = stats.admin.iter().filter_map(|line| self.read(line, admin)).collect();
            program.stats_http_request =
                stats.http_request.iter().filter_map(|line| self.read(line, stats_rule)).collect();
        }
        for (status, error) in &proxy.errors {
            if let Error::Built(line) = error {
                let spec = self.read(line, rules::parse_http_error);
                program.errors.extend(spec.map(|spec| (*status, spec)));
            }
        }
        if let Some(line) = &proxy.balance
            && let Ok(Algorithm::Hash(_)) = Algorithm::parse(line.words.get(1..).unwrap_or_default())
        {
            program.hash = self.read(line, |words, context| Ok(Expr::parse(&words[1..], context.env)?.0));
        }
        for server in &proxy.servers {
            let Some(line) = &server.sni else { continue };
            let sni = self.read(line, |words, context| {
                // The words may be of the whole line, or the expression alone.
                Ok(Expr::parse(words, context.env)?.0)
            });
            program.sni.extend(sni.map(|sni| (server.name.clone(), sni)));
        }
    }

    fn checks(&mut self, program: &mut Program) {
        match Check::read(self.proxy, self.env) {
            Ok(check) => {
                let ignored = check.ignored(&self.proxy.name);
                self.problems.extend(ignored.into_iter().map(|text| Problem::warning(format!("config : {text}"))));
                program.check = std::sync::Arc::new(check);
            }
            Err(problems) => {
                let alert = |(place, text)| Problem::alert(format!("config : parsing [{place}] : {text}")).at(&place);
                self.problems.extend(problems.into_iter().map(alert));
            }
        }
    }

    fn formats(&mut self, program: &mut Program) {
        let (proxy, formats) = (self.proxy, &self.proxy.log_formats);
        let standard = self.standard().and_then(|text| Format::parse_log(text, self.env).ok());
        program.log = match &formats.main {
            Some(written) => self.log_format("log-format", written),
            None => standard,
        };
        program.log_error = formats.error.as_ref().and_then(|written| self.log_format("error-log-format", written));
        program.log_structured =
            formats.structured_data.as_ref().and_then(|written| self.log_format("log-format-sd", written));
        program.unique_id = proxy
            .unique_id
            .format
            .as_ref()
            .and_then(|written| self.format("unique-id-format", written, Format::parse_id));
    }

    /// The format that the options choose.
    fn standard(&self) -> Option<&'static str> {
        let options = &self.proxy.options;
        let http = self.proxy.mode == Mode::Http;
        match () {
            () if options.httpslog && http => Some(log::HTTPS),
            () if options.httplog_clf && http => Some(log::CLF),
            () if options.httplog && http => Some(log::HTTP),
            () if options.tcplog || options.httplog => Some(log::TCP),
            () => None,
        }
    }

    /// A format of log lines, good for the proxy's mode and for logs at all.
    fn log_format(&mut self, keyword: &str, written: &(model::Place, String)) -> Option<Format> {
        let http = self.proxy.mode == Mode::Http;
        self.format(keyword, written, |text, env| {
            let format = Format::parse_log(text, env)?;
            format.check_mode(http)?;
            Ok(format)
        })
    }

    fn format(
        &mut self,
        keyword: &str,
        written: &(model::Place, String),
        parse: impl FnOnce(&str, Env<'_>) -> Result<Format, String>,
    ) -> Option<Format> {
        let (place, text) = written;
        self.stand(place, &[keyword.to_owned()]);
        match parse(text, self.env) {
            Ok(format) => Some(format),
            Err(error) => {
                let what = if keyword == "unique-id-format" { "unique-id" } else { keyword };
                let text = format!("config : Parsing [{place}]: failed to parse {what} : {error}.");
                self.problems.push(Problem::alert(text).at(place));
                None
            }
        }
    }
}

/// `stats admin if ...`.
fn admin(words: &[String], context: &Context<'_>) -> Result<Condition, String> {
    Condition::parse(words.strip_prefix(&["admin".to_owned()]).unwrap_or(words), context.acls, context.env)
}

/// `stats http-request ...`.
fn stats_rule(words: &[String], context: &Context<'_>) -> Result<Rule, String> {
    rules::http_request(words.strip_prefix(&["http-request".to_owned()]).unwrap_or(words), context)
}
