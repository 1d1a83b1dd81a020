//! The statistics page in a real browser: it renders, shows the states, and its form acts; and the other forms of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use testbed::balance::stand::Stand;
use testbed::run::run;

const CONFIG: &str = "
global
    stats socket {socket} level admin
    node lab
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
frontend front
    bind {front}
    stats uri /stats
    stats admin if TRUE
    stats refresh 5s
    stats show-node
    stats show-legends
    stats show-desc \"a <b> of & things\"
    http-request use-service prometheus-exporter if { path /metrics }
    default_backend one
backend one
    cookie SRV insert
    option httpchk GET /
    server alfa {a} check inter 500ms cookie a weight 100 maxconn 10
    server bravo {b} check inter 500ms cookie b
    server gone {nobody} check inter 500ms backup
    server off {c} disabled
backend two
    mode tcp
    server charlie {c}
";

const STATUS: usize = 17;

#[test]
fn in_a_browser() {
    let stand = stand("page");
    let address = format!("http://{}/stats", stand.front);
    let text = dom(&stand, &address);
    for part in [
        "Barque <span class=\"on\">on</span> lab",
        "a &lt;b&gt; of &amp; things",
        "<tr class=\"server up\" id=\"one/alfa\">",
        "<tr class=\"server down\" id=\"one/gone\">",
        "<tr class=\"server maint\" id=\"one/off\">",
        "L7OK 200",
        "Connection refused",
        "cookie a",
        "data-refresh=\"5\"",
    ] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    for (name, size, dark) in
        [("desktop", "1500,1300", false), ("dark", "1500,1300", true), ("phone", "500,1500", false)]
    {
        let picture = screenshot(&stand, &address, name, size, dark);
        // An empty page of this size has a few kilobytes.
        let length = std::fs::metadata(&picture).map_or(0, |file| file.len());
        assert!(length > 40_000, "{} has {length} bytes", picture.display());
    }
}

#[test]
fn its_script_ticks_all_servers_of_a_proxy() {
    let stand = stand("pagejs");
    // The page in a frame of a page of our own could not be reached into, so the script runs on the page's own text.
    let page = stand.get("/stats");
    let body = page.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let act = "<script>const all=document.querySelector('#one input[data-all]');all.checked=true;\
               all.dispatchEvent(new Event('change',{bubbles:true}));\
               document.title=document.querySelectorAll('#one input[name=s]:checked').length+' ticked, '+\
               document.querySelectorAll('#two input[name=s]:checked').length+' others'</script>";
    let file = stand.folder.path().join("page.html");
    std::fs::write(&file, body.replace("</body>", &format!("{act}</body>"))).expect("a page can be written");
    let text = dom(&stand, &format!("file://{}", file.display()));
    assert!(text.contains("<title>4 ticked, 0 others</title>"), "{text}");
}

#[test]
fn its_form_acts() {
    let stand = stand("pageform");
    let answer = stand.post("/stats;norefresh", "s=alfa&s=bravo&action=drain&b=one");
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    assert!(answer.contains("location: /stats;st=DONE;norefresh\r\n"), "{answer}");
    stand.wait_for_column("one/alfa", STATUS, "DRAIN");
    stand.wait_for_column("one/bravo", STATUS, "DRAIN");
    let done = dom(&stand, &format!("http://{}/stats;st=DONE", stand.front));
    assert!(done.contains("<tr class=\"server drain\" id=\"one/alfa\">") && done.contains("Done."), "{done}");
    assert!(stand.post("/stats", "s=alfa&action=ready&b=one").contains("st=DONE"));
    stand.wait_for_column("one/alfa", STATUS, "UP");
    assert!(stand.post("/stats", "s=nobody&action=ready&b=one").contains("st=ERRP"));
}

#[test]
fn its_other_forms() {
    let stand = stand("pagecsv");
    let csv = stand.get("/stats;csv");
    assert!(csv.contains("content-type: text/plain"), "{csv}");
    assert!(csv.contains("# pxname,svname,qcur,") && csv.contains("\none,alfa,0,0,"), "{csv}");
    assert!(stand.get("/stats;json").contains("[[{\"objType\":\"Frontend\",\"proxyId\":2,"));
    let metrics = stand.get("/metrics?scope=server");
    assert!(metrics.contains("haproxy_server_status{proxy=\"one\",server=\"alfa\",state=\"UP\"} 1\n"), "{metrics}");
    assert!(stand.get("/metrics?scope=nothing").starts_with("HTTP/1.1 400"));
}

/// With checks that have told of every server.
fn stand(name: &str) -> Stand {
    let stand = Stand::start(name, CONFIG);
    stand.wait_for_column("one/alfa", 36, "L7OK");
    stand.wait_for_column("one/bravo", 36, "L7OK");
    stand.wait_for_column("one/gone", STATUS, "DOWN");
    for _ in 0..9 {
        assert!(stand.get("/").contains("200 OK"));
    }
    stand
}

fn chromium(folder: &Path) -> Command {
    let mut command = Command::new("chromium");
    let profile = format!("--user-data-dir={}", folder.join("chromium").display());
    command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", &profile]);
    command.env("HOME", folder);
    command
}

/// What the browser made of a page.
fn dom(stand: &Stand, address: &str) -> String {
    run(chromium(stand.folder.path()).args(["--virtual-time-budget=1000", "--dump-dom", address])).expect_ok()
}

/// Pictures are kept to be looked at: `target/testbed/page`.
fn screenshot(stand: &Stand, address: &str, name: &str, size: &str, dark: bool) -> PathBuf {
    let folder = testbed::cache().join("page");
    std::fs::create_dir_all(&folder).expect("a folder for pictures");
    let picture = folder.join(format!("{name}.png"));
    let mut command = chromium(stand.folder.path());
    if dark {
        command.args(["--force-dark-mode", "--blink-settings=preferredColorScheme=0"]);
    }
    command.arg(format!("--window-size={size}")).arg(format!("--screenshot={}", picture.display())).arg(address);
    run(&mut command).expect_ok();
    picture
}
