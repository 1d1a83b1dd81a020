//! Reports about the inside: what of HAProxy's there is here, in its form.

use super::View;
use balance::cli::{Report, ResolverFacts};
use balance::config::model::Config;
use std::fmt::Write as _;

/// Bytes of a page of memory in `/proc/self/statm`.
const PAGE: u64 = 4096;

pub fn report(view: &View, report: &Report) -> String {
    match report {
        Report::Activity => activity(view),
        Report::Threads => threads(view),
        Report::Pools => pools(),
        Report::Tasks => tasks(view),
        Report::Libraries => libraries(),
        Report::StartupLogs => view.engine.desk.startup(),
        Report::Descriptors(wanted) => descriptors(*wanted),
    }
}

/// Bytes of memory this process has in the machine.
pub fn memory() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE
}

fn activity(view: &View) -> String {
    let (totals, engine) = (&view.engine.totals, &view.engine);
    let mut out = String::new();
    let lines = [
        ("thread_id", format!("1 (1..{})", engine.worker_count())),
        ("accepted", totals.connections_total.get().to_string()),
        ("streams", totals.requests_total.get().max(totals.connections_total.get()).to_string()),
        ("sessions", totals.sessions.get().to_string()),
        ("idle_pct", engine.desk.idle_percent(engine.worker_count()).to_string()),
        ("log_dropped", engine.logs.dropped().to_string()),
    ];
    for (name, value) in lines {
        _ = writeln!(out, "{name}: {value}");
    }
    out
}

/// Threads by name, with the time each has worked: `/proc/self/task`.
fn threads(_view: &View) -> String {
    let mut out = String::new();
    let mut tasks: Vec<_> = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten().collect();
    tasks.sort_by_key(std::fs::DirEntry::file_name);
    for (at, task) in tasks.iter().enumerate() {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let name = read("comm");
        let schedstat = read("schedstat");
        let nanos = schedstat.split(' ').next().unwrap_or_default();
        let id = task.file_name();
        _ = writeln!(
            out,
            "  Thread {:<3}: id={} name={} cpu_ns={nanos}",
            at + 1,
            id.to_string_lossy(),
            name.trim_end()
        );
    }
    out
}

/// There are no pools: the allocator's memory as a whole.
fn pools() -> String {
    let bytes = memory();
    format!(
        "Dumping pools usage. Use SIGQUIT to flush them.\n\
         Total: 0 pools, {bytes} bytes allocated, {bytes} used (~0 by thread caches).\n"
    )
}

fn tasks(view: &View) -> String {
    let sessions = view.engine.totals.sessions.get();
    format!(
        "Running tasks: 0 ({} threads)\n  function                     places     %    lat_tot   lat_avg\n  \
         session                  {sessions:>10} 100.0\n",
        view.engine.worker_count()
    )
}

/// What is mapped from files, with its addresses: `/proc/self/maps`.
fn libraries() -> String {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mut found: Vec<(u64, u64, String)> = Vec::new();
    for line in maps.lines() {
        let Some(at) = line.find('/') else { continue };
        let (path, range) = (&line[at..], line.split(' ').next().unwrap_or_default());
        let Some((start, end)) = range.split_once('-') else { continue };
        let number = |text| u64::from_str_radix(text, 16).unwrap_or(0);
        match found.iter_mut().find(|(.., known)| known == path) {
            Some(known) => (known.0, known.1) = (known.0.min(number(start)), known.1.max(number(end))),
            None => found.push((number(start), number(end), path.to_owned())),
        }
    }
    let line =
        |(start, end, path): (u64, u64, String)| format!("{start:#018x}-{end:#018x} ({:#09x}) {path}\n", end - start);
    found.into_iter().map(line).collect()
}

/// Open descriptors and what they are: `/proc/self/fd`.
fn descriptors(wanted: Option<i64>) -> String {
    let mut found: Vec<(i64, String)> = std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let number = entry.file_name().to_string_lossy().parse().ok()?;
            let target = std::fs::read_link(entry.path()).ok()?;
            Some((number, target.to_string_lossy().into_owned()))
        })
        .filter(|(number, _)| wanted.is_none_or(|wanted| wanted == *number))
        .collect();
    found.sort();
    found.into_iter().map(|(number, target)| format!("{number:>7} : {target}\n")).collect()
}

/// Name servers of the configuration. They are asked through the system, which counts nothing for us.
pub fn resolvers(config: &Config) -> Vec<ResolverFacts> {
    let facts = |section: &str, name: &str| ResolverFacts {
        section: section.to_owned(),
        name: name.to_owned(),
        ..ResolverFacts::default()
    };
    let sections = config.resolvers.iter();
    sections.flat_map(|section| section.nameservers.iter().map(|server| facts(&section.name, &server.name))).collect()
}
