//! Ways of logging in, at the proxy and at servers, by real clients: MariaDB's own and PyMySQL.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;
use testbed::mariadb::{APP, client_at};
use testbed::run::{run, run_with_input, wait_for};
use testbed::tools::DEBIAN_PYTHON;
use testbed::{Folder, MariaDb, SqlProxy};

const PATIENCE: Duration = Duration::from_secs(30);

struct Stand {
    primary: MariaDb,
    proxy: SqlProxy,
    _folder: Folder,
}

fn stand(name: &str, variables: &str) -> Stand {
    let folder = Folder::new(name);
    let primary = MariaDb::primary(folder.path());
    let mut proxy = SqlProxy::prepare(folder.path(), &primary, &primary, |config| {
        config.replace("monitor_username=", &format!("{variables}\n        monitor_username="))
    });
    proxy.serve();
    Stand { primary, proxy, _folder: folder }
}

impl Stand {
    /// A user with this password at the server, and this one in `mysql_users`.
    fn user(&self, name: &str, identified: &str, password: &str, more: &str) {
        self.primary.sql(&format!(
            "CREATE OR REPLACE USER '{name}'@'%' IDENTIFIED {identified}; GRANT ALL ON test.* TO '{name}'@'%'"
        ));
        let (columns, values) = more
            .split_once('=')
            .map_or((String::new(), String::new()), |(column, value)| (format!(",{column}"), format!(",{value}")));
        self.proxy.admin(&format!(
            "DELETE FROM mysql_users WHERE username='{name}'; \
             INSERT INTO mysql_users (username,password,default_hostgroup{columns}) VALUES ('{name}','{password}',10{values}); \
             LOAD MYSQL USERS TO RUNTIME"
        ));
    }

    /// What MariaDB's client is told, with these options.
    fn cli(&self, user: (&str, &str), options: &[&str]) -> Result<String, String> {
        let mut client = client_at(self.proxy.port, user);
        let said = run(client.args(options).args(["-N", "-e", "SELECT CURRENT_USER()"]));
        if said.ok { Ok(said.stdout) } else { Err(said.stderr) }
    }

    /// PyMySQL, which does caching_sha2_password with RSA; `actions` go on with `c`.
    fn python(&self, user: &str, password: &str, actions: &str) -> String {
        let script = format!(
            "import pymysql\n\
             try:\n    c = pymysql.connect(host='127.0.0.1', port={}, user='{user}', password='{password}', ssl_disabled=True)\n    \
             q = c.cursor(); q.execute('SELECT CURRENT_USER()'); print(q.fetchone())\n    {actions}\n\
             except pymysql.err.MySQLError as e: print(e)\n",
            self.proxy.port
        );
        run_with_input(Command::new(DEBIAN_PYTHON).arg("-"), &script).expect_ok()
    }
}

#[test]
fn a_server_with_ed25519() {
    let stand = stand("login-ed", "");
    stand.primary.sql("INSTALL SONAME 'auth_ed25519'");
    stand.user("signer", "VIA ed25519 USING PASSWORD('long secret')", "long secret", "");
    assert!(stand.cli(("signer", "long secret"), &[]).expect("let in").contains("signer"));
    // A hash is not enough, and it is said in words.
    let hash = mysql::protocol::auth::native_hash("other secret");
    stand.user("hashed", "VIA ed25519 USING PASSWORD('other secret')", &hash, "");
    let why = stand.cli(("hashed", "other secret"), &[]).expect_err("no clear password");
    assert!(why.contains("client_ed25519") && why.contains("in clear in mysql_users"), "{why}");
}

#[test]
fn clients_with_ed25519() {
    let stand = stand("login-ed-front", "");
    stand.primary.sql("INSTALL SONAME 'auth_ed25519'");
    let plugin = ["--default-auth=client_ed25519"];
    // Known in clear: the client's own wish, and none.
    assert!(stand.cli(APP, &plugin).expect("let in").contains(APP.0));
    assert!(stand.cli((APP.0, "wrong"), &plugin).expect_err("wrong").contains("1045"));
    // Known by its public key alone: whatever the client begins with, it is asked to sign. With what the proxy should log
    // in at the server nobody knows.
    stand.primary.sql("CREATE USER stored@'%' IDENTIFIED VIA ed25519 USING PASSWORD('signed')");
    let public = stand
        .primary
        .value("SELECT JSON_VALUE(Priv, '$.authentication_string') FROM mysql.global_priv WHERE User='stored'");
    stand.user("signer", "BY 'signed'", &format!("$ED${public}"), "");
    for options in [&[][..], &plugin[..], &["--default-auth=mysql_native_password"][..]] {
        let why = stand.cli(("signer", "wrong"), options).expect_err("wrong");
        assert!(why.contains("1045"), "{why}");
        let why = stand.cli(("signer", "signed"), options).expect_err("it is let in, and told of the server");
        assert!(why.contains("in clear in mysql_users"), "{options:?}: {why}");
    }
}

