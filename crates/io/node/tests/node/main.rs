//! A whole node with real containers and an API server in this process, in namespaces of its own.
//! Needs root and the packages busybox-static, nftables and iproute2.

mod archive;
#[path = "../common/authority.rs"]
mod authority;
mod more_pods;
mod pods;
mod port;
mod survival;
mod volumes;
mod world;

use std::process::ExitCode;

type Test = (&'static str, fn());

macro_rules! tests {
    ($($module:ident :: $name:ident),* $(,)?) => {
        const TESTS: &[Test] = &[$((concat!(stringify!($module), "::", stringify!($name)), $module::$name)),*];
    };
}

tests!(
    pods::comes_and_goes_quickly,
    pods::many_at_once,
    pods::crashes_and_completes,
    pods::init_containers_and_sidecars,
    pods::probes_and_hooks,
    pods::environment_and_security,
    pods::logs_and_exec,
    pods::missing_image_and_config,
    port::serves_what_runs,
    more_pods::resize_in_place,
    more_pods::readiness_while_ending,
    more_pods::hooks_end_with_their_container,
    more_pods::attached_clients_leave,
    more_pods::refused_and_evicted,
    more_pods::what_a_container_finds,
    volumes::of_objects_follow_changes,
    volumes::of_the_node,
    volumes::flex_drivers,
    survival::agent_restarts,
);

fn main() -> ExitCode {
    runtime::maybe_run_helper();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|a| a == "--list") {
        if !arguments.iter().any(|a| a == "--ignored") {
            TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
        }
        return ExitCode::SUCCESS;
    }
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let mut failed = 0;
    for (name, test) in TESTS {
        if !wanted.is_empty() && !wanted.iter().any(|w| name.contains(w.as_str())) {
            continue;
        }
        let started = std::time::Instant::now();
        let outcome = std::thread::spawn(test).join();
        println!("{} {name} ({} ms)", if outcome.is_ok() { "ok  " } else { "FAIL" }, started.elapsed().as_millis());
        failed += u32::from(outcome.is_err());
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
