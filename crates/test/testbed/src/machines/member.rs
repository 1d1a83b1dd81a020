//! Machines as members of a cluster.

use super::Machine;

/// The arguments of the line that `init` or `token create` printed: for a master (`--control-plane`) or a worker.
pub fn join_line(printed: &str, master: bool) -> Vec<String> {
    let whole = printed.replace("\\\n", " ");
    let mut lines = whole.lines().map(str::trim).filter(|line| line.starts_with("barque join"));
    let line = lines.rfind(|line| line.contains("--control-plane") == master);
    let line = line.unwrap_or_else(|| panic!("no such line was printed: {printed}"));
    line.split_whitespace().skip(1).map(str::to_owned).collect()
}

/// Says what is missing while not exactly so many nodes are Ready.
///
/// # Errors
/// The nodes as kubectl shows them.
pub fn ready_nodes(master: &Machine, wanted: usize) -> Result<(), String> {
    let nodes = master.kubectl(&["get", "nodes", "--no-headers"]);
    let ready = nodes.stdout.lines().filter(|line| line.contains(" Ready ")).count();
    if ready == wanted { Ok(()) } else { Err(nodes.to_string()) }
}

impl Machine {
    /// Joins by a line of [`join_line`]; fails the test, with the server's log, where that fails.
    #[track_caller]
    pub fn join(&self, line: &[String]) {
        let arguments: Vec<&str> = line.iter().map(String::as_str).collect();
        let joined = self.barque(&arguments);
        assert!(joined.ok, "{}: {joined}\n{}", self.name, self.log());
    }

    /// `barque reset`, which must succeed; what it said.
    #[track_caller]
    pub fn reset(&self) -> String {
        let reset = self.barque(&["reset", "--yes"]);
        assert!(reset.ok, "{}: {reset}\n{}", self.name, self.log());
        reset.stderr
    }
}
