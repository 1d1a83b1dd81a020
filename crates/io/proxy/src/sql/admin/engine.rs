//! Opens the database and hands each statement to who answers it.

use super::commands::{self, Statement};
use super::guard::{Guard, SECRETS};
use super::secrets::Secrets;
use super::text::{self, Token};
use super::{AdminError, Answer, Command, Module, Options, Role, Runtime, Session, catalog, shims};
use mysql::tables::{self, Kind, stats};
use rusqlite::{Connection, OpenFlags, limits::Limit};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of the longest text, in one message.
const LONGEST_TEXT: usize = 1 << 20;
/// Bytes of the longest value that SQLite makes.
const LONGEST_VALUE: i32 = 16 << 20;
/// Version comments within each other.
const DEEPEST: usize = 8;
/// The name that ProxySQL gives its database.
const FILE: &str = "proxysql.db";

/// The admin interface, one for all its sessions.
pub struct Admin {
    pub(super) db: Connection,
    pub(super) guard: Guard,
    pub(super) secrets: Secrets,
    pub(super) options: Options,
    pub(super) runtime: Arc<dyn Runtime>,
    /// Why `disk` is only in memory, if it is.
    pub(super) no_disk: Option<String>,
}

impl Admin {
    /// Makes the tables and fills `main` from the file or, by ProxySQL's rule, from the database.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, all of it, or why the database cannot be used.
    pub fn open(options: Options, runtime: Arc<dyn Runtime>) -> Result<Self, Vec<String>> {
        let mut db = Connection::open_in_memory().map_err(said)?;
        let (disk, existed, no_disk) = attach(&db, options.datadir.as_deref()).map_err(said)?;
        let secrets = Secrets::default();
        make_tables(&mut db).map_err(|error| {
            vec![format!("cannot make the tables of {disk}: {error}; move the file away to begin anew")]
        })?;
        catalog::make(&db).map_err(said)?;
        shims::add_functions(&db, &options.version).map_err(said)?;
        db.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE).map_err(said)?;
        let guard = Guard::set(&mut db).map_err(said)?;
        shims::add_session_functions(&db, &guard).map_err(said)?;
        let mut admin = Self { db, guard, secrets, options, runtime, no_disk };
        admin.fill(existed)?;
        Ok(admin)
    }

    /// `LOAD … TO RUNTIME` of every module, as at a start.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, of all modules; those without a fault are loaded.
    pub fn load_all(&self) -> Result<(), Vec<String>> {
        let problems: Vec<String> = Module::all().filter_map(|module| self.load(module).err()).flatten().collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Carries out the statements of `sql` in order and stops at the first that fails.
    ///
    /// # Errors
    ///
    /// The failed statement's; what stood before it is done.
    pub fn execute(&mut self, session: &mut Session, sql: &str) -> Result<Vec<Answer>, AdminError> {
        if sql.len() > LONGEST_TEXT {
            return Err(AdminError::too_long(format!("a statement has at most {LONGEST_TEXT} bytes")));
        }
        // A panic of the statement before must not leave its rights behind.
        self.guard.leave();
        text::statements(sql).into_iter().map(|statement| self.one(session, statement, 0)).collect()
    }

    fn one(&mut self, session: &mut Session, sql: &str, depth: usize) -> Result<Answer, AdminError> {
        let tokens = text::tokens(sql);
        if let Some(inside) = text::unwrapped(&tokens).filter(|_| depth < DEEPEST) {
            return self.one(session, inside, depth + 1);
        }
        let statement = commands::statement(&tokens).map_err(AdminError::admin)?;
        self.may(session, &statement)?;
        match statement {
            Statement::Move(direction, module) => self.transfer(direction, module),
            Statement::LoadUser(name) => self.load_user(&name),
            Statement::TakeOver => self.take_over(),
            Statement::Tell(command) => self.tell(command),
            Statement::ReadOnly(read_only) => {
                self.guard.set_read_only(read_only);
                Ok(Answer::done())
            }
            Statement::FlushConfigDb => {
                Ok(Answer::told("the disk database is read and written directly; nothing to do"))
            }
            Statement::Checksum { disk, module } => self.checksum(disk, module),
            Statement::Config(file) => self.configuration(file.as_deref()),
            Statement::Clear(name) => self.clear(session, &name),
            Statement::Use(schema) => use_schema(session, &schema),
            Statement::Set => self.set(session, sql, &tokens),
            Statement::Show => self.show(session, sql, &tokens),
            Statement::Describe => self.describe(session, &tokens),
            Statement::Nothing => Ok(Answer::done()),
            Statement::Sql => self.sql(session, sql, &tokens),
        }
    }

    /// SQL is judged by the guard; commands here.
    fn may(&self, session: &Session, statement: &Statement) -> Result<(), AdminError> {
        let harmless = matches!(
            statement,
            Statement::Use(_)
                | Statement::Set
                | Statement::Show
                | Statement::Describe
                | Statement::Nothing
                | Statement::Sql
        );
        if session.role == Role::Stats && !harmless {
            return Err(AdminError::refused("users of admin-stats_credentials only read; this needs an admin user"));
        }
        Ok(())
    }

    fn tell(&self, command: Command) -> Result<Answer, AdminError> {
        self.runtime.command(command).map(Answer::told).map_err(AdminError::admin)
    }

    fn clear(&mut self, session: &Session, name: &[String]) -> Result<Answer, AdminError> {
        let table = name.last().map_or("", String::as_str);
        if let Some((stat, _)) = stats::find(table) {
            if !stat.reset {
                return Err(AdminError::refused(format!("{table} cannot be cleared")));
            }
            let affected = self.runtime.stats_rows(stat.name, true).len() as u64;
            return Ok(Answer::Ok { affected, last_insert_id: 0, info: String::new() });
        }
        let name: Vec<String> = name.iter().map(|part| text::identifier(part)).collect();
        self.run(session, &format!("DELETE FROM {}", name.join(".")))
    }

    fn sql(&mut self, session: &Session, sql: &str, tokens: &[Token<'_>]) -> Result<Answer, AdminError> {
        let (sql, names) = self.with_variables(session, sql, tokens)?;
        let mut answer = self.run(session, &sql)?;
        if let Answer::Rows { columns, .. } = &mut answer {
            shims::restore_names(columns, names);
        }
        Ok(answer)
    }
}

fn use_schema(session: &mut Session, schema: &str) -> Result<Answer, AdminError> {
    if !["main", "disk", "stats", "monitor"].contains(&schema) {
        let message = format!("Unknown database '{schema}'; there are main, disk, stats and monitor");
        return Err(AdminError { code: 1049, sqlstate: "42000", message });
    }
    schema.clone_into(&mut session.schema);
    Ok(Answer::done())
}

fn said(error: rusqlite::Error) -> Vec<String> {
    vec![format!("the admin interface's database failed: {error}")]
}

/// Attaches the schemas. Gives the database's name, whether it was there, and why it is not on disk.
fn attach(db: &Connection, datadir: Option<&Path>) -> rusqlite::Result<(String, bool, Option<String>)> {
    let prepared = match datadir {
        None => Err("no datadir is set".to_owned()),
        Some(folder) => file(folder).map_err(|error| format!("{}: {error}", folder.join(FILE).display())),
    };
    let (name, existed, no_disk) = match prepared {
        Ok((path, existed)) => (path.display().to_string(), existed, None),
        Err(reason) => (":memory:".to_owned(), false, Some(reason)),
    };
    db.execute("ATTACH ?1 AS disk", [&name])?;
    db.execute_batch("ATTACH ':memory:' AS stats; ATTACH ':memory:' AS monitor")?;
    Ok((name, existed, no_disk))
}

/// The database's file, made with rights for its owner alone: it holds passwords.
fn file(folder: &Path) -> std::io::Result<(PathBuf, bool)> {
    let path = folder.join(FILE);
    let existed = std::fs::metadata(&path).is_ok_and(|meta| meta.len() > 0);
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let probe = Connection::open_with_flags(&path, flags)
        .and_then(|db| db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())));
    probe.map_err(std::io::Error::other)?;
    Ok((path, existed))
}

