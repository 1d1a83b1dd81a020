//! The commands that ProxySQL's admin interface has beside SQL, each once.

use super::text::{Kind, Token};

/// What is loaded and saved together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Module {
    MysqlServers,
    MysqlUsers,
    MysqlQueryRules,
    MysqlFirewall,
    MysqlVariables,
    AdminVariables,
    Scheduler,
    ProxysqlServers,
    RestApi,
}

/// Module, its words in a command, its tables.
const MODULES: &[(Module, &[&str], &[&str])] = &[
    (
        Module::MysqlServers,
        &["MYSQL SERVERS", "MARIADB SERVERS"],
        &[
            "mysql_servers",
            "mysql_replication_hostgroups",
            "mysql_group_replication_hostgroups",
            "mysql_galera_hostgroups",
            "mysql_aws_aurora_hostgroups",
            "mysql_hostgroup_attributes",
            "mysql_servers_ssl_params",
        ],
    ),
    (Module::MysqlUsers, &["MYSQL USERS", "MARIADB USERS"], &["mysql_users"]),
    (
        Module::MysqlQueryRules,
        &["MYSQL QUERY RULES", "MARIADB QUERY RULES"],
        &["mysql_query_rules", "mysql_query_rules_fast_routing"],
    ),
    (
        Module::MysqlFirewall,
        &["MYSQL FIREWALL"],
        &[
            "mysql_firewall_whitelist_users",
            "mysql_firewall_whitelist_rules",
            "mysql_firewall_whitelist_sqli_fingerprints",
        ],
    ),
    (Module::MysqlVariables, &["MYSQL VARIABLES", "MARIADB VARIABLES"], &["global_variables"]),
    (Module::AdminVariables, &["ADMIN VARIABLES"], &["global_variables"]),
    (Module::Scheduler, &["SCHEDULER"], &["scheduler"]),
    (Module::ProxysqlServers, &["PROXYSQL SERVERS"], &["proxysql_servers"]),
    (Module::RestApi, &["RESTAPI"], &["restapi_routes"]),
];

impl Module {
    pub fn all() -> impl Iterator<Item = Self> {
        MODULES.iter().map(|(module, ..)| *module)
    }

    fn facts(self) -> Option<&'static (Module, &'static [&'static str], &'static [&'static str])> {
        MODULES.iter().find(|(module, ..)| *module == self)
    }

    /// As a command says it: `MYSQL SERVERS`.
    pub fn words(self) -> &'static str {
        self.facts().map_or("", |(_, words, _)| words[0])
    }

    /// Tables of `main`; variables share one, told apart by [`Module::prefix`].
    pub fn tables(self) -> &'static [&'static str] {
        self.facts().map_or(&[], |(.., tables)| tables)
    }

    /// How the names of its variables begin; `None` where it has none.
    pub fn prefix(self) -> Option<&'static str> {
        match self {
            Self::MysqlVariables => Some("mysql-"),
            Self::AdminVariables => Some("admin-"),
            _ => None,
        }
    }
}

/// From where to where a module's rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    MemoryToRuntime,
    RuntimeToMemory,
    DiskToMemory,
    MemoryToDisk,
    ConfigToMemory,
}

/// Verb, preposition, places, and what they mean: ProxySQL has two spellings of each way and a short form of each place.
const DIRECTIONS: &[(&str, &str, &[&str], Direction)] = &[
    ("LOAD", "TO", &["RUNTIME", "RUN"], Direction::MemoryToRuntime),
    ("LOAD", "FROM", &["MEMORY", "MEM"], Direction::MemoryToRuntime),
    ("SAVE", "TO", &["MEMORY", "MEM"], Direction::RuntimeToMemory),
    ("SAVE", "FROM", &["RUNTIME", "RUN"], Direction::RuntimeToMemory),
    ("LOAD", "FROM", &["DISK"], Direction::DiskToMemory),
    ("LOAD", "TO", &["MEMORY", "MEM"], Direction::DiskToMemory),
    ("SAVE", "TO", &["DISK"], Direction::MemoryToDisk),
    ("SAVE", "FROM", &["MEMORY", "MEM"], Direction::MemoryToDisk),
    ("LOAD", "FROM", &["CONFIG"], Direction::ConfigToMemory),
];

