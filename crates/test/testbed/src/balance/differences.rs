//! Where Barque differs from HAProxy on purpose: one table, for the tests and for the documentation.

use crate::balance::Scenario;
use std::fmt::Write;

pub struct Difference {
    /// What a script calls it in `differs(...)`.
    pub name: &'static str,
    pub haproxy: &'static str,
    pub barque: &'static str,
    pub why: &'static str,
    /// Whether a script shows it; what none can show is said all the same.
    pub shown: bool,
}

pub const DIFFERENCES: &[Difference] = &[
    Difference {
        name: "version",
        haproxy: "`show version` and `show info` tell HAProxy's version and date.",
        barque: "They tell Barque's.",
        why: "Who reads them wants to know which program runs.",
        shown: true,
    },
    Difference {
        name: "reload",
        haproxy: "SIGUSR2 to the master starts a new process; the old one goes on until its last connection ends; counters, \
                  states of servers and idle connections begin anew.",
        barque: "SIGHUP and SIGUSR2 apply the difference between the files to the running process. A file with an error \
                 changes nothing.",
        why: "Nothing is lost by a change that does not concern it: no check starts from nothing, no counter from zero.",
        shown: false,
    },
];

/// The table and the scenarios as the page of the documentation.
pub fn page(scenarios: &[Scenario]) -> String {
    let mut page = String::from(HEAD);
    for difference in DIFFERENCES {
        let Difference { name, haproxy, barque, why, .. } = difference;
        let shown = showing(scenarios, name).join(", ");
        let shown = if shown.is_empty() { "no script".to_owned() } else { shown };
        writeln!(page, "| {name} | {haproxy} | {barque} | {why} | {shown} |").expect("strings take all");
    }
    writeln!(page, "\n## The scripts\n\n{} scripts, in which nothing else differs:\n", scenarios.len())
        .expect("strings take all");
    for scenario in scenarios {
        writeln!(page, "- `{}`: {}", scenario.name, scenario.about).expect("strings take all");
    }
    page
}

const HEAD: &str = "# Differences to HAProxy

Barque reads HAProxy's configuration and behaves as HAProxy 2.6 does. The test `balance_same` plays the scripts listed
below with both programs at the same time and compares what can be observed: answers, the servers that gave them, log
lines, the statistics socket's answers, the columns of `show stat`, exit codes and what is said of wrong files. Where
they differ on purpose, it stands in this table, or the test fails; and it fails when a difference is no more.

This page is made from the table in `crates/test/testbed/src/balance/differences.rs`. What each keyword of the
configuration does stands in `haproxy-keywords.md`.

| name | HAProxy | Barque | why | shown in |
|---|---|---|---|---|
";

/// The scripts that have a step marked with this name.
fn showing(scenarios: &[Scenario], name: &str) -> Vec<String> {
    let marked = |scenario: &&Scenario| scenario.steps.iter().any(|step| step.differs.as_deref() == Some(name));
    scenarios.iter().filter(marked).map(|scenario| format!("`{}`", scenario.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::scenario;

    #[test]
    fn the_page_is_in_step() {
        let page = page(&scenario::all());
        expect_test::expect_file!["../../../../../docs/haproxy-differences.md"].assert_eq(&page);
    }

    #[test]
    fn names_are_known_and_used() {
        let scenarios = scenario::all();
        for difference in DIFFERENCES {
            let used = !showing(&scenarios, difference.name).is_empty();
            assert_eq!(used, difference.shown, "{}: whether a script shows it", difference.name);
        }
        for step in scenarios.iter().flat_map(|scenario| &scenario.steps) {
            if let Some(name) = &step.differs {
                assert!(DIFFERENCES.iter().any(|difference| difference.name == *name), "{name} is not in the table");
            }
        }
    }
}
