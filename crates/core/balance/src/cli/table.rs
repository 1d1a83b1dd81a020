//! The table of commands, in the order in which they are listed.

use super::answer::Answer;
use super::call::Call;
use super::commands::{
    cookie, dump, errors, frontend, global, list, list_change, server, servers, session, ssl, stat, state, stick, this,
    variable,
};
use crate::config::model::Level;

type Handler = fn(&mut Call<'_>) -> Answer;

pub struct Command {
    pub words: &'static [&'static str],
    /// Left half of its line in `help`.
    pub usage: &'static str,
    /// Right half.
    pub about: &'static str,
    /// Needed at least; below it the answer is `Permission denied`.
    pub level: Level,
    pub run: Handler,
    at: Place,
    /// Needs `experimental-mode on`, and is listed then only.
    pub experimental: bool,
}

/// Where a command is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Worker,
    /// Not listed.
    Hidden,
    Master,
    Both,
}

/// Which commands a connection sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visible {
    Worker { experimental: bool },
    Master,
}

impl Command {
    fn known(&self, visible: Visible) -> bool {
        match visible {
            Visible::Worker { .. } => self.at != Place::Master,
            Visible::Master => matches!(self.at, Place::Master | Place::Both),
        }
    }

    /// Shown by `help`.
    pub fn listed(&self, visible: Visible) -> bool {
        let off = self.experimental && visible == Visible::Worker { experimental: false };
        self.known(visible) && self.at != Place::Hidden && !off
    }

    /// How many of its first words these are.
    pub fn common_words(&self, words: &[String]) -> usize {
        self.words.iter().zip(words).take_while(|(own, word)| own == word).count()
    }
}

/// The command that the words begin with.
pub fn find(words: &[String], visible: Visible) -> Option<&'static Command> {
    COMMANDS
        .iter()
        .chain(UNLISTED)
        .filter(|command| command.known(visible) && command.common_words(words) == command.words.len())
        .max_by_key(|command| command.words.len())
}

const fn command(
    words: &'static [&'static str],
    usage: &'static str,
    about: &'static str,
    level: Level,
    run: Handler,
) -> Command {
    Command { words, usage, about, level, run, at: Place::Worker, experimental: false }
}

const fn at(place: Place, mut command: Command) -> Command {
    command.at = place;
    command
}

/// What is not listed, but there.
const UNLISTED: &[Command] = &[
    at(Place::Both, command(&["help"], "", "", Level::User, this::help)),
    at(Place::Both, command(&["prompt"], "", "", Level::User, this::prompt)),
    at(Place::Both, command(&["quit"], "", "", Level::User, this::quit)),
    at(Place::Hidden, command(&["_getsocks"], "", "", Level::Admin, this::getsocks)),
    at(Place::Both, command(&["experimental-mode"], "", "", Level::Admin, this::experimental_mode)),
    at(Place::Both, command(&["expert-mode"], "", "", Level::Admin, this::expert_mode)),
];

const fn experimental(mut command: Command) -> Command {
    command.experimental = true;
    command
}