/// What the running proxy is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Start,
    Stop,
    Restart,
    Pause,
    Resume,
    /// Ends when nobody is connected any more.
    ShutdownSlow,
    Shutdown,
    Kill,
    FlushLogs,
    FlushQueryCache,
    FlushClientHosts,
    ReloadTls,
    KillConnection(u64),
    KillQuery(u64),
}

const COMMANDS: &[(&str, Command)] = &[
    ("PROXYSQL START", Command::Start),
    ("PROXYSQL STOP", Command::Stop),
    ("PROXYSQL RESTART", Command::Restart),
    ("PROXYSQL PAUSE", Command::Pause),
    ("PROXYSQL RESUME", Command::Resume),
    ("PROXYSQL SHUTDOWN SLOW", Command::ShutdownSlow),
    ("PROXYSQL SHUTDOWN", Command::Shutdown),
    ("PROXYSQL KILL", Command::Kill),
    ("PROXYSQL FLUSH LOGS", Command::FlushLogs),
    ("PROXYSQL FLUSH QUERY CACHE", Command::FlushQueryCache),
    ("PROXYSQL FLUSH MYSQL CLIENT HOSTS", Command::FlushClientHosts),
    ("PROXYSQL RELOAD TLS", Command::ReloadTls),
    ("FLUSH LOGS", Command::FlushLogs),
];

/// A statement, as far as it is not left to SQLite.
#[derive(Debug, PartialEq, Eq)]
pub enum Statement {
    Move(Direction, Module),
    /// `LOAD MYSQL USER x TO RUNTIME`.
    LoadUser(String),
    /// `LOAD MYSQL USERS FROM BACKEND`, which ProxySQL has not.
    TakeOver,
    Tell(Command),
    ReadOnly(bool),
    /// `PROXYSQL FLUSH CONFIGDB`: the disk database is opened anew.
    FlushConfigDb,
    Checksum {
        disk: bool,
        module: Module,
    },
    /// `SELECT CONFIG`, with the file it is written to.
    Config(Option<String>),
    /// `TRUNCATE t`, or `DELETE FROM t` without a condition.
    Clear(Vec<String>),
    Use(String),
    Set,
    Show,
    Describe,
    /// What clients send and nobody needs here: answered with OK.
    Nothing,
    Sql,
}

