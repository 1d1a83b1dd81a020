//! The SQL proxy's statistics: its page in a real browser, its metrics in a real Prometheus, who is let in at both, and the
//! tables and lines they come from.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use testbed::mariadb::{APP, free_port};
use testbed::run::{run, run_with_input};
use testbed::sql_proxy::ADMIN;
use testbed::{Folder, MariaDb, SqlClient, SqlProxy, wait_for};

const PATIENCE: Duration = Duration::from_secs(30);

/// User and password of `admin-stats_credentials`.
const STATS: &str = "looker:lookerpwd";

/// What a browser must not run.
const SCRIPT: &str = "SELECT 1 AS `<script>document.title=\"taken\"</script>`, n FROM numbers WHERE n < 3";

struct Stand {
    // Dropped in this order: the proxy first.
    proxy: SqlProxy,
    reader: MariaDb,
    writer: MariaDb,
    folder: Folder,
    page: u16,
    metrics: u16,
}

impl Stand {
    fn new(name: &str) -> Self {
        let folder = Folder::new(name);
        let writer = MariaDb::primary(folder.path());
        let reader = MariaDb::replica_of(&writer);
        writer.sql("CREATE TABLE test.numbers (n INT PRIMARY KEY); INSERT INTO test.numbers VALUES (1),(2),(3)");
        reader.wait_caught_up(&writer);
        let (page, metrics) = (free_port(), free_port());
        let doors = format!(
            "refresh_interval=2000\nstats_credentials=\"{STATS}\"\nweb_enabled=true\nweb_port={page}\n\
             restapi_enabled=true\nrestapi_port={metrics}"
        );
        let mut proxy = SqlProxy::prepare(folder.path(), &writer, &reader, |config| {
            config.replacen("refresh_interval=2000", &doors, 1)
        });
        proxy.serve();
        Self { proxy, reader, writer, folder, page, metrics }
    }

    fn client(&self) -> SqlClient {
        SqlClient::connect(self.proxy.port, APP, "test", true).expect("a session begins")
    }

    /// Some of each: reads, writes, errors, transactions, prepared statements.
    fn work(&self) {
        let mut client = self.client();
        for n in 10..40 {
            client.query(&format!("INSERT INTO numbers VALUES ({n})")).expect("an answer");
            client.query(&format!("SELECT n FROM numbers WHERE n={n}")).expect("an answer");
        }
        client.query(SCRIPT).expect("an answer");
        client.query("INSERT INTO numbers VALUES (1)").expect("an answer");
        client.query("SELECT n FROM numbers WHERE n=1 FOR UPDATE").expect("an answer");
    }

    /// Status and body, from curl with `arguments`.
    fn curl(&self, arguments: &[&str]) -> (String, String) {
        let mut command = Command::new("curl");
        command.args(["-sk", "--max-time", "20", "-w", "\n%{http_code}"]).args(arguments);
        let said = run(&mut command).expect_ok();
        let (body, status) = said.rsplit_once('\n').expect("curl writes the status last");
        (status.to_owned(), body.to_owned())
    }

    fn https(&self, port: u16, path: &str) -> String {
        format!("https://127.0.0.1:{port}{path}")
    }

    fn seen(&self, path: &str) -> String {
        let (status, body) = self.curl(&["-u", STATS, &self.https(self.page, path)]);
        assert_eq!(status, "200", "{body}");
        body
    }
}

