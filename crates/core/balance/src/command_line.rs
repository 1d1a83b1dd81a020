//! The command line, HAProxy's (management guide, section 3). Every argument is one option; none are bundled.

use std::path::PathBuf;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommandLine {
    /// `-f` and what follows `--`: files and folders.
    pub sources: Vec<String>,
    pub task: Task,
    /// `-d`, `-db`: not in the background, whatever the configuration says.
    pub foreground: bool,
    /// `-D`
    pub daemon: bool,
    /// `-W`, `-Ws`. There is no second process: configurations are replaced in the one that serves.
    pub master: bool,
    /// `-Ws`: tells the service manager when it serves.
    pub notify: bool,
    /// `-S`: the address of the master's statistics socket.
    pub master_socket: Option<String>,
    pub quiet: bool,
    pub verbose: bool,
    pub pidfile: Option<PathBuf>,
    /// `-C`: where to go before anything is read.
    pub folder: Option<PathBuf>,
    /// `-n`: goes before global's.
    pub maxconn: Option<u32>,
    /// `-N`: for proxies that do not say.
    pub proxy_maxconn: Option<u32>,
    /// `-m`: megabytes.
    pub memory: Option<u64>,
    /// `-L`
    pub local_peer: Option<String>,
    /// Processes to end once we serve.
    pub old: Vec<i32>,
    pub ending: Ending,
    /// `-x`: the statistics socket of a process that hands its listening sockets over.
    pub handover: Option<PathBuf>,
    /// `-dS`
    pub nosplice: bool,
    /// `-dR`
    pub noreuseport: bool,
    /// `-dV`
    pub verify_none: bool,
    /// `-dW`
    pub zero_warning: bool,
    /// `-dD`
    pub diagnose: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Task {
    #[default]
    Serve,
    /// `-c`
    Check,
    /// `-cc`
    Condition(String),
    /// `-v`
    Version,
    /// `-vv`
    Details,
}

/// How old processes end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// `-sf`: they finish what they have begun.
    #[default]
    Finish,
    /// `-st`
    Terminate,
}

/// Why it cannot be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// It is shown how it is used.
    Usage,
    Alert(String),
}

/// Reads the arguments, the program's name not among them.
///
/// # Errors
/// The first one that means nothing.
pub fn parse(args: &[String]) -> Result<CommandLine, Wrong> {
    let mut line = CommandLine::default();
    let mut args = args.iter().peekable();
    while let Some(arg) = args.next() {
        let Some(option) = arg.strip_prefix('-') else { return Err(Wrong::Usage) };
        match option {
            "-" => line.sources.extend(args.by_ref().cloned()),
            "v" => line.task = Task::Version,
            "vv" => line.task = Task::Details,
            "c" => line.task = Task::Check,
            "D" => line.daemon = true,
            "W" => line.master = true,
            "Ws" => (line.master, line.notify) = (true, true),
            "q" => line.quiet = true,
            "V" => line.verbose = true,
            "sf" | "st" => {
                line.ending = if option == "sf" { Ending::Finish } else { Ending::Terminate };
                while let Some(pids) = args.next_if(|next| !next.starts_with('-')) {
                    line.old.extend(read_pids(option, pids)?);
                }
            }
            "x" => match args.next_if(|next| !next.starts_with('-')) {
                Some(path) => line.handover = Some(path.into()),
                None => return Err(Wrong::Alert("Unix socket path expected with the -x flag\n".to_owned())),
            },
            debug if debug.starts_with('d') => line.read_debug(&debug[1..]),
            _ => {
                let value = args.next().ok_or(Wrong::Usage)?;
                line.read_value(option, value)?;
            }
        }
    }
    let needs_source = matches!(line.task, Task::Serve | Task::Check);
    if line.sources.is_empty() && needs_source { Err(Wrong::Usage) } else { Ok(line) }
}

fn read_pids(option: &str, pids: &str) -> Result<Vec<i32>, Wrong> {
    let wrong = || Wrong::Alert(format!("-{option} option: some bytes unconsumed in PID list {{{pids}}}"));
    pids.split_whitespace().map(|pid| pid.parse().ok().filter(|pid| *pid > 0).ok_or_else(wrong)).collect()
}

impl CommandLine {
    /// Those that are not named do not matter here.
    fn read_debug(&mut self, what: &str) {
        match what {
            "" | "b" => self.foreground = true,
            "S" => self.nosplice = true,
            "R" => self.noreuseport = true,
            "V" => self.verify_none = true,
            "W" => self.zero_warning = true,
            "D" => self.diagnose = true,
            _ => {}
        }
    }

