//! Another configuration while we serve: read, compared, put in force; or refused, and nothing has changed.

use super::notify::Manager;
use super::{load, rights};
use crate::cli::Doors;
use crate::disk::Disk;
use crate::engine::Engine;
use crate::setup::Setup;
use balance::command_line::CommandLine;
use balance::config::{Level, Problem, diff};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What acts on the process as a whole: signals, and the commands of the statistics socket that mean the same.
pub struct Control {
    pub engine: Arc<Engine>,
    line: CommandLine,
    doors: Doors,
    pub manager: Manager,
}

impl Control {
    pub fn new(engine: Arc<Engine>, line: CommandLine, doors: Doors, manager: Manager) -> Self {
        Self { engine, line, doors, manager }
    }

    /// Reads the files again and puts what they say in force. Says on standard error what changed or what is wrong;
    /// returns the same.
    ///
    /// # Errors
    /// What is wrong; the configuration in force is as it was.
    pub fn reload(&self) -> Result<Vec<String>, Vec<String>> {
        self.notice(Level::Notice, "Reloading HAProxy");
        self.manager.reloading();
        let result = self.reload_loudly();
        self.manager.ready();
        result
    }

    fn reload_loudly(&self) -> Result<Vec<String>, Vec<String>> {
        self.engine.desk.reloads.fetch_add(1, Relaxed);
        match self.try_reload() {
            Ok(changes) => {
                for change in &changes {
                    self.notice(Level::Notice, change);
                }
                self.notice(Level::Notice, "Loading success.");
                Ok(changes)
            }
            Err(problems) => {
                self.engine.desk.failed_reloads.fetch_add(1, Relaxed);
                problems.iter().for_each(|problem| self.notice(problem.level, &problem.text));
                self.notice(Level::Alert, "Loading failure! The configuration in force is unchanged.");
                Err(problems.into_iter().map(|problem| problem.text).collect())
            }
        }
    }

    fn try_reload(&self) -> Result<Vec<String>, Vec<Problem>> {
        let _raised = rights::raise();
        let nothing =
            || vec![Problem::alert("config : the folders that were named have no configuration file any more")];
        let parsed = load::load(&self.line, &Disk)?.ok_or_else(nothing)?;
        let alerts = |texts: Vec<String>| texts.into_iter().map(Problem::alert).collect::<Vec<_>>();
        let running = self.engine.running();
        let config = Arc::new(parsed.config);
        let setup = Setup::load(config.clone(), &Disk, &self.engine.logs, Some(&running.tls.store)).map_err(alerts)?;
        let changes = diff::changes(&running.config, &config);
        let doors = self.doors.plan(&config).map_err(alerts)?;
        self.engine.apply(setup).map_err(|error| alerts(error.0))?;
        self.doors.put(&config, doors);
        self.engine.desk.set_environment(parsed.env);
        Ok(changes)
    }

    pub fn notice(&self, level: Level, text: &str) {
        self.engine.logs.notice(level, text);
    }
}
