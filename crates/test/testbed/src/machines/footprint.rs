//! Everything on a machine that a server could leave behind, as one text: equal texts, nothing left.

use super::Machine;

impl Machine {
    /// Interfaces, routes, rules, mounts, processes, control groups and files; without numbers that the kernel counts up.
    pub fn footprint(&self) -> String {
        let commands: [&[&str]; 8] = [
            &["ip", "-d", "-o", "link"],
            &["ip", "-o", "address"],
            &["ip", "route", "show", "table", "all"],
            &["ip", "-6", "route", "show", "table", "all"],
            &["ip", "rule"],
            &["nft", "list", "ruleset"],
            &["cat", "/proc/self/mounts"],
            &["find", "/etc/barque", "/etc/systemd/system", "/var/lib/barque", "/var/lib/etcd", "/var/log", "/run"],
        ];
        let mut text = String::new();
        for command in commands {
            let shown = self.run(command[0], &command[1..]).stdout;
            // Other tests' machines come and go.
            let own = shown.lines().filter(|line| !line.starts_with("nsfs /run/netns/barque-"));
            let mut lines: Vec<String> = own.map(without_index).collect();
            lines.sort();
            text += &format!("# {}\n{}\n", command.join(" "), lines.join("\n"));
        }
        text + &format!("# processes\n{}\n# control groups\n{}\n", self.process_list(), self.cgroups())
    }

    fn process_list(&self) -> String {
        let shown = self.run("ps", &["-e", "-o", "args="]).stdout;
        let mut lines: Vec<&str> = shown.lines().filter(|line| !line.starts_with("ps ")).collect();
        lines.sort_unstable();
        lines.join("\n")
    }

    /// Those of its instance: they are one tree for all machines.
    fn cgroups(&self) -> String {
        let config = std::fs::read_to_string(self.folder.join("etc-up/barque/config.yaml")).unwrap_or_default();
        let instance = config.lines().find_map(|line| line.strip_prefix("instance: ")).unwrap_or("barque").to_owned();
        self.run("find", &["/sys/fs/cgroup", "-type", "d", "-name", &instance]).stdout
    }
}

/// `7: eth0@if12: ...` without the numbers.
fn without_index(line: &str) -> String {
    let line = match line.split_once(": ") {
        Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => line,
    };
    let words = line.split(' ').map(|word| match word.split_once("@if") {
        Some((name, _)) => format!("{name}@"),
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ").trim_end().to_owned()
}