/// First words of statements that are answered with OK, since drivers and `mysqldump` send them.
const NOTHING: &[&str] = &["BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "LOCK", "UNLOCK", "FLUSH"];

pub fn statement(tokens: &[Token<'_>]) -> Result<Statement, String> {
    let words = joined(tokens);
    let Some(first) = tokens.first().map(|token| token.text.to_ascii_uppercase()) else {
        return Ok(Statement::Nothing);
    };
    if let Some((_, command)) = COMMANDS.iter().find(|(text, _)| *text == words) {
        return Ok(Statement::Tell(*command));
    }
    match first.as_str() {
        "LOAD" | "SAVE" => transfer(&words, tokens),
        "PROXYSQL" => proxysql(&words),
        "KILL" => kill(&words),
        "CHECKSUM" => checksum(&words),
        "SELECT" if tokens.get(1).is_some_and(|token| token.is("CONFIG")) => config(tokens),
        "TRUNCATE" => {
            let skip = if tokens.get(1).is_some_and(|token| token.is("TABLE")) { 2 } else { 1 };
            Ok(Statement::Clear(name(&tokens[skip..]).0))
        }
        "DELETE" if tokens.get(1).is_some_and(|token| token.is("FROM")) => Ok(whole_table(&tokens[2..])),
        "USE" => Ok(Statement::Use(tokens.get(1).map(Token::value).unwrap_or_default())),
        "SET" => Ok(Statement::Set),
        "SHOW" => Ok(Statement::Show),
        "DESC" | "DESCRIBE" => Ok(Statement::Describe),
        word if NOTHING.contains(&word) => Ok(Statement::Nothing),
        _ => Ok(Statement::Sql),
    }
}

fn joined(tokens: &[Token<'_>]) -> String {
    let words: Vec<&str> = tokens.iter().take(16).map(|token| token.text).collect();
    words.join(" ").to_ascii_uppercase()
}

fn transfer(words: &str, tokens: &[Token<'_>]) -> Result<Statement, String> {
    if let Some(file) = words.strip_prefix("SAVE CONFIG TO FILE ") {
        return match tokens {
            [.., path] if !file.is_empty() && tokens.len() == 5 => Ok(Statement::Config(Some(path.value()))),
            _ => Err("a path with other signs than letters needs quotes: SAVE CONFIG TO FILE '/path'".to_owned()),
        };
    }
    if ["MYSQL", "MARIADB"].iter().any(|name| words == format!("LOAD {name} USERS FROM BACKEND")) {
        return Ok(Statement::TakeOver);
    }
    let unknown = || {
        format!(
            "{words}: expected LOAD or SAVE, then one of {}, then TO or FROM, then RUNTIME, MEMORY, DISK or CONFIG",
            MODULES.iter().map(|(module, ..)| module.words()).collect::<Vec<_>>().join(" | ")
        )
    };
    let (verb, rest) = words.split_once(' ').ok_or_else(unknown)?;
    let (rest, place) = rest.rsplit_once(' ').ok_or_else(unknown)?;
    let (subject, preposition) = rest.rsplit_once(' ').ok_or_else(unknown)?;
    let direction = DIRECTIONS
        .iter()
        .find(|(v, p, places, _)| *v == verb && *p == preposition && places.contains(&place))
        .map(|(.., direction)| *direction)
        .ok_or_else(unknown)?;
    if subject.starts_with("MYSQL USER ") && direction == Direction::MemoryToRuntime {
        return Ok(Statement::LoadUser(tokens.get(3).map(Token::value).unwrap_or_default()));
    }
    module(subject).map(|module| Statement::Move(direction, module)).ok_or_else(unknown)
}

fn module(words: &str) -> Option<Module> {
    MODULES.iter().find(|(_, names, _)| names.contains(&words)).map(|(module, ..)| *module)
}

fn proxysql(words: &str) -> Result<Statement, String> {
    match words {
        "PROXYSQL READONLY" => Ok(Statement::ReadOnly(true)),
        "PROXYSQL READWRITE" => Ok(Statement::ReadOnly(false)),
        "PROXYSQL FLUSH CONFIGDB" => Ok(Statement::FlushConfigDb),
        _ => {
            let known: Vec<&str> =
                COMMANDS.iter().map(|(text, _)| *text).filter(|text| text.starts_with("PROXYSQL")).collect();
            Err(format!("{words} is not known; known are {}", known.join(", ")))
        }
    }
}

fn kill(words: &str) -> Result<Statement, String> {
    let parts: Vec<&str> = words.split(' ').collect();
    let number = |text: &str| text.parse().map_err(|_| format!("{text} is not the number of a session"));
    match parts.as_slice() {
        ["KILL", "CONNECTION", id] | ["KILL", id] => Ok(Statement::Tell(Command::KillConnection(number(id)?))),
        ["KILL", "QUERY", id] => Ok(Statement::Tell(Command::KillQuery(number(id)?))),
        _ => Err("expected KILL [CONNECTION | QUERY] and the number of a session".to_owned()),
    }
}

fn checksum(words: &str) -> Result<Statement, String> {
    let rest = words.strip_prefix("CHECKSUM ").unwrap_or_default();
    let (disk, rest) = match rest.split_once(' ') {
        Some(("DISK", rest)) => (true, rest),
        Some(("MEMORY" | "MEM", rest)) => (false, rest),
        _ => (false, rest),
    };
    module(rest)
        .map(|module| Statement::Checksum { disk, module })
        .ok_or_else(|| "expected CHECKSUM [DISK | MEMORY] and a module, as MYSQL SERVERS".to_owned())
}

fn config(tokens: &[Token<'_>]) -> Result<Statement, String> {
    match tokens {
        [_, _] => Ok(Statement::Config(None)),
        [_, _, file] if file.is("FILE") => Ok(Statement::Config(None)),
        [_, _, into, outfile, path] if into.is("INTO") && outfile.is("OUTFILE") && path.kind == Kind::Quoted => {
            Ok(Statement::Config(Some(path.value())))
        }
        _ => Err("expected SELECT CONFIG, SELECT CONFIG FILE or SELECT CONFIG INTO OUTFILE '/path'".to_owned()),
    }
}

fn whole_table(tokens: &[Token<'_>]) -> Statement {
    match name(tokens) {
        (parts, []) if !parts.is_empty() => Statement::Clear(parts),
        _ => Statement::Sql,
    }
}

/// The name that `tokens` begin with, in its parts (`schema`, `table`), and what follows.
pub fn name<'t, 'a>(tokens: &'t [Token<'a>]) -> (Vec<String>, &'t [Token<'a>]) {
    let mut parts = Vec::new();
    let mut rest = tokens;
    while let [first, after @ ..] = rest {
        if first.kind == Kind::Symbol {
            break;
        }
        parts.push(first.value());
        rest = after;
        match rest {
            [dot, after @ ..] if dot.text == "." => rest = after,
            _ => break,
        }
    }
    (parts, rest)
}

#[cfg(test)]
mod tests {
    use super::super::text::tokens;
    use super::*;
    use expect_test::{Expect, expect};

    #[test]
    fn every_way_in_every_spelling() {
        check("LOAD MYSQL SERVERS TO RUNTIME", expect!["Move(MemoryToRuntime, MysqlServers)"]);
        check("load mysql  users to run", expect!["Move(MemoryToRuntime, MysqlUsers)"]);
        check("LOAD MYSQL QUERY RULES FROM MEM", expect!["Move(MemoryToRuntime, MysqlQueryRules)"]);
        check("SAVE MYSQL VARIABLES FROM RUNTIME", expect!["Move(RuntimeToMemory, MysqlVariables)"]);
        check("SAVE ADMIN VARIABLES TO MEMORY", expect!["Move(RuntimeToMemory, AdminVariables)"]);
        check("LOAD SCHEDULER TO MEM", expect!["Move(DiskToMemory, Scheduler)"]);
        check("SAVE PROXYSQL SERVERS FROM MEMORY", expect!["Move(MemoryToDisk, ProxysqlServers)"]);
        check("LOAD MYSQL FIREWALL FROM CONFIG", expect!["Move(ConfigToMemory, MysqlFirewall)"]);
        check("load mysql users from backend", expect!["TakeOver"]);
        check("LOAD MYSQL USER 'bob' TO RUNTIME", expect![[r#"LoadUser("bob")"#]]);
        check(
            "SAVE MYSQL SERVERS TO CONFIG",
            expect![
                "SAVE MYSQL SERVERS TO CONFIG: expected LOAD or SAVE, then one of MYSQL SERVERS | MYSQL USERS | MYSQL QUERY RULES | MYSQL FIREWALL | MYSQL VARIABLES | ADMIN VARIABLES | SCHEDULER | PROXYSQL SERVERS | RESTAPI, then TO or FROM, then RUNTIME, MEMORY, DISK or CONFIG"
            ],
        );
    }

    #[test]
    fn other_commands() {
        check("PROXYSQL SHUTDOWN SLOW", expect!["Tell(ShutdownSlow)"]);
        check("proxysql readonly", expect!["ReadOnly(true)"]);
        check("KILL CONNECTION 12", expect!["Tell(KillConnection(12))"]);
        check("KILL QUERY x", expect!["X is not the number of a session"]);
        check("CHECKSUM DISK MYSQL USERS", expect!["Checksum { disk: true, module: MysqlUsers }"]);
        check("SELECT CONFIG INTO OUTFILE '/tmp/f'", expect![[r#"Config(Some("/tmp/f"))"#]]);
        check(
            "TRUNCATE TABLE stats.stats_mysql_query_digest",
            expect![[r#"Clear(["stats", "stats_mysql_query_digest"])"#]],
        );
        check("DELETE FROM mysql_servers", expect![[r#"Clear(["mysql_servers"])"#]]);
        check("DELETE FROM mysql_servers WHERE 1", expect!["Sql"]);
        check("COMMIT", expect!["Nothing"]);
    }

    #[track_caller]
    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&match statement(&tokens(text)) {
            Ok(statement) => format!("{statement:?}"),
            Err(problem) => problem,
        });
    }
}
