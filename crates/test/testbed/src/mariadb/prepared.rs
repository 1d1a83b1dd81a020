//! A fresh data folder with the users and databases of tests: made once, then copied.

use crate::cache;
use crate::run::run;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// Users and databases. Not in the binary log, so that servers made from it have equal and empty GTID positions.
/// Users can be made only once the server, started without rights to make them, has read its tables (FLUSH).
/// The rights are on databases: ALL on `*.*` would hold READ_ONLY ADMIN, and the user would write to a replica.
const USERS: &str = "
FLUSH PRIVILEGES;
CREATE DATABASE nextcloud;
CREATE DATABASE sbtest;
CREATE DATABASE test;
CREATE USER nextcloud@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('nextcloudpwd');
GRANT ALL ON nextcloud.* TO nextcloud@'%';
GRANT ALL ON sbtest.* TO nextcloud@'%';
GRANT ALL ON test.* TO nextcloud@'%';
CREATE USER proxysql@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('proxysqlpwd');
GRANT SLAVE MONITOR ON *.* TO proxysql@'%';
CREATE USER replica@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('replicapwd');
GRANT REPLICATION SLAVE ON *.* TO replica@'%';
";

/// Makes `folder` with `data` in it.
pub fn copy_to(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap_or_else(|error| panic!("cannot make {}: {error}", folder.display()));
    run(Command::new("cp").arg("-a").arg("--reflink=auto").arg(made()).arg(folder.join("data"))).expect_ok();
}

/// The folder that is copied; its name changes with the server's version and the users.
fn made() -> PathBuf {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let version = run(Command::new("mariadb").arg("--version")).expect_ok();
    let place = cache().join(format!("mariadb-{:x}", hash(&[&version, USERS])));
    if !place.exists() {
        let beside = place.with_extension(format!("{}", std::process::id()));
        make(&beside);
        // Another test may have been faster: its folder is as good.
        if std::fs::rename(&beside, &place).is_err() {
            _ = std::fs::remove_dir_all(&beside);
        }
    }
    place
}

fn make(place: &Path) {
    let users = place.with_extension("sql");
    std::fs::write(&users, USERS).unwrap_or_else(|error| panic!("cannot write {}: {error}", users.display()));
    let mut command = Command::new("mariadb-install-db");
    command.args(["--no-defaults", "--user=root", "--auth-root-authentication-method=socket", "--skip-test-db"]);
    command.args(["--skip-name-resolve", "--innodb-log-file-size=16M"]);
    command.arg(format!("--datadir={}", place.display())).arg(format!("--extra-file={}", users.display()));
    run(&mut command).expect_ok();
    // It is in the data folder by now.
    _ = std::fs::remove_file(users);
}

fn hash(texts: &[&str]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    hasher.finish()
}