/// In one transaction: each by itself would wait for the disk several times.
fn make_tables(db: &mut Connection) -> rusqlite::Result<()> {
    let db = db.transaction()?;
    for table in tables::ALL {
        db.execute_batch(&table.create(&format!("main.{}", table.name)))?;
        db.execute_batch(&table.create(&format!("disk.{}", table.name)).replacen("TABLE", "TABLE IF NOT EXISTS", 1))?;
        let columns: Vec<(&str, Kind)> = table.columns.iter().map(|column| (column.name, column.kind)).collect();
        db.execute_batch(&plain(&format!("main.runtime_{}", table.name), &columns))?;
    }
    for stat in stats::ALL {
        let name = format!("{}.{}", stat.schema.name(), stat.name);
        db.execute_batch(&plain(&name, stat.columns))?;
        if stat.reset {
            db.execute_batch(&plain(&format!("{name}_reset"), stat.columns))?;
        }
    }
    db.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS disk.{SECRETS} (form VARCHAR PRIMARY KEY, clear VARCHAR NOT NULL)"
    ))?;
    db.commit()
}

/// A table that only the engine fills has no checks.
fn plain(name: &str, columns: &[(&str, Kind)]) -> String {
    let columns = columns.iter().map(|(name, kind)| {
        let kind = if *kind == Kind::Integer { "INTEGER" } else { "VARCHAR" };
        format!("{} {kind}", text::identifier(name))
    });
    format!("CREATE TABLE {name} ({})", columns.collect::<Vec<_>>().join(", "))
}
