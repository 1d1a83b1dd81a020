//! TLS and compression to servers: real MariaDB says itself how a connection came in.

mod sql_tls_parts {
    pub mod certificates;
}

use sql_tls_parts::certificates::{Authority, Files};
use std::time::Duration;
use testbed::mariadb::{APP, MONITOR};
use testbed::run::wait_for;
use testbed::{Folder, MariaDb, SqlProxy};

const PATIENCE: Duration = Duration::from_secs(30);

/// How the statement's own connection came in: cipher and compression.
const HOW: &str = "SHOW SESSION STATUS WHERE Variable_name IN ('Ssl_cipher', 'Compression')";

struct Stand {
    proxy: SqlProxy,
    primary: MariaDb,
    authority: Authority,
    files: Files,
    folder: Folder,
}

/// A server with a certificate for `names`, and a proxy that knows `variables` and these additions to each server's row.
fn stand(name: &str, names: &[&str], variables: &str, row: &str) -> Stand {
    let folder = Folder::new(name);
    let authority = Authority::new("the right one");
    let files = authority.issue(folder.path(), "server", names);
    authority.write(&folder.path().join("ca.pem"));
    let options = [format!("--ssl-cert={}", files.certificate.display()), format!("--ssl-key={}", files.key.display())];
    let ca = format!("--ssl-ca={}/ca.pem", folder.path().display());
    let primary = MariaDb::primary_with(folder.path(), &[&options[0], &options[1], &ca]);
    let variables = variables.replace("$D", &folder.path().display().to_string());
    let mut proxy = SqlProxy::prepare(folder.path(), &primary, &primary, |config| {
        let config = config.replace("monitor_username=", &format!("{variables}\n        monitor_username="));
        config.replace("max_connections=100,", &format!("max_connections=100, {row},"))
    });
    proxy.serve();
    Stand { proxy, primary, authority, files, folder }
}

impl Stand {
    fn how(&self) -> String {
        format!("{:?}", self.proxy.ask(APP, "test", HOW))
    }

    /// The monitor's connection, as the server sees it.
    fn monitor_is_encrypted(&self) -> bool {
        // The server shows whether, not how, and only of accounts that must.
        self.primary.sql(&format!("ALTER USER '{}'@'%' REQUIRE SSL", MONITOR.0));
        let _ = self.proxy.admin("LOAD MYSQL SERVERS TO RUNTIME");
        wait_for("asked over a new connection", PATIENCE, || {
            let said = self.proxy.admin(
                "SELECT connect_error FROM monitor.mysql_server_connect_log ORDER BY time_start_us DESC LIMIT 1",
            );
            let said = format!("{said:?}");
            if said.contains("denied") { Err(said) } else { Ok(()) }
        });
        true
    }
}

#[test]
fn encrypted_and_verified() {
    let stand = stand("tls-good", &["127.0.0.1"], "ssl_p2s_ca=\"$D/ca.pem\"", "use_ssl=1");
    let how = stand.how();
    assert!(how.contains("TLS_AES_256_GCM_SHA384"), "{how}\n{}", stand.proxy.log());
    assert!(how.contains("OFF"), "{how}");
    // An account that has to come in by TLS can: the monitor's, too.
    stand.primary.sql(&format!("ALTER USER '{}'@'%' REQUIRE SSL", APP.0));
    assert!(stand.monitor_is_encrypted());
    let rows = stand.proxy.ask(APP, "test", "SELECT REPEAT('x', 3000000)").expect("a long row");
    assert_eq!(format!("{rows:?}").matches('x').count() / 1_000_000, 3);
    assert!(!stand.proxy.log().contains("without checking"), "{}", stand.proxy.log());
}

#[test]
fn without_an_authority_encrypted_and_said() {
    let stand = stand("tls-any", &["elsewhere"], "", "use_ssl=1");
    assert!(stand.how().contains("TLS_AES"), "{}", stand.how());
    assert_eq!(stand.proxy.log().matches("without checking who answers").count(), 1, "{}", stand.proxy.log());
}

#[test]
fn a_wrong_authority_is_said_everywhere_and_mended_by_a_load() {
    let stand =
        stand("tls-wrong", &["127.0.0.1"], "ssl_p2s_ca=\"$D/other.pem\" connect_timeout_server_max=1500", "use_ssl=1");
    Authority::new("another").write(&stand.folder.path().join("other.pem"));
    stand.proxy.admin("LOAD MYSQL VARIABLES TO RUNTIME");
    let unknown = "UnknownIssuer";
    wait_for("told to the client", PATIENCE, || match stand.proxy.ask(APP, "test", "SELECT 1") {
        Err(why) if why.contains(unknown) => Ok(()),
        other => Err(format!("{other:?}\n{}", stand.proxy.log())),
    });
    wait_for("in the log", PATIENCE, || {
        let log = stand.proxy.log();
        if log.contains("the monitor cannot log in") && log.contains(unknown) { Ok(()) } else { Err(log) }
    });
    wait_for("in the connect log, and shunned", PATIENCE, || {
        let log = stand.proxy.admin("SELECT connect_error FROM monitor.mysql_server_connect_log");
        let status = stand.proxy.admin("SELECT status FROM runtime_mysql_servers");
        let said = format!("{log:?} {status:?}");
        if said.contains(unknown) && said.contains("SHUNNED") { Ok(()) } else { Err(said) }
    });
    stand.proxy.admin(&format!(
        "SET mysql-ssl_p2s_ca='{}/ca.pem'; LOAD MYSQL VARIABLES TO RUNTIME",
        stand.folder.path().display()
    ));
    wait_for("mended", PATIENCE, || stand.proxy.ask(APP, "test", "SELECT 1"));
}