#[test]
fn caching_sha2_without_tls_by_rsa() {
    let stand = stand("login-sha2", "default_authentication_plugin=\"caching_sha2_password\"");
    let hash = mysql::protocol::auth::native_hash("other");
    // Clear: the quick way. A hash: the whole password, encrypted for the proxy's key; afterwards quick.
    stand.user("clear", "BY 'secret'", "secret", "");
    stand.user("hashed", "BY 'other'", &hash, "");
    for _ in 0..2 {
        for (user, password) in [("clear", "secret"), ("hashed", "other")] {
            let said = stand.python(user, password, "pass");
            assert!(said.contains(user), "{user}: {said}\n{}", stand.proxy.log());
            let said = stand.python(user, "wrong", "pass");
            assert!(said.contains("1045") && said.contains("using password: YES"), "{said}");
        }
    }
    let key = stand.proxy.folder().join("data/proxysql-rsa-key.pem");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).expect("its key").permissions());
    assert_eq!(mode & 0o777, 0o600);
    // Inside of TLS without any key.
    assert!(stand.cli(("hashed", "other"), &["--ssl"]).expect("let in").contains("hashed"));
    assert!(!stand.proxy.log().contains("secret"), "{}", stand.proxy.log());
}

#[test]
fn hashes_of_mysql_8() {
    let stand = stand("login-hash", "");
    let hash = sha2_of("secret");
    stand.user("eight", "BY 'secret'", &hash, "");
    // Greeted with mysql_native_password, asked for the other.
    for (user, password) in [("eight", "secret"), ("eight", "secret")] {
        assert!(stand.python(user, password, "pass").contains("eight"), "{}", stand.proxy.log());
    }
    assert!(stand.python("eight", "wrong", "pass").contains("1045"));
    assert!(stand.cli(("eight", "secret"), &["--ssl"]).expect("let in").contains("eight"));
}

/// As MySQL 8 stores it.
fn sha2_of(password: &str) -> String {
    mysql::protocol::auth::sha2_hash(password, b"abcdefghijklmnopqrst")
}

#[test]
fn two_passwords_and_tls_demanded() {
    let stand = stand("login-two", "");
    let hex: String = "older".bytes().map(|byte| format!("{byte:02X}")).collect();
    stand.user("two", "BY 'newer'", "newer", &format!("attributes='{{\"additional_password\":\"{hex}\"}}'"));
    assert!(stand.cli(("two", "newer"), &[]).expect("let in").contains("two"));
    // The server knows the newer alone, and gets it.
    assert!(stand.cli(("two", "older"), &[]).expect("let in").contains("two"));
    let shown = format!("{:?}", stand.proxy.admin("SELECT * FROM mysql_users; SELECT * FROM runtime_mysql_users"));
    assert!(!shown.contains(&hex), "{shown}");
    let why = stand.cli(("two", "oldest"), &[]).expect_err("wrong");
    assert!(why.contains("1045"), "{why}");
    stand.user("strict", "BY 'secret'", "secret", "use_ssl=1");
    assert!(stand.cli(("strict", "secret"), &["--ssl"]).expect("let in").contains("strict"));
    let why = stand.cli(("strict", "secret"), &["--skip-ssl"]).expect_err("no TLS");
    assert!(why.contains("1045") && why.contains("SSL is required"), "{why}");
}

#[test]
fn unknown_users_are_told_what_wrong_passwords_are() {
    for plugin in ["mysql_native_password", "caching_sha2_password", "client_ed25519"] {
        let stand = stand("login-unknown", &format!("default_authentication_plugin=\"{plugin}\""));
        let told = |user: &str| stand.cli((user, "wrong"), &[]).expect_err("wrong").replace(user, "NAME");
        assert_eq!(told(APP.0), told("nobody"), "{plugin}");
        assert!(told("nobody").contains("1045"), "{}", told("nobody"));
        assert!(stand.cli(APP, &[]).is_ok(), "{plugin}: {:?}", stand.cli(APP, &[]));
    }
}