#[test]
fn in_a_browser() {
    let stand = Stand::new("sqlpage");
    stand.work();
    let mut open = stand.client();
    open.query("BEGIN").expect("an answer");
    open.query("SELECT n FROM numbers WHERE n=2 FOR UPDATE").expect("an answer");
    let address = format!("https://{STATS}@127.0.0.1:{}/", stand.page);
    let text = dom(stand.folder.path(), &address);
    for part in [
        "Barque SQL <span class=\"on\">on</span>",
        "Hostgroup 10",
        "Hostgroup 20",
        "<span class=\"tag \">writer; readers are 20</span>",
        &format!("<b>127.0.0.1:{}</b>", stand.writer.port()),
        &format!("<b>127.0.0.1:{}</b>", stand.reader.port()),
        "<span class=\"pill\">online</span><small>read_only=1</small>",
        "SELECT n FROM numbers WHERE n=?",
        "&lt;script&gt;document.title",
        "^SELECT .* FOR UPDATE",
        "idle in a transaction",
        "Duplicate entry",
    ] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    assert!(
        text.contains("class=\"live\"") && !text.contains("<title>taken"),
        "its script runs, a statement's does not"
    );
    // It looks for new figures by itself.
    stand.client().query("SELECT n, 'later' FROM numbers WHERE n=1").expect("an answer");
    let refreshed = dom_after(stand.folder.path(), &address, 9_000);
    assert!(
        refreshed.contains("<main>") || refreshed.contains("<main class=\"\">"),
        "it could not refresh:\n{refreshed}"
    );
    stand.reader.stop_slave();
    wait_for("an alarm on the page", PATIENCE, || {
        let page = stand.seen("/part");
        if page.contains("role=\"alert\"><b>replication stopped</b>") { Ok(()) } else { Err(page) }
    });
    for (name, size, dark) in
        [("sql_desktop", "1600,2000", false), ("sql_dark", "1600,2000", true), ("sql_phone", "500,3200", false)]
    {
        let picture = screenshot(stand.folder.path(), &address, name, size, dark);
        // An empty page of this size has a few kilobytes.
        let length = std::fs::metadata(&picture).map_or(0, |file| file.len());
        assert!(length > 60_000, "{} has {length} bytes", picture.display());
    }
}

#[test]
fn its_script_sorts_statements() {
    let stand = Stand::new("sqlsort");
    stand.work();
    // The page in a frame of a page of our own could not be reached into, so the script runs on the page's own text.
    let act = "<script>const press=()=>document.querySelector('th[data-t=Count] button').click();\
               const counts=()=>[...document.querySelectorAll('.sortable td[data-t=Count]')].map(c=>+c.dataset.v);\
               press();const down=counts();press();const up=counts();\
               const sorted=(a,f)=>a.every((x,i)=>!i||f(a[i-1],x));\
               document.title=[sorted(down,(a,b)=>a>=b),sorted(up,(a,b)=>a<=b),down[0],\
               document.querySelector('th[data-t=Count]').ariaSort].join(' ')</script>";
    let file = stand.folder.path().join("page.html");
    std::fs::write(&file, stand.seen("/").replace("</body>", &format!("{act}</body>"))).expect("a page can be written");
    let text = dom(stand.folder.path(), &format!("file://{}", file.display()));
    assert!(text.contains("<title>true true 31 ascending</title>"), "{text}");
}

#[test]
fn only_who_may_is_let_in() {
    let stand = Stand::new("sqldoor");
    let metrics = format!("http://127.0.0.1:{}/metrics", stand.metrics);
    let (status, body) = stand.curl(&[&metrics]);
    assert_eq!(status, "200", "this machine's own Prometheus needs no password");
    assert!(body.contains("\nproxysql_uptime_seconds_total "), "{body}");
    // No statement's text may be among them.
    stand.work();
    assert!(!stand.curl(&[&metrics]).1.contains("numbers"));

    let page = stand.https(stand.page, "/");
    assert_eq!(stand.curl(&[&page]).0, "401");
    assert_eq!(stand.curl(&["-u", "looker:wrong", &page]).0, "401");
    assert_eq!(stand.curl(&["-u", "nobody:", &page]).0, "401");
    assert_eq!(stand.curl(&["-u", &format!("{}:{}", ADMIN.0, ADMIN.1), &page]).0, "200");
    assert_eq!(stand.curl(&["-u", STATS, &stand.https(stand.metrics, "/metrics")]).0, "200");
    assert_eq!(stand.curl(&[&stand.https(stand.metrics, "/metrics")]).0, "401");
    assert_eq!(stand.curl(&["-u", STATS, &stand.https(stand.metrics, "/stats.json")]).0, "404");
    let plain = format!("http://127.0.0.1:{}/", stand.page);
    assert_eq!(stand.curl(&["-o", "/dev/null", &plain]).0, "301", "it sends on to TLS");
    assert_eq!(stand.curl(&["-u", STATS, "-d", "x=1", &page]).0, "400");

    let json = stand.seen("/stats.json");
    let read = run_with_input(
        Command::new("python3").args([
            "-c",
            "import json,sys; d=json.load(sys.stdin); print(len(d['servers']), d['figures']['Questions']>60)",
        ]),
        &json,
    );
    let servers: usize = read.clone().expect_ok().split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_default();
    assert!(servers >= 2 && read.stdout.contains("True"), "{read}");
}

