//! Rows between the configuration file, `disk`, `main` and the running proxy.

use super::guard::SECRETS;
use super::run::{insert_rows, replace_rows};
use super::{Admin, AdminError, Answer, Direction, Module, Rows};
use mysql::tables::{self, Row, Table, Value};
use mysql::variables::{self, Variables};
use sha1::{Digest, Sha1};

impl Admin {
    pub(super) fn table(&self, name: &str) -> Option<&'static Table> {
        tables::find(name)
    }

    /// Fills `main` at the start: defaults of variables, then the file, or by ProxySQL's rule the database if it was there.
    pub(super) fn fill(&mut self, existed: bool) -> Result<(), Vec<String>> {
        let failed = |error: AdminError| vec![error.message];
        self.remember().map_err(failed)?;
        let text = |text: &str| Value::Text(text.to_owned());
        let defaults =
            variables::ALL.iter().map(|variable| vec![text(variable.name), text(variable.default)]).collect();
        self.put("global_variables", defaults).map_err(failed)?;
        let database = self.options.compat && existed && !self.options.initial;
        if database {
            Module::all().try_for_each(|module| self.disk_to_memory(module)).map_err(failed)?;
            if !self.options.reload {
                return Ok(());
            }
        }
        for (table, rows) in (self.options.config)()? {
            self.put(&table, rows).map_err(failed)?;
        }
        if self.options.compat {
            return Module::all().try_for_each(|module| self.memory_to_disk(module)).map_err(failed);
        }
        Ok(())
    }

    pub(super) fn transfer(&mut self, direction: Direction, module: Module) -> Result<Answer, AdminError> {
        let mut info = String::new();
        match direction {
            Direction::MemoryToRuntime => {
                self.load(module).map_err(|problems| AdminError::admin(problems.join("; ")))?
            }
            Direction::RuntimeToMemory => self.runtime_to_memory(module)?,
            Direction::DiskToMemory => self.disk_to_memory(module)?,
            Direction::MemoryToDisk => {
                self.memory_to_disk(module)?;
                info = self.disk_remark();
            }
            Direction::ConfigToMemory => self.config_to_memory(module)?,
        }
        Ok(Answer::told(info))
    }

    fn disk_remark(&self) -> String {
        if self.options.compat {
            return String::new();
        }
        "saved; the configuration file is still what the next start reads (the database only with compat): \
         take the change over into the file, SELECT CONFIG prints it"
            .to_owned()
    }

    /// `LOAD … TO RUNTIME`.
    pub(super) fn load(&self, module: Module) -> Result<(), Vec<String>> {
        let mut rows = Rows::new();
        let mut problems = Vec::new();
        for table in self.tables_of(module) {
            let mut held = self.of_module("main", table.name, module).map_err(|error| vec![error.message])?;
            held.iter_mut().for_each(|row| self.secrets.reveal(table.name, row));
            if module.prefix().is_some() {
                problems.extend(held.iter().filter_map(wrong_variable));
            }
            rows.insert(table.name.to_owned(), held);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        self.runtime.load(module, &rows)
    }

    /// `LOAD MYSQL USER x TO RUNTIME`: the others stay as they run.
    pub(super) fn load_user(&self, name: &str) -> Result<Answer, AdminError> {
        let is = |row: &Row| row.first() == Some(&Value::Text(name.to_owned()));
        let mut mine: Vec<Row> = self.held("main", "mysql_users")?.into_iter().filter(|row| is(row)).collect();
        if mine.is_empty() {
            return Err(AdminError::admin(format!("mysql_users has no user '{name}'")));
        }
        mine.iter_mut().for_each(|row| self.secrets.reveal("mysql_users", row));
        let mut rows = self.runtime.runtime_rows("mysql_users");
        rows.retain(|row| !is(row));
        rows.append(&mut mine);
        self.runtime
            .load(Module::MysqlUsers, &Rows::from([("mysql_users".to_owned(), rows)]))
            .map_err(|problems| AdminError::admin(problems.join("; ")))?;
        Ok(Answer::done())
    }

    fn runtime_to_memory(&mut self, module: Module) -> Result<(), AdminError> {
        for table in self.tables_of(module) {
            let rows = self.runtime.runtime_rows(table.name);
            self.exchange("main", table, module, rows)?;
        }
        Ok(())
    }

    fn disk_to_memory(&mut self, module: Module) -> Result<(), AdminError> {
        for table in self.tables_of(module) {
            let rows = self.held("disk", table.name)?;
            if module.prefix().is_some() {
                // Variables that the database does not know keep their defaults.
                self.put(table.name, rows.into_iter().filter(|row| is_of(row, module)).collect())?;
            } else {
                self.exchange("main", table, module, rows)?;
            }
        }
        Ok(())
    }

    fn memory_to_disk(&mut self, module: Module) -> Result<(), AdminError> {
        if let (Some(reason), Some(_)) = (&self.no_disk, &self.options.datadir) {
            return Err(AdminError::admin(format!("nothing can be saved to disk: {reason}")));
        }
        for table in self.tables_of(module) {
            let rows = self.held("main", table.name)?;
            self.exchange("disk", table, module, rows)?;
        }
        self.keep_secrets()?;
        self.guard.set_sealed(self.disk_is_open()?);
        Ok(())
    }

    fn config_to_memory(&mut self, module: Module) -> Result<(), AdminError> {
        let rows = (self.options.config)().map_err(|problems| AdminError::admin(problems.join("; ")))?;
        for table in self.tables_of(module) {
            let mine = rows.get(table.name).into_iter().flatten().filter(|row| is_of(row, module)).cloned().collect();
            self.put(table.name, mine)?;
        }
        Ok(())
    }

    /// Adds rows to `main`; those of the same key are replaced.
    pub(super) fn put(&mut self, table: &str, mut rows: Vec<Row>) -> Result<(), AdminError> {
        let Some(known) = self.table(table) else {
            return Err(AdminError::admin(format!("there is no table {table}")));
        };
        rows.iter_mut().for_each(|row| self.secrets.hide(known.name, row));
        let transaction = self.db.unchecked_transaction()?;
        insert_rows(&transaction, "main", known.name, known.columns.len(), &rows)?;
        Ok(transaction.commit()?)
    }

    /// Puts a module's `rows` in place of those that stand there; another module's in the same table stay.
    fn exchange(&mut self, schema: &str, table: &Table, module: Module, rows: Vec<Row>) -> Result<(), AdminError> {
        let mut all = rows;
        all.retain(|row| is_of(row, module));
        all.iter_mut().for_each(|row| self.secrets.hide(table.name, row));
        if module.prefix().is_some() {
            all.extend(self.held(schema, table.name)?.into_iter().filter(|row| !is_of(row, module)));
        }
        replace_rows(&self.db, schema, table.name, table.columns.len(), &all)
    }

    fn tables_of(&self, module: Module) -> Vec<&'static Table> {
        module.tables().iter().filter_map(|name| self.table(name)).collect()
    }

    pub(super) fn of_module(&self, schema: &str, table: &str, module: Module) -> Result<Vec<Row>, AdminError> {
        let mut rows = self.held(schema, table)?;
        rows.retain(|row| is_of(row, module));
        Ok(rows)
    }

    /// Learns the secrets of `disk`. Nothing is changed there: ProxySQL may be wanted back.
    fn remember(&mut self) -> Result<(), AdminError> {
        let kept: Vec<(String, String)> = {
            let mut statement = self.db.prepare(&format!("SELECT form, clear FROM disk.{SECRETS}"))?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        kept.into_iter().for_each(|(form, clear)| self.secrets.learn(form, clear));
        self.guard.set_sealed(self.disk_is_open()?);
        Ok(())
    }

    /// Writes the clear text of exactly those secrets that `disk` names.
    fn keep_secrets(&self) -> Result<(), AdminError> {
        let mut named = self.held("disk", "mysql_users")?;
        named.append(&mut self.held("disk", "global_variables")?);
        let transaction = self.db.unchecked_transaction()?;
        transaction.execute(&format!("DELETE FROM disk.{SECRETS}"), [])?;
        for mut row in named {
            for (form, clear) in self.secrets.known_in_row(&mut row) {
                transaction.execute(&format!("INSERT OR REPLACE INTO disk.{SECRETS} VALUES (?1,?2)"), [form, clear])?;
            }
        }
        Ok(transaction.commit()?)
    }

    pub(super) fn checksum(&self, disk: bool, module: Module) -> Result<Answer, AdminError> {
        let schema = if disk { "disk" } else { "main" };
        let mut rows = Vec::new();
        for table in self.tables_of(module) {
            let held = self.of_module(schema, table.name, module)?;
            let digest = Sha1::digest(format!("{held:?}").as_bytes());
            let number = digest.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
            rows.push(vec![Some(table.name.as_bytes().to_vec()), Some(format!("0x{number:016X}").into_bytes())]);
        }
        Ok(Answer::Rows { columns: vec!["table".to_owned(), "checksum".to_owned()], rows })
    }
}

/// A default is never wrong, even of a variable that cannot be set. The words do not hold the value.
fn wrong_variable(row: &Row) -> Option<String> {
    let [Value::Text(name), Value::Text(value)] = row.as_slice() else { return None };
    match variables::find(name) {
        Some(known) if known.name == name && known.default == value => None,
        Some(known) if known.name == name => Variables::default().set(name, value).err(),
        _ => Some(format!("{name} is not a variable; DELETE FROM global_variables WHERE variable_name='{name}'")),
    }
}

/// Whether a row belongs to `module`: variables of all modules share a table.
fn is_of(row: &Row, module: Module) -> bool {
    match (module.prefix(), row.first()) {
        (Some(prefix), Some(Value::Text(name))) => name.starts_with(prefix),
        (prefix, _) => prefix.is_none(),
    }
}
