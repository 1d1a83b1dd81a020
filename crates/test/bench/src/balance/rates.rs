//! What can be had a second, and how late answers come: each program in turn, in short turns, in many rounds.
//!
//! A machine that is shared changes its speed by a quarter within seconds. So the programs run side by side, each is
//! loaded for one second after the other, and a ratio is the median of the rounds' own ratios, not a ratio of medians.

use super::proxies::{Kind, Program, Proxy, Threads};
use super::{Part, TIME, client, wrk};
use crate::report::{Figure, Report, percentile};
use std::net::SocketAddr;

/// What one load found: its figures by name.
type Sample = Vec<(&'static str, f64)>;

/// A load, with the figure of it that has a goal.
struct Load {
    ratio: &'static str,
    name: &'static str,
    kind: Kind,
    programs: &'static [Program],
    run: fn(&Proxy, SocketAddr, Threads) -> Sample,
}

const ALL: [Program; 4] = [Program::Direct, Program::HaProxy, Program::HaProxySplice, Program::Barque];
/// Splicing is for bulk only.
const USUAL: &[Program] = &[Program::Direct, Program::HaProxy, Program::Barque];

const LOADS: [Load; 5] = [
    Load {
        ratio: "balance_tcp_rps_ratio",
        name: "tcp_rps",
        kind: Kind::Tcp,
        programs: USUAL,
        run: |proxy, target, threads| requests(proxy, target, threads, ["tcp_rps", "tcp_us"]),
    },
    Load {
        ratio: "balance_tcp_cps_ratio",
        name: "tcp_cps",
        kind: Kind::Tcp,
        programs: USUAL,
        run: |_, target, threads| vec![("tcp_cps", client(&["connections", &target.to_string()], threads)[0])],
    },
    Load {
        ratio: "balance_p99_added_ratio",
        name: "p99",
        kind: Kind::Tcp,
        programs: USUAL,
        run: |_, target, threads| {
            let latency = client(&["latency", &target.to_string()], threads);
            vec![("p50", latency[0]), ("p99", latency[1])]
        },
    },
    Load {
        ratio: "balance_http_rps_ratio",
        name: "http_rps",
        kind: Kind::Http,
        programs: USUAL,
        run: |proxy, target, threads| requests(proxy, target, threads, ["http_rps", "http_us"]),
    },
    Load {
        ratio: "balance_bulk_ratio balance_bulk_splice_ratio",
        name: "bulk",
        kind: Kind::Bulk,
        programs: &ALL,
        run: |_, target, threads| vec![("bulk", client(&["sink", &target.to_string(), "4"], threads)[0])],
    },
];

/// One round: what each program gave.
type Round = Vec<(Program, Sample)>;

/// Runs the loads that are wanted, `rounds` times.
pub fn run(threads: Threads, suffix: &str, only: &str, rounds: usize, report: &mut Report) {
    let _servers = [Part::requests(threads), Part::bulk(threads)];
    let proxies = ALL.map(|program| Proxy::start(program, threads));
    for load in LOADS.iter().filter(|load| load.ratio.contains(only)) {
        let mut proxies: Vec<_> = proxies.iter().filter(|proxy| load.programs.contains(&proxy.program)).collect();
        let mut found = Vec::new();
        for _ in 0..rounds {
            let sample = |proxy: &&Proxy| (proxy.program, (load.run)(proxy, proxy.address(load.kind), threads));
            found.push(proxies.iter().map(sample).collect());
            proxies.rotate_left(1);
        }
        tell(load, &found, suffix, report);
    }
}

fn requests(proxy: &Proxy, target: SocketAddr, threads: Threads, [rate, cost]: [&'static str; 2]) -> Sample {
    let (count, cpu) = proxy.with_cpu(|| wrk(target, threads));
    match proxy.program {
        Program::Direct => vec![(rate, count)],
        _ => vec![(rate, count), (cost, cpu / (count * TIME.as_secs_f64()))],
    }
}

fn tell(load: &Load, rounds: &[Round], suffix: &str, report: &mut Report) {
    let first = rounds.first().map(|round| round.as_slice()).unwrap_or_default();
    for (program, sample) in first {
        for (name, _) in sample {
            let full = format!("balance_{}_{name}{suffix}", program.name());
            report.add(Figure::new(&full, median(values(rounds, *program, name)), unit(name)));
        }
    }
    let ratio = |name, than| {
        let (ours, theirs) = (values(rounds, Program::Barque, name), values(rounds, than, name));
        median(ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect())
    };
    let mut add = |name: &str, value| report.add(Figure::new(&format!("balance_{name}_ratio{suffix}"), value, "ratio"));
    match load.name {
        // What a round adds may be nothing: then there is no ratio of a round.
        "p99" => {
            let of = |program| median(values(rounds, program, "p99"));
            let direct = of(Program::Direct);
            add("p99_added", (of(Program::Barque) - direct) / (of(Program::HaProxy) - direct));
        }
        "bulk" => {
            add("bulk", ratio("bulk", Program::HaProxy));
            add("bulk_splice", ratio("bulk", Program::HaProxySplice));
        }
        name => add(name, ratio(name, Program::HaProxy)),
    }
    for cost in ["tcp_us", "http_us"] {
        if !values(rounds, Program::Barque, cost).is_empty() {
            add(cost, ratio(cost, Program::HaProxy));
        }
    }
}

/// A figure of a program, a round after the other; none where it has none of that name.
fn values(rounds: &[Round], program: Program, name: &str) -> Vec<f64> {
    let samples = rounds.iter().flatten().filter(|(of, _)| *of == program);
    samples.flat_map(|(_, sample)| sample).filter(|(of, _)| *of == name).map(|(_, value)| *value).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    percentile(&mut values, 50.0)
}

fn unit(name: &str) -> &'static str {
    let units = [("rps", "req/s"), ("cps", "conn/s"), ("bulk", "GB/s"), ("_us", "us"), ("p", "us")];
    units.iter().find(|(part, _)| name.contains(part)).map_or("", |(_, unit)| *unit)
}
