//! Who follows whom.

use super::{MONITOR, MariaDb, PATIENCE, REPLICATION};
use crate::run::wait_for;

impl MariaDb {
    /// Follows this one from the position it has itself (GTID); reconnects each second.
    pub fn follow(&self, primary: &Self) {
        let ((user, password), port) = (REPLICATION, primary.port());
        self.sql(&format!(
            "STOP SLAVE; CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='{user}', \
             MASTER_PASSWORD='{password}', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1; START SLAVE"
        ));
    }

    /// What an administrator or a failover tool does: follows nobody any more, takes writes.
    pub fn promote(&mut self) {
        self.sql("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only=0");
        self.read_only_at_start = false;
    }

    /// What an administrator does to an old master: read-only, and follows from where it is
    /// (`MASTER_USE_GTID=current_pos`, since its own last writes count too).
    pub fn demote_to(&mut self, primary: &Self) {
        self.set_read_only(true);
        self.read_only_at_start = true;
        let ((user, password), port) = (REPLICATION, primary.port());
        self.sql(&format!(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='{user}', \
             MASTER_PASSWORD='{password}', MASTER_USE_GTID=current_pos, MASTER_CONNECT_RETRY=1; START SLAVE"
        ));
    }

    /// Of the running server; the next start begins with [`MariaDb::read_only_at_start`].
    pub fn set_read_only(&self, on: bool) {
        self.sql(&format!("SET GLOBAL read_only={}", u8::from(on)));
    }

    /// Both threads: it lags from now on, without end.
    pub fn stop_slave(&self) {
        self.sql("STOP SLAVE");
    }

    pub fn start_slave(&self) {
        self.sql("START SLAVE");
    }

    /// Seconds by which the replica applies events late (`MASTER_DELAY`); 0 ends it.
    pub fn set_delay(&self, seconds: u32) {
        self.sql(&format!("STOP SLAVE; CHANGE MASTER TO MASTER_DELAY={seconds}; START SLAVE"));
    }

    /// Position of the last transaction that was committed here, own or replicated (`0-1-42`); empty before the first.
    pub fn gtid(&self) -> String {
        self.value("SELECT @@gtid_current_pos")
    }

    /// Waits until all is here that the other has committed by now.
    #[track_caller]
    pub fn wait_caught_up(&self, primary: &Self) {
        let position = primary.gtid();
        wait_for(&format!("at {position:?}"), PATIENCE, || {
            let reached = self.try_sql(&format!("SELECT MASTER_GTID_WAIT('{position}', 1)"))?;
            let status = || self.try_sql("SHOW SLAVE STATUS").map_or_else(|why| why, |rows| format!("{rows:?}"));
            if reached == [["0"]] { Ok(()) } else { Err(status()) }
        });
    }

    /// Whether the monitor's user may ask SHOW SLAVE STATUS here. Without, MariaDB answers 1227.
    /// Of this server alone: it is not replicated.
    pub fn set_monitor_rights(&self, may: bool) {
        let user = MONITOR.0;
        let change = match may {
            true => format!("GRANT SLAVE MONITOR ON *.* TO {user}@'%'"),
            false => format!("REVOKE SLAVE MONITOR ON *.* FROM {user}@'%'"),
        };
        self.sql(&format!("SET sql_log_bin=0; {change}"));
    }
}