#[test]
fn doors_open_and_close_with_a_load() {
    let stand = Stand::new("sqlload");
    let page = stand.https(stand.page, "/");
    stand.proxy.admin("SET admin-web_enabled='false'; LOAD ADMIN VARIABLES TO RUNTIME");
    wait_for("the page to be closed", PATIENCE, || {
        let said = run(Command::new("curl").args(["-sk", "--max-time", "5", &page]));
        if said.ok { Err(said.stdout) } else { Ok(()) }
    });
    let taken = stand.proxy.port;
    stand.proxy.admin(&format!("SET admin-web_enabled='true'; SET admin-web_port='{taken}'"));
    let why = stand.proxy.try_admin("LOAD ADMIN VARIABLES TO RUNTIME").expect_err("MySQL is spoken there");
    assert!(why.contains(&format!("admin-web_port: cannot listen on 127.0.0.1:{taken}")), "{why}");
    stand.proxy.admin(&format!("SET admin-web_port='{}'; LOAD ADMIN VARIABLES TO RUNTIME", stand.page));
    wait_for("the page to be open again", PATIENCE, || {
        let (status, body) = stand.curl(&["-u", STATS, &page]);
        if status == "200" { Ok(()) } else { Err(body) }
    });
}

#[test]
fn a_real_prometheus_scrapes_both_doors() {
    let stand = Stand::new("sqlprom");
    stand.work();
    let prometheus = testbed::tools::prometheus();
    let text = stand.curl(&[&format!("http://127.0.0.1:{}/metrics", stand.metrics)]).1;
    let checked = run_with_input(Command::new(prometheus.with_file_name("promtool")).args(["check", "metrics"]), &text);
    // It dislikes names that are ProxySQL's; everything else would be ours.
    for line in checked.stderr.lines().chain(checked.stdout.lines()) {
        assert!(line.starts_with("proxysql_"), "{line}");
    }
    let port = free_port();
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n\
         - job_name: plain\n  static_configs: [{{targets: ['127.0.0.1:{}']}}]\n\
         - job_name: tls\n  scheme: https\n  tls_config: {{insecure_skip_verify: true}}\n\
         \x20 basic_auth: {{username: looker, password: lookerpwd}}\n\
         \x20 static_configs: [{{targets: ['127.0.0.1:{}']}}]\n",
        stand.metrics, stand.page
    );
    let file = stand.folder.path().join("prometheus.yml");
    std::fs::write(&file, config).expect("a configuration");
    let _server = Server(
        Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(&prometheus)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", stand.folder.path().join("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus starts"),
    );
    let ask = |query: &str, wanted: &str| {
        wait_for(query, PATIENCE, || {
            let address = format!("http://127.0.0.1:{port}/api/v1/query");
            let query = format!("query={query}");
            let said =
                run(Command::new("curl").args(["-s", "--max-time", "5", "-G", "--data-urlencode", &query, &address]));
            if said.stdout.contains(wanted) { Ok(()) } else { Err(said.to_string()) }
        });
    };
    ask("sum(up)", "\"2\"]");
    ask("sum(proxysql_questions_total{job=\"tls\"}) > bool 60", "\"1\"]");
    // Thirty reads on the reader, each after its own write.
    ask(
        "sum(barque_sql_statement_duration_seconds_count{hostgroup=\"20\",kind=\"read\",job=\"plain\"}) >= bool 30",
        "\"1\"]",
    );
    ask(
        "histogram_quantile(0.95, sum by (le) (barque_sql_statement_duration_seconds_bucket{job=\"plain\"})) > bool 0",
        "\"1\"]",
    );
    ask("count(proxysql_connpool_conns_status{job=\"plain\"}) >= bool 2", "\"1\"]");
    ask("sum(mysql_error_total{code=\"1062\",job=\"plain\"})", "\"1\"]");
}

