//! The processes of the machines, as this machine sees them.

use crate::process;
use std::collections::BTreeMap;
use testbed::Five;

/// What a process has used since it started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    /// Seconds of a processor.
    pub cpu: f64,
    pub bytes: f64,
}

pub struct Members {
    pub masters: Vec<u32>,
    pub workers: Vec<u32>,
    pub etcds: Vec<u32>,
}

impl Members {
    /// By the namespace of processes they are in, and what was started there.
    pub fn find(five: &Five) -> Self {
        let mut found = Self { masters: Vec::new(), workers: Vec::new(), etcds: Vec::new() };
        for machine in &five.machines {
            let lines: Vec<(u32, String)> =
                machine.pids().into_iter().map(|pid| (pid, process::command(pid))).collect();
            let of = |program: &str| {
                let is_it = |line: &str| line.split('\0').any(|part| part.rsplit('/').next() == Some(program));
                lines.iter().filter(|(_, line)| is_it(line)).map(|(pid, _)| *pid).collect::<Vec<_>>()
            };
            let servers = if machine.name.starts_with('m') { &mut found.masters } else { &mut found.workers };
            servers.extend(of("server"));
            found.etcds.extend(of("etcd"));
        }
        let counts = (found.masters.len(), found.workers.len(), found.etcds.len());
        assert_eq!(counts, (3, 2, 3), "servers of masters, of workers, and etcds");
        found
    }

    pub fn most(&self, of: &[u32], figure: fn(u32) -> f64) -> f64 {
        of.iter().map(|pid| figure(*pid)).fold(0.0, f64::max)
    }

    pub fn used(&self) -> BTreeMap<u32, Used> {
        let all = self.masters.iter().chain(&self.workers).chain(&self.etcds);
        all.map(|&pid| (pid, Used { cpu: process::cpu(pid).as_secs_f64(), bytes: process::written(pid) as f64 }))
            .collect()
    }

    pub fn most_since(
        &self,
        of: &[u32],
        before: &BTreeMap<u32, Used>,
        after: &BTreeMap<u32, Used>,
        figure: fn(&Used) -> f64,
    ) -> f64 {
        of.iter().map(|pid| figure(&after[pid]) - figure(&before[pid])).fold(0.0, f64::max)
    }
}
