//! The same sessions directly and through the proxy, on his rules: equal results, and each statement on the right server.

mod sql_split_parts {
    pub mod probes;
    pub mod stand;
}

use sql_split_parts::probes::{PROBES, Probe};
use sql_split_parts::stand::Stand;
use testbed::mariadb::APP;
use testbed::{SqlProxy, example_text};

/// Names the server within a result.
const NODE: &str = "CONCAT('node', @@server_id)";

#[test]
fn through_the_proxy_as_directly() {
    let stand = Stand::new("split");
    let proxy = SqlProxy::start(stand.folder.path(), &stand.primary, &stand.replica);
    let wrong: Vec<String> = PROBES.iter().filter_map(|probe| difference(&stand, proxy.port, probe)).collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}\n{}", wrong.len(), PROBES.len(), wrong.join("\n"), proxy.log());
}

/// The servers' own general logs, where the results name no server.
#[test]
fn general_logs_have_reads_alone_on_the_replica() {
    /// None of them is in a statement of the replica.
    const WRITES: [&str; 14] = [
        "INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER", "LOCK", "NEXTVAL", "SETVAL", "CALL",
        "LOAD", "BEGIN", "WRITTEN",
    ];
    /// What the master has to have been told, and how often at least.
    const TOLD: [(&str, usize); 6] =
        [("INSERT", 12), ("FOR UPDATE", 4), ("SHARE MODE", 2), ("NEXTVAL", 1), ("GET_LOCK", 3), ("CALL", 1)];
    let stand = Stand::new("split-logs");
    stand.primary.set_general_log(true);
    stand.replica.set_general_log(true);
    let proxy = SqlProxy::start(stand.folder.path(), &stand.primary, &stand.replica);
    for probe in PROBES {
        stand.play(proxy.port, &steps(&stand, probe));
    }
    let upper = |texts: Vec<String>| texts.iter().map(|text| text.to_ascii_uppercase()).collect::<Vec<_>>();
    let (written, read) = (upper(stand.primary.statements_of(APP.0)), upper(stand.replica.statements_of(APP.0)));
    let is_word =
        |text: &str, word: &str| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|part| part == word);
    let wrong: Vec<_> = read.iter().filter(|text| WRITES.iter().any(|word| is_word(text, word))).collect();
    assert!(wrong.is_empty(), "the replica was asked to {wrong:#?}");
    let reads = read.iter().filter(|text| text.contains("SELECT") && !text.contains("MASTER_GTID_WAIT")).count();
    assert!(reads >= 60, "only {reads} reads on the replica");
    for (words, least) in TOLD {
        let times = written.iter().filter(|text| text.contains(words)).count();
        assert!(times >= least, "{words} came to the master {times} times");
    }
}

/// What is compared has to be the same each time where there is no proxy.
#[test]
fn directly_as_directly() {
    let stand = Stand::new("split-direct");
    for probe in PROBES {
        let steps = steps(&stand, probe);
        let said = || stand.play(stand.primary.port(), &steps);
        let (first, second) = (said(), said());
        assert_eq!(first, second, "{}", probe.0);
        println!("{}: {first:?}", probe.0);
        let nodes = nodes(&first);
        assert_eq!(nodes, "m".repeat(probe.1.len()), "{}: {first:?}", probe.0);
    }
}

#[test]
fn of_his_file_addresses_and_folders_alone_are_changed() {
    let stand = Stand::new("split-file");
    let proxy = SqlProxy::prepare(stand.folder.path(), &stand.primary, &stand.replica, |config| config);
    let ours = std::fs::read_to_string(proxy.config_file()).unwrap();
    let his = example_text("seed/proxysql.cnf");
    assert_eq!(his.lines().count(), ours.lines().count());
    let changed = his.lines().zip(ours.lines()).filter(|(his, ours)| his != ours);
    let names: Vec<&str> = changed.filter_map(|(his, _)| his.trim().split(['=', ',']).next()).collect();
    let address = |text: &str| text.starts_with("{ address");
    assert_eq!(names.iter().filter(|name| address(name)).count(), 2);
    let others: Vec<_> = names.into_iter().filter(|name| !address(name)).collect();
    assert_eq!(others, ["datadir", "mysql_ifaces", "interfaces"]);
}

/// What a person has to look at, if anything.
fn difference(stand: &Stand, port: u16, probe: &Probe) -> Option<String> {
    let (name, wanted, _) = probe;
    let steps = steps(stand, probe);
    let (direct, proxied) = (stand.play(stand.primary.port(), &steps), stand.play(port, &steps));
    let found = nodes(&proxied);
    let right = wanted.len() == found.len() && wanted.chars().zip(found.chars()).all(|(w, f)| w == '*' || w == f);
    let same = without_nodes(&direct) == without_nodes(&proxied);
    if right && same {
        return None;
    }
    let lines = steps.iter().zip(direct.iter().zip(&proxied));
    let lines = lines.map(|(step, (direct, proxied))| format!("    {step:?}: direct {direct}, proxied {proxied}\n"));
    Some(format!("{name}: servers {found:?}, wanted {wanted:?}\n{}", lines.collect::<String>()))
}

fn steps(stand: &Stand, (_, _, steps): &Probe) -> Vec<String> {
    let folder = stand.folder.path().display().to_string();
    steps.iter().map(|step| step.replace("NODE", NODE).replace("$D", &folder)).collect()
}

/// `m` and `r`, in the order of the results.
fn nodes(said: &[String]) -> String {
    let text = said.join("\n");
    let letter = |(at, _): (usize, &str)| if text[at + 4..].starts_with('1') { 'm' } else { 'r' };
    text.match_indices("node").map(letter).collect()
}

fn without_nodes(said: &[String]) -> Vec<String> {
    said.iter().map(|line| line.replace("node1", "node").replace("node2", "node")).collect()
}
