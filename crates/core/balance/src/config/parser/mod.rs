//! Reads sources line by line: words, conditional blocks, sections; hands each line to its section.

mod blocks;

use blocks::Block;

use super::finish::ids;
use super::global;
use super::line::{Ctx, Modifier};
use super::model::{Capability, Config, HttpErrors, Peers, Place, Resolvers};
use super::problem::Level;
use super::proxy::{self, Draft, Opened};
use super::report::Report;
use super::sections::{http_errors, peers, resolvers, userlist};
use super::words::{self, Scope};
use super::{Env, Files, Source};
use crate::pattern::Library;
use crate::program::Program;
use crate::sample;
use std::sync::Arc;

/// All that is known while reading.
pub(super) struct Parser<'a> {
    pub files: &'a dyn Files,
    /// The environment, with what `setenv` and its like made of it.
    pub env: Env,
    pub patterns: &'a Library,
    pub report: Report,
    pub config: Config,
    pub proxies: Vec<Draft>,
    pub userlists: Vec<userlist::Draft>,
    /// How many proxies there were when `global` first spoke of the statistics' sockets.
    pub stats_after: Option<usize>,
    defaults: Vec<Draft>,
    section: Section,
    /// How many problems there were when the section began.
    section_since: usize,
    /// The current section's name or kind, for `${.SECTION}`.
    section_name: String,
    blocks: Vec<Block>,
}

/// Which section the line belongs to.
enum Section {
    /// Before the first one.
    None,
    Global,
    /// A proxy's whose first line was wrong.
    BrokenProxy,
    Proxy(Box<Draft>),
    Resolvers(Resolvers),
    Userlist(userlist::Draft),
    Peers(Peers),
    HttpErrors(HttpErrors),
    /// One whose lines are passed over.
    Skipped,
}

/// Reading cannot go on.
struct Abort;

/// Sections that are passed over, with the reason.
pub(super) const SKIPPED: [(&str, &str); 5] = [
    ("cache", "nothing is cached"),
    ("fcgi-app", "FastCGI is not spoken"),
    ("mailers", "no mail is sent"),
    ("program", "no other programs are started"),
    ("ring", "log lines are sent at once"),
];

impl<'a> Parser<'a> {
    pub fn new(files: &'a dyn Files, env: Env, patterns: &'a Library) -> Self {
        Self {
            files,
            env,
            patterns,
            report: Report::default(),
            config: Config::default(),
            proxies: vec![],
            userlists: vec![],
            stats_after: None,
            defaults: vec![],
            section: Section::None,
            section_since: 0,
            section_name: String::new(),
            blocks: vec![],
        }
    }

    /// Reads all sources. Whether it makes sense to look at the whole.
    pub fn read(&mut self, sources: &[Source]) -> bool {
        for source in sources {
            let before = self.report.alerts();
            let read = self.source(source);
            self.close_section();
            if self.report.alerts() > before || read.is_err() {
                self.report.push(Level::Alert, format!("Error(s) found in configuration file : {}", source.name));
            }
            if read.is_err() {
                return false;
            }
        }
        let fatal = self.report.fatal();
        if fatal {
            self.report.push(Level::Alert, "Fatal errors found in configuration.");
        }
        !fatal
    }

