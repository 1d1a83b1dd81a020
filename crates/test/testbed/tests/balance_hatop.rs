//! hatop, as Debian has it, on Barque's statistics socket: its screens show what is there, and its keys act.

use std::path::PathBuf;
use testbed::balance::stand::Stand;
use testbed::balance::terminal::Terminal;
use testbed::wait_for;

/// Two backends with servers of the same names: two of hatop's keys act on all of that name.
const CONFIG: &str = "
global
    stats socket {socket} mode 600 level admin
    stats timeout 2m
    node lab
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
frontend front
    bind {front}
    default_backend one
backend one
    server alfa {a} check inter 500ms weight 100
    server bravo {b} check inter 500ms weight 100
    server gone {nobody} check inter 500ms
backend two
    balance leastconn
    server alfa {a} check inter 500ms weight 50
    server bravo {b}
";

/// Columns of `show stat`.
const STATUS: usize = 17;
const WEIGHT: usize = 18;

/// Lines of the terminal.
const ROWS: usize = 40;

#[test]
fn screens_and_keys() {
    let stand = Stand::start("hatop", CONFIG);
    stand.wait_for_column("one/alfa", 36, "L4OK");
    stand.wait_for_column("one/gone", STATUS, "DOWN");
    for _ in 0..5 {
        assert!(stand.get("/").contains("200 OK"));
    }
    let command = format!("hatop -i 1 -s {}", stand.socket().display());
    let hatop = Terminal::start(stand.folder.path(), 130, ROWS, &command);
    screens(&hatop);
    keys(&stand, &hatop);
    paste_and_command_line(&stand, &hatop);
}

fn screens(hatop: &Terminal) {
    let status = hatop.wait_for_screen("the first screen", |screen| screen.contains(">>> two"));
    keep("status", &status);
    for part in ["Barque Version: 2.6.12-barque", "Node: lab (uptime 0d 0h00m", "L4OK", "DOWN", "L4CON", "FRONTEND"] {
        assert!(status.contains(part), "{part} is missing:\n{status}");
    }
    // A server without checks has no status to show.
    let bravo = status.lines().filter(|line| line.starts_with("bravo")).nth(1).unwrap_or_default();
    assert!(bravo.contains(" - "), "{bravo}");
    for (key, name, title) in [("2", "traffic", "LBTOT"), ("3", "http", "RTOT"), ("4", "errors", "ECONN")] {
        hatop.press(key);
        keep(name, &hatop.wait_for_screen(name, |screen| screen.contains(title) && screen.contains(">>> two")));
    }
    hatop.press("H");
    keep("help", &hatop.wait_for_screen("the help", |screen| screen.contains("Display mode reference")));
    hatop.press("1");
    hatop.wait_for_screen("the first screen again", |screen| screen.contains("SCUR"));
}

fn keys(stand: &Stand, hatop: &Terminal) {
    select(hatop, "one", "alfa");
    // Disabled and enabled on this backend alone.
    hatop.press("F10");
    stand.wait_for_column("one/alfa", STATUS, "MAINT");
    stand.wait_for_column("two/alfa", STATUS, "UP");
    keep("maint", &hatop.wait_for_screen("maintenance", |screen| line(screen, "one", "alfa").contains("MAINT")));
    hatop.press("F9");
    stand.wait_for_column("one/alfa", STATUS, "UP");
    // On every backend that has a server of this name.
    hatop.press("F2");
    stand.wait_for_column("one/alfa", STATUS, "MAINT");
    stand.wait_for_column("two/alfa", STATUS, "MAINT");
    hatop.press("F1");
    stand.wait_for_column("one/alfa", STATUS, "UP");
    stand.wait_for_column("two/alfa", STATUS, "UP");
    // hatop reckons from the weight it shows, so each change has to be on its screen before the next.
    for (key, weight) in [("F5", 90), ("F6", 89), ("F7", 90), ("F8", 100), ("F8", 110), ("F4", 100)] {
        hatop.press(key);
        stand.wait_for_column("one/alfa", WEIGHT, &weight.to_string());
        hatop.wait_for_screen(&format!("{weight} after {key}"), |screen| {
            line(screen, "one", "alfa").split_whitespace().nth(1) == Some(&weight.to_string())
        });
    }
}

fn paste_and_command_line(stand: &Stand, hatop: &Terminal) {
    select(hatop, "two", "bravo");
    hatop.press("Space");
    hatop.wait_for_screen("the name on the command line", |screen| screen.contains("> two/bravo"));
    hatop.press("Home");
    hatop.type_text("get weight ");
    hatop.press("Enter");
    let answered = hatop.wait_for_screen("an answer", |screen| screen.contains("1 (initial 1)"));
    keep("command_line", &answered);
    hatop.type_text("set server two/bravo state drain;show nothing");
    hatop.press("Enter");
    hatop.wait_for_screen("an unknown command", |screen| screen.contains("Unknown command, but maybe"));
    stand.wait_for_column("two/bravo", STATUS, "DRAIN");
}

/// Moves hatop's mark to a server.
fn select(hatop: &Terminal, backend: &str, server: &str) {
    hatop.press("Home");
    wait_for("the mark on the server", std::time::Duration::from_secs(20), || {
        let screen = hatop.screen();
        let wanted = line_number(&screen, backend, server).ok_or("it is not on the screen")?;
        // The titles above the list and the line of hints below it are in reverse, too.
        let list = line_number(&screen, "front", "FRONTEND").unwrap_or(0) - 1..ROWS - 1;
        match hatop.reversed_lines().into_iter().find(|line| list.contains(line)) {
            Some(marked) if marked == wanted => Ok(()),
            Some(marked) => {
                hatop.press(if marked < wanted { "Down" } else { "Up" });
                Err(format!("the mark is on line {marked} of\n{screen}"))
            }
            None => {
                hatop.press("Down");
                Err(format!("there is no mark:\n{screen}"))
            }
        }
    });
}

fn line_number(screen: &str, backend: &str, server: &str) -> Option<usize> {
    let title = format!(">>> {backend}");
    let start = screen.lines().position(|line| line.trim_end() == title)?;
    let rest = screen.lines().skip(start).position(|line| line.split(' ').next() == Some(server))?;
    Some(start + rest)
}

fn line<'s>(screen: &'s str, backend: &str, server: &str) -> &'s str {
    line_number(screen, backend, server).and_then(|number| screen.lines().nth(number)).unwrap_or_default()
}

/// Screens are kept to be looked at: `target/testbed/hatop`.
fn keep(name: &str, screen: &str) {
    let folder: PathBuf = testbed::cache().join("hatop");
    std::fs::create_dir_all(&folder).expect("a folder for screens");
    std::fs::write(folder.join(name), screen).expect("a screen can be kept");
}