#[test]
fn another_user_on_the_same_connection() {
    let stand = stand("login-change", "");
    stand.user("eight", "BY 'secret'", &sha2_of("secret"), "");
    stand.user("hashed", "BY 'other'", &mysql::protocol::auth::native_hash("other"), "");
    // As PHP does it.
    let script = "<?php mysqli_report(0); $c = mysqli_connect('127.0.0.1', 'USER', 'PASSWORD', '', PORT);
        foreach ([['eight','secret'],['hashed','other'],['USER','PASSWORD'],['hashed','wrong']] as [$u, $p]) {
            if ($c->change_user($u, $p, null)) { echo $c->query('SELECT CURRENT_USER()')->fetch_row()[0], ' '; }
            else { echo $c->errno, ' '; } }";
    let script = script.replace("USER()", "\u{1}").replace("USER", APP.0).replace('\u{1}', "USER()");
    let script = script.replace("PASSWORD", APP.1).replace("PORT", &stand.proxy.port.to_string());
    let said = run_with_input(&mut Command::new("php"), &script).expect_ok();
    assert_eq!(said, format!("eight@% hashed@% {}@% 1045 ", APP.0), "{}", stand.proxy.log());
}

#[test]
fn balancers_say_for_whom_they_speak() {
    let stand = stand("login-proxy", "proxy_protocol_networks=\"127.0.0.0/8\"");
    let v1 = b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 6033\r\n".to_vec();
    let mut v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    v2.extend_from_slice(&[203, 0, 113, 7, 127, 0, 0, 1, 0x12, 0x67, 0x17, 0x91]);
    for header in [v1, v2] {
        let mut stream = TcpStream::connect(("127.0.0.1", stand.proxy.port)).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream.write_all(&header).expect("sent");
        let mut greeting = [0; 1024];
        assert!(stream.read(&mut greeting).expect("greeted") > 50);
        // A log-in of nobody: protocol 4.1, no password.
        let mut login = vec![0x00, 0x82, 0, 0, 0, 0, 0, 1, 45];
        login.resize(32, 0);
        login.extend_from_slice(b"nobody\0\0");
        let mut packet = vec![login.len() as u8, 0, 0, 1];
        packet.extend_from_slice(&login);
        stream.write_all(&packet).expect("sent");
        let mut answer = Vec::new();
        // It ends behind its answer.
        _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.contains("'nobody'@'203.0.113.7' (using password: NO)"), "{answer:?}");
    }
    // Who says nothing is heard as it is.
    assert!(stand.cli(APP, &[]).is_ok());
    stand.proxy.admin("SET mysql-proxy_protocol_networks='10.0.0.0/8'; LOAD MYSQL VARIABLES TO RUNTIME");
    let why = stand.proxy.try_admin("SET mysql-proxy_protocol_networks='here'; LOAD MYSQL VARIABLES TO RUNTIME");
    assert!(why.expect_err("no network").contains("here"));
}

#[test]
fn half_a_log_in_is_ended() {
    let stand = stand("login-half", "connect_timeout_client=700");
    let mut stream = TcpStream::connect(("127.0.0.1", stand.proxy.port)).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    let mut all = Vec::new();
    _ = stream.read_to_end(&mut all);
    assert!(!all.is_empty());
}

/// One proxy is the other's server: caching_sha2_password, over TLS and by RSA, as MySQL 8 speaks it.
#[test]
fn caching_sha2_towards_servers() {
    let folder = Folder::new("login-chain");
    let primary = MariaDb::primary(folder.path());
    let inner_folder = folder.path().join("inner");
    std::fs::create_dir_all(&inner_folder).expect("a folder");
    let mut inner = SqlProxy::prepare(&inner_folder, &primary, &primary, |config| {
        let config = config
            .replace("monitor_username=", "default_authentication_plugin=\"caching_sha2_password\" monitor_username=");
        // Hashes: each log-in needs the whole password, the monitor's too.
        let app = format!("username = \"{}\" , password = \"{}\"", APP.0, APP.1);
        let users = format!(
            "username = \"proxysql\" , password = \"{}\" , default_hostgroup = 10 }}, {{ username = \"{}\" , password = \"{}\"",
            sha2_of("proxysqlpwd"),
            APP.0,
            sha2_of(APP.1)
        );
        assert!(config.contains(&app), "{config}");
        config.replace(&app, &users)
    });
    inner.serve();
    for use_ssl in [0, 1] {
        let outer_folder = folder.path().join(format!("outer{use_ssl}"));
        std::fs::create_dir_all(&outer_folder).expect("a folder");
        let mut outer = SqlProxy::prepare(&outer_folder, &primary, &primary, |config| {
            let config = config.replace(&format!("port={}", primary.port()), &format!("port={}", inner.port));
            config.replace("max_connections=100,", &format!("max_connections=100, use_ssl={use_ssl},"))
        });
        outer.serve();
        wait_for("through both", PATIENCE, || {
            let said = outer
                .ask(APP, "test", "SELECT 41+1")
                .map_err(|why| format!("{why}\n{}\n{}", outer.log(), inner.log()))?;
            if format!("{said:?}").contains("42") { Ok(()) } else { Err(format!("{said:?}")) }
        });
    }
}