    fn source(&mut self, source: &Source) -> Result<(), Abort> {
        let file: Arc<str> = source.name.as_str().into();
        self.blocks.clear();
        self.section = Section::None;
        let mut last = 0;
        for (index, line) in source.text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            last = index + 1;
            self.report.place = Place { file: file.clone(), line: last };
            let nul = line.iter().position(|byte| *byte == 0);
            self.line(&line[..nul.unwrap_or(line.len())])?;
            if let Some(at) = nul {
                self.report.alert_tight(format!("Stray NUL character at position {}.", at + 1));
                return Ok(());
            }
            if !line.ends_with(b"\n") {
                self.report.alert_tight(format!(
                    "Missing LF on last line, file might have been truncated at position {}.",
                    line.len() + 1
                ));
            }
        }
        if !self.blocks.is_empty() {
            self.report.place = Place { file, line: last };
            self.report.alert_tight("non-terminated '.if' block.");
            return Err(Abort);
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Abort> {
        let bare = line.trim_ascii_start();
        let indent = line.len() - bare.len();
        let bare = bare.strip_suffix(b"\n").unwrap_or(bare);
        let place = self.report.place.clone();
        let scope = Scope { env: &self.env, file: &place.file, line: place.line, section: &self.section_name };
        let words = match words::split(bare, scope) {
            Ok(words) => words,
            Err(broken) => {
                self.report.alert_tight(broken.message(bare, indent));
                return Ok(());
            }
        };
        let Some(first) = words.first() else { return Ok(()) };
        if self.block(&words)? || !self.blocks.iter().all(|block| block.active) {
            return Ok(());
        }
        if first.starts_with('.') {
            return self.message(&words);
        }
        self.directive(&words)
    }

    fn directive(&mut self, words: &[String]) -> Result<(), Abort> {
        let (modifier, words) = match words[0].as_str() {
            "no" => (Modifier::No, &words[1..]),
            "default" => (Modifier::Default, &words[1..]),
            _ => (Modifier::None, words),
        };
        let first = words.first().map_or("", String::as_str);
        if modifier != Modifier::None && !NEGATABLE.contains(&first) {
            self.report.alert_tight(
                "negation/default currently supported only for options, log, busy-polling, set-dumpable, strict-limits, \
                 insecure-fork-wanted and numa-cpu-mapping.",
            );
            return Ok(());
        }
        if self.open_section(words)? {
            return Ok(());
        }
        if matches!(self.section, Section::Global) && self.environment(words) {
            return Ok(());
        }
        if matches!(self.section, Section::Global) && first == "stats" {
            self.stats_after.get_or_insert(self.proxies.len());
        }
        let mut ctx = Ctx { words, modifier, report: &mut self.report, env: &self.env, files: self.files };
        match &mut self.section {
            Section::None => ctx.report.alert_tight(format!("unknown keyword '{first}' out of section.")),
            Section::Global => global::line(&mut ctx, &mut self.config.global),
            Section::BrokenProxy => ctx.alert("'listen' or 'defaults' expected."),
            Section::Proxy(draft) => proxy::line(&mut ctx, draft, &self.config.global),
            Section::Resolvers(resolvers) => resolvers::line(&mut ctx, resolvers),
            Section::Userlist(list) => userlist::line(&mut ctx, list),
            Section::Peers(peers) => peers::line(&mut ctx, peers),
            Section::HttpErrors(errors) => http_errors::line(&mut ctx, errors),
            Section::Skipped => {}
        }
        Ok(())
    }

    /// Whether the line begins a section.
    fn open_section(&mut self, words: &[String]) -> Result<bool, Abort> {
        let first = words.first().map_or("", String::as_str);
        let known = SECTIONS.contains(&first) || SKIPPED.iter().any(|(name, _)| *name == first);
        if !known {
            return Ok(false);
        }
        self.close_section();
        self.section_since = self.report.problems.len();
        self.section_name = words.get(1).map_or(first, String::as_str).to_owned();
        let mut ctx =
            Ctx { words, modifier: Modifier::None, report: &mut self.report, env: &self.env, files: self.files };
        let capability = match first {
            "global" => {
                ctx.at_most(1, 0);
                self.section = Section::Global;
                return Ok(true);
            }
            "defaults" => Capability::Defaults,
            "frontend" => Capability::Frontend,
            "backend" => Capability::Backend,
            "listen" => Capability::Listen,
            _ => {
                self.section = small_section(&mut ctx, &self.config).ok_or(Abort)?;
                return Ok(true);
            }
        };
        self.section = match proxy::open(&mut ctx, capability, &self.proxies, &mut self.defaults) {
            Opened::Draft(draft) => Section::Proxy(draft),
            Opened::Nothing => Section::BrokenProxy,
            Opened::Abort => return Err(Abort),
        };
        Ok(true)
    }

    fn close_section(&mut self) {
        match std::mem::replace(&mut self.section, Section::None) {
            Section::Proxy(mut draft) if draft.proxy.capability == Capability::Defaults => {
                if draft.named {
                    self.check_rules(&mut draft);
                }
                self.defaults.push(*draft);
            }
            Section::Proxy(mut draft) => {
                self.check_rules(&mut draft);
                self.proxies.push(*draft);
            }
            Section::Resolvers(resolvers) => self.config.resolvers.push(resolvers),
            Section::Userlist(draft) => self.userlists.push(draft),
            Section::Peers(peers) => self.config.peers.push(peers),
            Section::HttpErrors(errors) => self.config.http_errors.push(errors),
            Section::None | Section::Global | Section::BrokenProxy | Section::Skipped => {}
        }
    }

    /// Has the lines read whose words belong to others, for what is wrong with them.
    fn check_rules(&mut self, draft: &mut Draft) {
        let proxy = &draft.proxy;
        // What defaults name is noted for each proxy that has their rules.
        let scratch = Library::default();
        let is_defaults = proxy.capability == Capability::Defaults;
        let env = sample::Env { files: self.files, patterns: if is_defaults { &scratch } else { self.patterns } };
        let mut problems = match Program::read(proxy, env, self.config.global.experimental) {
            Ok((_, warnings)) => warnings,
            Err(problems) => problems.0,
        };
        // What is wrong in defaults was said there.
        let own = |place: &Place| place.file == proxy.place.file && place.line >= proxy.place.line;
        problems.retain(|problem| problem.place.as_ref().is_none_or(own));
        draft.late = problems.extract_if(.., |problem| problem.text.starts_with(LATE)).collect();
        problems.extend(ids::twin(draft, &self.proxies));
        self.report.merge(self.section_since, problems);
    }

    /// `setenv` and its like: lines that follow see what they did.
    fn environment(&mut self, words: &[String]) -> bool {
        let (name, names) = (words[0].as_str(), &words[1..]);
        match name {
            "setenv" | "presetenv" => match names {
                [variable, value] => {
                    let value = value.clone();
                    match name {
                        "setenv" => _ = self.env.insert(variable.clone(), value),
                        _ => _ = self.env.entry(variable.clone()).or_insert(value),
                    }
                }
                _ => self.report.alert_tight(format!("'{name}' expects a name and a value.")),
            },
            "unsetenv" if names.is_empty() => {
                self.report.alert_tight("'unsetenv' expects at least one variable name.");
            }
            "unsetenv" => self.env.retain(|variable, _| !names.contains(variable)),
            "resetenv" => self.env.retain(|variable, _| names.contains(variable)),
            _ => return false,
        }
        true
    }
}

/// How problems of formats begin: HAProxy reads those when all sections are read.
const LATE: &str = "config : Parsing [";

/// What `no` and `default` may stand before.
const NEGATABLE: [&str; 7] =
    ["option", "log", "busy-polling", "set-dumpable", "strict-limits", "insecure-fork-wanted", "numa-cpu-mapping"];

/// Words that begin a section, wherever they stand. [`SKIPPED`] has the others.
const SECTIONS: [&str; 10] = [
    "global",
    "defaults",
    "frontend",
    "backend",
    "listen",
    "resolvers",
    "userlist",
    "peers",
    "http-errors",
    "log-forward",
];

/// `None` where reading cannot go on.
fn small_section(ctx: &mut Ctx, config: &Config) -> Option<Section> {
    let (first, name) = (ctx.word(0), ctx.word(1));
    if let Some((name, reason)) = SKIPPED.iter().find(|(name, _)| *name == first) {
        ctx.report.ignore(&format!("section '{name}'"), reason);
        return Some(Section::Skipped);
    }
    match first {
        "resolvers" => {
            if let Some(twin) = config.resolvers.iter().find(|other| other.name == name) {
                let text = format!(
                    "Parsing [{}]: resolvers '{name}' has same name as another resolvers (declared at {}).",
                    ctx.report.place, twin.place
                );
                ctx.report.push(Level::Alert, text);
            }
            resolvers::open(ctx).map(Section::Resolvers)
        }
        "userlist" => Some(Section::Userlist(userlist::open(ctx))),
        "peers" => peers::open(ctx).map(Section::Peers),
        "http-errors" => http_errors::open(ctx).map(Section::HttpErrors),
        _ => {
            ctx.refuse("log-forward", "log lines of others are not taken", "use a syslog server");
            Some(Section::Skipped)
        }
    }
}