#[test]
fn tables_have_true_figures() {
    let stand = Stand::new("sqltables");
    stand.work();
    let one = |sql: &str| stand.proxy.admin(sql).first().and_then(|row| row.first()).cloned().unwrap_or_default();
    let commands = "SELECT Total_cnt FROM stats_mysql_commands_counters WHERE Command=";
    assert_eq!(one(&format!("{commands}'INSERT'")), "31");
    let sum =
        "cnt_100us+cnt_500us+cnt_1ms+cnt_5ms+cnt_10ms+cnt_50ms+cnt_100ms+cnt_500ms+cnt_1s+cnt_5s+cnt_10s+cnt_INFs";
    assert_eq!(one(&format!("SELECT count(*) FROM stats_mysql_commands_counters WHERE Total_cnt<>{sum}")), "0");
    let digest =
        "SELECT sum(count_star) FROM stats_mysql_query_digest WHERE digest_text='INSERT INTO numbers VALUES (?)'";
    assert_eq!(one(digest), "31");
    assert_eq!(one("SELECT hits>=31 FROM stats_mysql_query_rules WHERE rule_id=200"), "1");
    let global =
        |name: &str| one(&format!("SELECT Variable_Value FROM stats_mysql_global WHERE Variable_Name='{name}'"));
    assert_eq!(global("Questions"), "63");
    assert_ne!(global("Queries_frontends_bytes_recv"), "0", "bytes of sessions that live are counted");
    assert_eq!(one("SELECT count_star FROM stats_mysql_errors WHERE errno=1062"), "1");
    // What is read there is cleared.
    assert_ne!(one("SELECT sum(Total_cnt) FROM stats_mysql_commands_counters_reset"), "0");
    assert_eq!(one("SELECT sum(Total_cnt) FROM stats_mysql_commands_counters"), "0");
    assert_ne!(one("SELECT count(*) FROM stats_mysql_query_digest_reset"), "0");
    assert_eq!(one("SELECT count(*) FROM stats_mysql_query_digest"), "0");
    assert_eq!(one("SELECT count(*) FROM stats_mysql_errors_reset"), "1");
    assert_eq!(one("SELECT count(*) FROM stats_mysql_errors"), "0");
    assert!(SqlClient::connect(stand.proxy.port, (APP.0, "wrong"), "test", true).is_err());
    wait_for("the wrong password to be counted", PATIENCE, || match global("Access_Denied_Wrong_Password").as_str() {
        "1" => Ok(()),
        other => Err(other.to_owned()),
    });
}

#[test]
fn a_rule_with_log_says_where_and_why() {
    let stand = Stand::new("sqltrace");
    stand.proxy.admin("UPDATE mysql_query_rules SET log=1 WHERE rule_id=200; LOAD MYSQL QUERY RULES TO RUNTIME");
    let mut client = stand.client();
    client.query("SELECT n FROM numbers WHERE n=2").expect("an answer");
    client.query("SELECT n FROM numbers WHERE n=3\nFOR UPDATE").expect("an answer");
    let line = |text: &str| {
        wait_for(text, PATIENCE, || {
            let log = stand.proxy.log();
            log.lines().find(|line| line.contains("STATEMENT") && line.contains(text)).map(str::to_owned).ok_or(log)
        })
    };
    let read = line("text=\"SELECT n FROM numbers WHERE n=?\"");
    assert!(read.contains(" user=nextcloud ") && read.contains(" rules=200 hostgroup=20 server=127.0.0.1:"), "{read}");
    assert!(!read.contains("because"), "{read}");
    let locks = line("FOR UPDATE\"");
    assert!(
        locks.contains(" hostgroup=10 ") && locks.contains("not_on=20 because=\"not sent to a reader: it locks"),
        "{locks}"
    );
}