#[test]
fn names_are_verified_where_there_are_any() {
    let variables = "ssl_p2s_ca=\"$D/ca.pem\" connect_timeout_server_max=1500";
    let stand = stand("tls-names", &["db.example"], variables, "use_ssl=1");
    let why = stand.proxy.ask(APP, "test", "SELECT 1").expect_err("another's certificate");
    assert!(why.contains("mysql-ssl_p2s_verify_name"), "{why}");
    stand.proxy.admin("SET mysql-ssl_p2s_verify_name='false'; LOAD MYSQL VARIABLES TO RUNTIME");
    wait_for("taken by its authority", PATIENCE, || stand.proxy.ask(APP, "test", "SELECT 1"));
}

#[test]
fn a_certificate_for_nobody_is_taken_by_its_authority() {
    let stand = stand("tls-nobody", &[], "ssl_p2s_ca=\"$D/ca.pem\"", "use_ssl=1");
    assert!(stand.how().contains("TLS_AES"), "{}", stand.how());
}

#[test]
fn a_server_that_wants_a_certificate_gets_its_own() {
    let stand = stand("tls-client", &["127.0.0.1"], "ssl_p2s_ca=\"$D/ca.pem\"", "use_ssl=1");
    stand.primary.sql(&format!("ALTER USER '{}'@'%' REQUIRE SUBJECT '/CN=proxy'", APP.0));
    let why = stand.proxy.ask(APP, "test", "SELECT 1").expect_err("no certificate yet");
    assert!(why.contains("1045"), "{why}");
    let own = stand.authority.issue(stand.folder.path(), "proxy", &["proxy"]);
    let (certificate, key) = (own.certificate.display(), own.key.display());
    let ca = stand.folder.path().join("ca.pem");
    stand.proxy.admin(&format!(
        "INSERT INTO mysql_servers_ssl_params (hostname,port,username,ssl_ca,ssl_cert,ssl_key,ssl_cipher,tls_version) \
         VALUES ('127.0.0.1',{},'{}','{}','{certificate}','{key}','ECDHE-ECDSA-AES128-GCM-SHA256','TLSv1.2'); \
         LOAD MYSQL SERVERS TO RUNTIME",
        stand.primary.port(),
        APP.0,
        ca.display(),
    ));
    wait_for("let in", PATIENCE, || stand.proxy.ask(APP, "test", "SELECT 1"));
    assert!(stand.how().contains("ECDHE-ECDSA-AES128-GCM-SHA256"), "{}", stand.how());
    assert!(stand.files.key.exists());
}

#[test]
fn compressed() {
    let stand = stand("tls-compressed", &["127.0.0.1"], "", "compression=1");
    let how = stand.how();
    assert!(how.contains("ON"), "{how}\n{}", stand.proxy.log());
    // Several commands, prepared and closed ones, one of more than a frame, and rows back.
    let insert = format!("INSERT INTO c VALUES ('{}')", "y".repeat(20 << 20));
    let sql = format!("CREATE TABLE c (t LONGTEXT); {insert}; INSERT INTO c VALUES (NULL)");
    stand.proxy.ask(APP, "test", &sql).expect("a statement of two frames");
    for _ in 0..20 {
        let count = stand.proxy.ask(APP, "test", "SELECT COUNT(*), MAX(LENGTH(t)) FROM c").expect("rows");
        assert!(format!("{count:?}").contains("20971520"), "{count:?}");
        let prepared = "PREPARE p FROM 'SELECT ?+1'; SET @a=41; EXECUTE p USING @a; DEALLOCATE PREPARE p";
        assert!(format!("{:?}", stand.proxy.ask(APP, "test", prepared)).contains("42"));
    }
    // The client itself takes no more than 16 MB in one packet.
    let many = "SELECT LEFT(t, 12582912) FROM c WHERE t IS NOT NULL UNION ALL SELECT RIGHT(t, 12582912) FROM c";
    let rows = stand.proxy.ask(APP, "test", many).expect("long rows");
    assert_eq!(format!("{rows:?}").matches('y').count(), 24 << 20);
}

#[test]
fn compressed_inside_of_tls() {
    let stand = stand("tls-both", &["127.0.0.1"], "ssl_p2s_ca=\"$D/ca.pem\"", "use_ssl=1, compression=1");
    let how = stand.how();
    assert!(how.contains("ON") && how.contains("TLS_AES"), "{how}\n{}", stand.proxy.log());
}
