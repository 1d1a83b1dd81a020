//! From a command line to a configuration.

use balance::command_line::CommandLine;
use balance::config::model::Config;
use balance::config::{self, Env, Files, Level, Parsed, Problem, Source};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Variables that configurations may use: the process's, and those HAProxy adds.
pub fn environment() -> Env {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

/// `None`: the folders named have no file at all.
///
/// # Errors
/// All messages about what is wrong, warnings among them.
pub fn load(line: &CommandLine, files: &dyn Files) -> Result<Option<Parsed>, Vec<Problem>> {
    let sources = sources(line, files)?;
    if sources.is_empty() {
        return Ok(None);
    }
    let mut env = environment();
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    env.insert("HAPROXY_CFGFILES".to_owned(), names.join(";"));
    let peer = line.local_peer.clone().unwrap_or_else(crate::setup::hostname);
    env.insert("HAPROXY_LOCALPEER".to_owned(), peer);
    let mut parsed = config::parse(&sources, &env, files).map_err(|problems| problems.0)?;
    let warned = parsed.warnings.iter().any(|problem| problem.level == Level::Warning);
    if warned && (line.zero_warning || parsed.config.global.zero_warning) {
        let text = "config : Some warnings were found and 'zero-warning' is set. Aborting.";
        parsed.warnings.push(Problem::alert(text));
        return Err(parsed.warnings);
    }
    overrule(line, &mut parsed.config);
    Ok(Some(parsed))
}

fn sources(line: &CommandLine, files: &dyn Files) -> Result<Vec<Source>, Vec<Problem>> {
    let mut sources = vec![];
    for name in &line.sources {
        let path = Path::new(name);
        let unreadable = |path: &Path, reason: String| {
            let text = format!("config : Cannot open configuration file/directory {} : {reason}", path.display());
            vec![Problem::alert(text)]
        };
        let paths = if files.is_folder(path) {
            let found = files.list(path).map_err(|reason| unreadable(path, reason))?;
            found.into_iter().filter(|file| is_configuration(file)).collect()
        } else {
            vec![PathBuf::from(path)]
        };
        for path in paths {
            let text = files.read(&path).map_err(|reason| unreadable(&path, reason))?;
            sources.push(Source { name: path.to_string_lossy().into_owned(), text });
        }
    }
    Ok(sources)
}

/// Of a folder's files: those that end in `.cfg` and are not hidden.
fn is_configuration(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.ends_with(".cfg") && !name.starts_with('.')
}

/// What the command line says goes before what the files say.
fn overrule(line: &CommandLine, config: &mut Config) {
    let global = &mut config.global;
    global.maxconn = line.maxconn.or(global.maxconn);
    global.nosplice |= line.nosplice;
    global.noreuseport |= line.noreuseport;
    global.ssl_server_verify_none |= line.verify_none;
    global.quiet |= line.quiet;
    if line.pidfile.is_some() {
        global.pidfile.clone_from(&line.pidfile);
    }
    if line.local_peer.is_some() {
        global.localpeer.clone_from(&line.local_peer);
    }
    for proxy in config.proxies.iter_mut().filter(|proxy| proxy.limits.maxconn.is_none()) {
        if line.proxy_maxconn.is_some() {
            Arc::make_mut(proxy).limits.maxconn = line.proxy_maxconn;
        }
    }
}