    /// Numbers are read as C does: what is none is 0, and 0 is not said.
    fn read_value(&mut self, option: &str, value: &str) -> Result<(), Wrong> {
        let number = || value.parse().ok().filter(|number| *number > 0);
        match option {
            "f" => self.sources.push(value.to_owned()),
            "C" => self.folder = Some(value.into()),
            "p" => self.pidfile = Some(value.into()),
            "L" => self.local_peer = Some(value.to_owned()),
            "S" => self.master_socket = Some(value.to_owned()),
            "cc" => self.task = Task::Condition(value.to_owned()),
            "n" => self.maxconn = number(),
            "N" => self.proxy_maxconn = number(),
            "m" => self.memory = number().map(u64::from),
            _ => return Err(Wrong::Usage),
        }
        Ok(())
    }
}

/// What is shown to who asks for nothing that can be done.
pub const USAGE: &str = "\
Usage : haproxy [-f <cfgfile|cfgdir>]* [ -vdVD ] [ -n <maxconn> ] [ -N <maxpconn> ]
        [ -p <pidfile> ] [ -m <max megs> ] [ -C <dir> ] [-- <cfgfile>*]
        -v displays version ; -vv shows what it can do.
        -d, -db stay in the foreground ; -D goes daemon.
        -f reads a file, or the files *.cfg of a folder ; -C changes to <dir> before.
        -c only checks the configuration ; -cc <condition> evaluates a condition and exits.
        -q displays no messages ; -V displays more.
        -W, -Ws accepted: a configuration is replaced in the running process on SIGUSR2
                or SIGHUP ; -Ws tells systemd when it serves.
        -S <bind> opens a statistics socket of the level admin.
        -n sets the total number of connections ; -N the default of each proxy.
        -m limits the usable amount of memory (in MB).
        -L sets the local peer's name ; -p writes the process id to a file.
        -sf/-st [pid ]* finishes/terminates old processes once this one serves.
        -x <unix_socket> takes listening sockets over from a process with 'expose-fd listeners'.
        -dS disables splice ; -dR disables SO_REUSEPORT ; -dV does not verify servers.
        -dW fails if there is a warning ; -dD warns about suspicious statements.
        other -d* are accepted and mean nothing here.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<CommandLine, Wrong> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn as_service_files_have_it() {
        let line =
            read("-Ws -f /etc/haproxy/haproxy.cfg -f conf.d -p /run/haproxy.pid -S /run/haproxy-master.sock").unwrap();
        assert_eq!(line.sources, ["/etc/haproxy/haproxy.cfg", "conf.d"]);
        assert_eq!(line.master_socket.as_deref(), Some("/run/haproxy-master.sock"));
        assert!(line.master && line.notify && !line.daemon && !line.foreground);
        let line = read("-D -f a -x /run/s.sock -sf 12 13").unwrap();
        assert_eq!((line.old, line.ending, line.handover), (vec![12, 13], Ending::Finish, Some("/run/s.sock".into())));
    }

    #[test]
    fn flags_for_tests_and_scripts() {
        let line = read("-c -q -V -db -dM -dI -dW -dD -n 5 -N x -m 100 -L me -C /etc -- a b").unwrap();
        assert_eq!((line.task, line.maxconn, line.proxy_maxconn, line.memory), (Task::Check, Some(5), None, Some(100)));
        assert!(line.quiet && line.verbose && line.foreground && line.zero_warning && line.diagnose);
        assert_eq!(line.sources, ["a", "b"]);
        assert_eq!(read("-cc true").unwrap().task, Task::Condition("true".to_owned()));
        assert_eq!(read("-v").unwrap().task, Task::Version);
    }

    #[test]
    fn what_means_nothing() {
        for line in ["", "-c", "-zz", "-f", "-cc", "-c file", "-h"] {
            assert_eq!(read(line), Err(Wrong::Usage), "{line}");
        }
        let alert = |text: &str| Err(Wrong::Alert(text.to_owned()));
        assert_eq!(read("-sf abc -f x"), alert("-sf option: some bytes unconsumed in PID list {abc}"));
        assert_eq!(read("-x"), alert("Unix socket path expected with the -x flag\n"));
        assert!(read("-f a -st").unwrap().old.is_empty());
    }
}