#[test]
fn paused_lets_nobody_in_and_keeps_who_is() {
    let mut stand = Stand::new("sqlpause");
    let mut inside = stand.client();
    stand.proxy.admin("PROXYSQL PAUSE");
    let paused = "SELECT Variable_Value FROM stats_mysql_global WHERE Variable_Name='mysql_listener_paused'";
    assert_eq!(stand.proxy.admin(paused), [["1"]]);
    wait_for("nobody to be let in", PATIENCE, || match SqlClient::connect(stand.proxy.port, APP, "test", true) {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Ok(()),
        other => Err(format!("{:?}", other.err())),
    });
    assert_eq!(inside.query("SELECT n FROM numbers WHERE n=1").expect("it stays").len(), 1);
    stand.proxy.admin("PROXYSQL RESUME");
    wait_for("clients to be let in", PATIENCE, || {
        SqlClient::connect(stand.proxy.port, APP, "test", true).map_err(|error| error.to_string())
    });
    stand.proxy.admin("PROXYSQL SHUTDOWN SLOW");
    wait_for("nobody to be let in", PATIENCE, || match SqlClient::connect(stand.proxy.port, APP, "test", true) {
        Err(_) => Ok(()),
        Ok(_) => Err("somebody was".to_owned()),
    });
    assert_eq!(inside.query("SELECT n FROM numbers WHERE n=1").expect("it stays").len(), 1);
    let pid = stand.proxy.pid();
    drop(inside);
    wait_for("the end, when the last has left", PATIENCE, || {
        // It stays a zombie until it is waited for.
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        if status.is_empty() || status.contains("State:\tZ") { Ok(()) } else { Err(status) }
    });
    stand.proxy.kill();
}

#[test]
fn an_administrator_ends_what_runs() {
    let stand = Stand::new("sqlkill");
    let run = |query: bool| {
        let mut client = stand.client();
        let id = client.id;
        let running = std::thread::spawn(move || {
            let began = Instant::now();
            let answer = client.query("SELECT n, SLEEP(60) FROM numbers");
            (answer, client.query("SELECT n FROM numbers WHERE n=1"), began.elapsed())
        });
        wait_for("the statement to run", PATIENCE, || {
            let sql =
                format!("SELECT srv_port FROM stats_mysql_processlist WHERE SessionID={id} AND info LIKE '%SLEEP%'");
            let rows = stand.proxy.admin(&sql);
            if rows.iter().flatten().any(|port| port.parse::<u16>().is_ok()) {
                Ok(())
            } else {
                Err(format!("{rows:?}"))
            }
        });
        stand.proxy.admin(&format!("KILL {} {id}", if query { "QUERY" } else { "CONNECTION" }));
        let (answer, after, took) = running.join().expect("asking does not panic");
        assert!(took < PATIENCE, "{took:?}: {answer:?}");
        after
    };
    assert!(run(true).is_ok(), "only the statement was meant");
    assert!(run(false).is_err(), "the session was meant");
}

/// A process of the test's own.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn chromium(folder: &Path) -> Command {
    let mut command = Command::new("chromium");
    let profile = format!("--user-data-dir={}", folder.join("chromium").display());
    command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", &profile]);
    // The proxy's certificate is of its own making.
    command.arg("--ignore-certificate-errors").env("HOME", folder);
    command
}

/// What the browser made of a page.
fn dom(folder: &Path, address: &str) -> String {
    dom_after(folder, address, 1_000)
}

/// The same, after so many milliseconds of its own time.
fn dom_after(folder: &Path, address: &str, milliseconds: u32) -> String {
    let budget = format!("--virtual-time-budget={milliseconds}");
    run(chromium(folder).args([&budget, "--dump-dom", address])).expect_ok()
}

/// Pictures are kept to be looked at: `target/testbed/page`.
fn screenshot(folder: &Path, address: &str, name: &str, size: &str, dark: bool) -> PathBuf {
    let pictures = testbed::cache().join("page");
    std::fs::create_dir_all(&pictures).expect("a folder for pictures");
    let picture = pictures.join(format!("{name}.png"));
    let mut command = chromium(folder);
    if dark {
        command.args(["--force-dark-mode", "--blink-settings=preferredColorScheme=0"]);
    }
    command.arg(format!("--window-size={size}")).arg(format!("--screenshot={}", picture.display())).arg(address);
    run(&mut command).expect_ok();
    picture
}
