//! From nothing to five nodes: his kubeadm file, the printed lines, and what he looks at then.

use std::time::{Duration, Instant};
use testbed::{Folder, Machine, Switch, example, wait_for};

/// The line for `role` that `init` printed: with `--control-plane` for masters, without for workers.
fn join_line(printed: &str, master: bool) -> Vec<String> {
    let whole = printed.replace("\\\n", " ");
    let lines = whole.lines().map(str::trim).filter(|line| line.starts_with("barque join"));
    let line =
        lines.filter(|line| line.contains("--control-plane") == master).next_back().expect("init prints both lines");
    line.split_whitespace().skip(1).map(str::to_owned).collect()
}

fn join(machine: &Machine, line: &[String]) {
    let arguments: Vec<&str> = line.iter().map(String::as_str).collect();
    let joined = machine.barque(&arguments);
    assert!(joined.ok, "{}: {joined}\n{}", machine.name, machine.log());
}

#[test]
fn five_nodes_by_his_file_and_the_printed_lines() {
    let folder = Folder::new("five");
    let switch = Switch::new("five");
    let machines: Vec<Machine> = ["m1", "m2", "m3", "w1", "w2"]
        .iter()
        .zip(1..)
        .map(|(name, n)| Machine::new(&switch, folder.path(), name, n))
        .collect();
    let begin = Instant::now();
    let file = example("seed/kubeadm-config.yaml");
    let made = machines[0].barque(&["init", "--config", file.to_str().expect("a path in UTF-8")]);
    assert!(made.ok, "{made}\n{}", machines[0].log());
    println!("init: {:.1} s\n{}", begin.elapsed().as_secs_f64(), made.stdout);
    for (machine, master) in machines[1..].iter().zip([true, true, false, false]) {
        join(machine, &join_line(&made.stdout, master));
        println!("{} joined: {:.1} s", machine.name, begin.elapsed().as_secs_f64());
    }
    wait_for("five Ready nodes", Duration::from_secs(60), || {
        let nodes = machines[0].kubectl(&["get", "nodes", "--no-headers"]);
        let ready = nodes.stdout.lines().filter(|line| line.contains(" Ready ")).count();
        if ready == 5 { Ok(()) } else { Err(nodes.to_string()) }
    });
    println!("five Ready: {:.1} s", begin.elapsed().as_secs_f64());
    println!("{}", machines[1].kubectl(&["get", "nodes", "-o", "wide"]));
    println!("{}", machines[1].kubectl(&["get", "pods", "-A", "-o", "wide"]));
}
