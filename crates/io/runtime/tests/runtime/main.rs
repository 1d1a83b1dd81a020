//! Tests with real containers. This binary is the agent, the shim that the agent starts, and an agent to be killed.
//! Needs root, busybox-static and docker-registry (Debian packages).

mod archive;
mod containers;
mod images;
mod place;
mod registry;
mod survival;

use std::process::ExitCode;

type Test = (&'static str, fn());

macro_rules! tests {
    ($($module:ident :: $name:ident),* $(,)?) => {
        const TESTS: &[Test] = &[$((concat!(stringify!($module), "::", stringify!($name)), $module::$name)),*];
    };
}

tests!(
    containers::runs_and_tells_its_exit,
    containers::stops_with_grace_and_kills,
    containers::commands_that_cannot_run,
    containers::exec_and_attach,
    containers::terminals,
    containers::identity_and_isolation,
    containers::mounts_and_shared_namespaces,
    containers::limits_and_stats,
    containers::logs_follow_and_tail,
    containers::many_at_once,
    containers::timings_and_memory,
    images::imports_and_removes,
    images::refuses_hostile_layers,
    images::pulls_from_a_registry,
    images::pulls_with_password_tls_and_mirror,
    survival::agent_killed_and_restarted,
    survival::shim_killed,
    survival::full_disk_loses_no_line,
    survival::machine_goes_down,
    survival::purge_leaves_nothing,
);

fn main() -> ExitCode {
    runtime::maybe_run_helper();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|a| a == "agent") {
        return survival::agent(&arguments[1..]);
    }
    if arguments.iter().any(|a| a == "--list") {
        if !arguments.iter().any(|a| a == "--ignored") {
            TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
        }
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let mut failed = 0;
    for (name, test) in TESTS {
        if !wanted.is_empty() && !wanted.iter().any(|w| name.contains(w.as_str())) {
            continue;
        }
        let started = std::time::Instant::now();
        let outcome = std::panic::catch_unwind(test);
        println!("{} {name} ({} ms)", if outcome.is_ok() { "ok  " } else { "FAIL" }, started.elapsed().as_millis());
        failed += outcome.is_err() as u32;
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