#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    at(Place::Master, command(&["@!<pid>"], "@!<pid>", "send a command to the <pid> process", Level::Admin, this::quit)),
    at(Place::Master, command(&["@<relative pid>"], "@<relative pid>", "send a command to the <relative pid> process", Level::Admin, this::quit)),
    at(Place::Master, command(&["@master"], "@master", "send a command to the master process", Level::Admin, this::quit)),
    command(&["abort", "ssl", "ca-file"], "abort ssl ca-file <cafile>", "abort a transaction for a CA file", Level::Admin, ssl::abort_ca),
    command(&["abort", "ssl", "cert"], "abort ssl cert <certfile>", "abort a transaction for a certificate file", Level::Admin, ssl::abort_cert),
    command(&["abort", "ssl", "crl-file"], "abort ssl crl-file <crlfile>", "abort a transaction for a CRL file", Level::Admin, dump::refuse_crl),
    command(&["add", "acl"], "add acl [@<ver>] <acl> <pattern>", "add an acl entry", Level::User, list_change::add_acl),
    command(&["add", "map"], "add map [@<ver>] <map> <key> <val>", "add a map entry (payload supported instead of key/val)", Level::User, list_change::add_map),
    command(&["add", "server"], "add server <bk>/<srv>", "create a new server", Level::Admin, servers::add),
    command(&["add", "ssl", "crt-list"], "add ssl crt-list <list> <cert> [opts]*", "add to crt-list file <list> a line <cert> or a payload", Level::Admin, dump::refuse_crt_list),
    command(&["clear", "acl"], "clear acl [@<ver>] <acl>", "clear the contents of this acl", Level::User, list_change::clear_acl),
    command(&["clear", "counters"], "clear counters [all]", "clear max statistics counters (or all counters)", Level::Operator, stat::clear_counters),
    command(&["clear", "map"], "clear map [@<ver>] <map>", "clear the contents of this map", Level::User, list_change::clear_map),
    command(&["clear", "table"], "clear table <table> [<filter>]*", "remove an entry from a table (filter: data/key)", Level::User, stick::clear),
    command(&["commit", "acl"], "commit acl @<ver> <acl>", "commit the ACL at this version", Level::User, list_change::commit_acl),
    command(&["commit", "map"], "commit map @<ver> <map>", "commit the map at this version", Level::User, list_change::commit_map),
    command(&["commit", "ssl", "ca-file"], "commit ssl ca-file <cafile>", "commit a CA file", Level::Admin, ssl::commit_ca),
    command(&["commit", "ssl", "cert"], "commit ssl cert <certfile>", "commit a certificate file", Level::Admin, ssl::commit_cert),
    command(&["commit", "ssl", "crl-file"], "commit ssl crl-file <crlfile>", "commit a CRL file", Level::Admin, dump::refuse_crl),
    command(&["del", "acl"], "del acl <acl> [<key>|#<ref>]", "delete acl entries matching <key>", Level::User, list_change::del_acl),
    command(&["del", "map"], "del map <map> [<key>|#<ref>]", "delete map entries matching <key>", Level::User, list_change::del_map),
    command(&["del", "server"], "del server <bk>/<srv>", "remove a dynamically added server", Level::Admin, servers::delete),
    command(&["del", "ssl", "ca-file"], "del ssl ca-file <cafile>", "delete an unused CA file", Level::Admin, ssl::del_ca),
    command(&["del", "ssl", "cert"], "del ssl cert <certfile>", "delete an unused certificate file", Level::Admin, ssl::del_cert),
    command(&["del", "ssl", "crl-file"], "del ssl crl-file <crlfile>", "delete an unused CRL file", Level::Admin, dump::refuse_crl),
    command(&["del", "ssl", "crt-list"], "del ssl crt-list <list> <cert[:line]>", "delete a line <cert> from crt-list file <list>", Level::Admin, dump::refuse_crt_list),
    command(&["disable", "agent"], "disable agent", "disable agent checks", Level::Admin, server::disable_agent),
    command(&["disable", "dynamic-cookie", "backend"], "disable dynamic-cookie backend <bk>", "disable dynamic cookies on a specific backend", Level::Admin, cookie::disable),
    command(&["disable", "frontend"], "disable frontend <frontend>", "temporarily disable specific frontend", Level::Admin, frontend::disable),
    command(&["disable", "health"], "disable health", "disable health checks", Level::Admin, server::disable_health),
    command(&["disable", "server"], "disable server (DEPRECATED)", "disable a server for maintenance (use 'set server' instead)", Level::Admin, server::disable),
    command(&["enable", "agent"], "enable agent", "enable agent checks", Level::Admin, server::enable_agent),
    command(&["enable", "dynamic-cookie", "backend"], "enable dynamic-cookie backend <bk>", "enable dynamic cookies on a specific backend", Level::Admin, cookie::enable),
    command(&["enable", "frontend"], "enable frontend <frontend>", "re-enable specific frontend", Level::Admin, frontend::enable),
    command(&["enable", "health"], "enable health", "enable health checks", Level::Admin, server::enable_health),
    command(&["enable", "server"], "enable server  (DEPRECATED)", "enable a disabled server (use 'set server' instead)", Level::Admin, server::enable),
    command(&["get", "acl"], "get acl <acl> <value>", "report the patterns matching a sample for an ACL", Level::User, list::get_acl),
    command(&["get", "map"], "get map <acl> <value>", "report the keys and values matching a sample for a map", Level::User, list::get_map),
    command(&["get", "var"], "get var <name>", "retrieve contents of a process-wide variable", Level::Operator, variable::get),
    command(&["get", "weight"], "get weight <bk>/<srv>", "report a server's current weight", Level::User, server::get_weight),
    command(&["new", "ssl", "ca-file"], "new ssl ca-file <cafile>", "create a new CA file to be used in a crt-list", Level::Admin, ssl::new_ca),
    command(&["new", "ssl", "cert"], "new ssl cert <certfile>", "create a new certificate file to be used in a crt-list or a directory", Level::Admin, ssl::new_cert),
    command(&["new", "ssl", "crl-file"], "new ssl crlfile <crlfile>", "create a new CRL file to be used in a crt-list", Level::Admin, dump::refuse_crl),
    at(Place::Both, command(&["operator"], "operator", "lower the level of the current CLI session to operator", Level::Operator, this::operator)),
    command(&["prepare", "acl"], "prepare acl <acl>", "prepare a new version for atomic ACL replacement", Level::User, list_change::prepare_acl),
    command(&["prepare", "map"], "prepare map <acl>", "prepare a new version for atomic map replacement", Level::User, list_change::prepare_map),
    at(Place::Master, command(&["reload"], "reload", "reload haproxy", Level::Operator, this::reload)),
    command(&["set", "dynamic-cookie-key", "backend"], "set dynamic-cookie-key backend <bk> <k>", "change a backend secret key for dynamic cookies", Level::Admin, cookie::set_key),
    command(&["set", "map"], "set map <map> [<key>|#<ref>] <value>", "modify a map entry", Level::User, list_change::set_map),
    command(&["set", "maxconn", "frontend"], "set maxconn frontend <frontend> <value>", "change a frontend's maxconn setting", Level::Admin, frontend::set_maxconn),
    command(&["set", "maxconn", "global"], "set maxconn global <value>", "change the per-process maxconn setting", Level::Admin, global::set_maxconn),
    command(&["set", "maxconn", "server"], "set maxconn server <bk>/<srv>", "change a server's maxconn setting", Level::Admin, server::set_maxconn),
    command(&["set", "profiling"], "set profiling <what> {auto|on|off}", "enable/disable resource profiling (tasks,memory)", Level::Admin, global::set_profiling),
    command(&["set", "rate-limit"], "set rate-limit <setting> <value>", "change a rate limiting value", Level::Admin, global::set_rate_limit),
    command(&["set", "server"], "set server <bk>/<srv> [opts]", "change a server's state, weight, address or ssl", Level::Admin, server::set),
    command(&["set", "severity-output"], "set severity-output [none|number|string]", "set presence of severity level in feedback information", Level::User, this::set_severity),
    command(&["set", "ssl", "ca-file"], "set ssl ca-file <cafile> <payload>", "replace a CA file", Level::Admin, ssl::set_ca),
    command(&["set", "ssl", "cert"], "set ssl cert <certfile> <payload>", "replace a certificate file", Level::Admin, ssl::set_cert),
    command(&["set", "ssl", "crl-file"], "set ssl crl-file <crlfile> <payload>", "replace a CRL file", Level::Admin, dump::refuse_crl),
    command(&["set", "ssl", "ocsp-response"], "set ssl ocsp-response <resp|payload>", "update a certificate's OCSP Response from a base64-encode DER", Level::User, dump::refuse_ocsp),
    command(&["set", "ssl", "tls-key"], "set ssl tls-key [id|file] <key>", "set the next TLS key for the <id> or <file> listener to <key>", Level::User, dump::refuse_tls_key),
    command(&["set", "table"], "set table <table> key <k> [data.* <v>]*", "update or create a table entry's data", Level::User, stick::set),
    command(&["set", "timeout"], "set timeout [cli] <delay>", "change a timeout setting", Level::User, this::set_timeout),
    experimental(command(&["set", "var"], "set var <name> [fmt|expr] {<fmt>|<expr>}", "set variable from an expression or a format", Level::User, variable::set)),
    command(&["set", "weight"], "set weight <bk>/<srv>  (DEPRECATED)", "change a server's weight (use 'set server' instead)", Level::Admin, server::set_weight),
    command(&["show", "acl"], "show acl [@<ver>] <acl>]", "report available acls or dump an acl's contents", Level::User, list::show_acl),
    command(&["show", "activity"], "show activity", "show per-thread activity stats (for support/developers)", Level::User, dump::activity),
    command(&["show", "backend"], "show backend", "list backends in the current running config", Level::User, servers::show_backend),
    command(&["show", "cache"], "show cache", "show cache status", Level::Admin, dump::nothing),
    at(Place::Both, command(&["show", "cli", "level"], "show cli level", "display the level of the current CLI session", Level::User, this::show_level)),
    at(Place::Both, command(&["show", "cli", "sockets"], "show cli sockets", "dump list of cli sockets", Level::User, this::show_sockets)),
    command(&["show", "env"], "show env [var]", "dump environment variables known to the process", Level::Operator, variable::env),
    command(&["show", "errors"], "show errors [<px>] [request|response]", "report last request and/or response errors for each proxy", Level::Operator, errors::show),
    command(&["show", "events"], "show events [<sink>] [-w] [-n]", "show event sink state", Level::User, dump::events),
    command(&["show", "fd"], "show fd [num]", "dump list of file descriptors in use or a specific one", Level::Operator, dump::fd),
    command(&["show", "info"], "show info [desc|json|typed|float]*", "report information about the running process", Level::User, stat::info),
    command(&["show", "libs"], "show libs", "show loaded object files and libraries", Level::Operator, dump::libs),
    command(&["show", "map"], "show map [@ver] [map]", "report available maps or dump a map's contents", Level::User, list::show_map),
    command(&["show", "peers"], "show peers [dict|-] [section]", "dump some information about all the peers or this peers section", Level::User, dump::nothing),
    command(&["show", "pools"], "show pools", "report information about the memory pools usage", Level::User, dump::pools),
    at(Place::Master, command(&["show", "proc"], "show proc", "show processes status", Level::User, this::show_proc)),
    command(&["show", "profiling"], "show profiling [<what>|<#lines>|byaddr]*", "show profiling state (all,status,tasks,memory)", Level::Admin, global::show_profiling),
    command(&["show", "resolvers"], "show resolvers [id]", "dumps counters from all resolvers section and associated name servers", Level::User, dump::resolvers),
    command(&["show", "schema", "json"], "show schema json", "report schema used for stats", Level::User, stat::schema),
    command(&["show", "servers", "conn"], "show servers conn [<backend>]", "dump server connections status (all or for a single backend)", Level::User, state::conn),
    command(&["show", "servers", "state"], "show servers state [<backend>]", "dump volatile server information (all or for a single backend)", Level::User, state::state),
    command(&["show", "sess"], "show sess [id]", "report the list of current sessions or dump this exact session", Level::Operator, session::show),
    command(&["show", "ssl", "ca-file"], "show ssl ca-file [<cafile>[:<index>]]", "display the SSL CA files used in memory, or the details of a <cafile>, or a single certificate of index <index> of a CA file <cafile>", Level::User, ssl::show_ca),
    command(&["show", "ssl", "cert"], "show ssl cert [<certfile>]", "display the SSL certificates used in memory, or the details of a file", Level::User, ssl::show_cert),
    command(&["show", "ssl", "crl-file"], "show ssl crl-file [<crlfile[:<index>>]]", "display the SSL CRL files used in memory, or the details of a <crlfile>, or a single CRL of index <index> of CRL file <crlfile>", Level::User, dump::no_crl_files),
    command(&["show", "ssl", "crt-list"], "show ssl crt-list [-n] [<list>]", "show the list of crt-lists or the content of a crt-list file <list>", Level::Admin, dump::nothing),
    command(&["show", "ssl", "ocsp-response"], "show ssl ocsp-response [id]", "display the IDs of the OCSP responses used in memory, or the details of a single OCSP response", Level::User, dump::nothing),
    command(&["show", "ssl", "providers"], "show ssl providers", "show loaded SSL providers", Level::User, dump::tls_provider),
    command(&["show", "startup-logs"], "show startup-logs", "report logs emitted during HAProxy startup", Level::Operator, dump::startup_logs),
    command(&["show", "stat"], "show stat [desc|json|no-maint|typed|up]*", "report counters for each proxy and server", Level::User, stat::stat),
    command(&["show", "table"], "show table <table> [<filter>]*", "report table usage stats or dump this table's contents (filter: data/key)", Level::User, stick::show),
    command(&["show", "tasks"], "show tasks", "show running tasks", Level::User, dump::tasks),
    command(&["show", "threads"], "show threads", "show some threads debugging information", Level::User, dump::threads),
    command(&["show", "tls-keys"], "show tls-keys [id|*]", "show tls keys references or dump tls ticket keys when id specified", Level::User, dump::no_tls_keys),
    command(&["show", "trace"], "show trace [<module>]", "show live tracing state", Level::User, dump::no_traces),
    at(Place::Both, command(&["show", "version"], "show version", "show version of the current process", Level::User, this::show_version)),
    command(&["shutdown", "frontend"], "shutdown frontend <frontend>", "stop a specific frontend", Level::Admin, frontend::shutdown),
    command(&["shutdown", "session"], "shutdown session [id]", "kill a specific session", Level::Admin, session::shutdown),
    command(&["shutdown", "sessions", "server"], "shutdown sessions server <bk>/<srv>", "kill sessions on a server", Level::Admin, server::shutdown_sessions),
    command(&["trace"], "trace [<module>|0] [cmd [args...]]", "manage live tracing (empty to list, 0 to stop all)", Level::Operator, dump::refuse_trace),
    at(Place::Both, command(&["user"], "user", "lower the level of the current CLI session to user", Level::User, this::user)),
];
