//! The engine as all connections use it: one at a time, on threads that may wait.

use super::{Admin, AdminError, Answer, Role, Session};
use mysql::protocol::reply::ServerError;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// What the protocol asks of an engine.
pub trait Engine {
    type Session;

    fn session(&self, user: &str) -> Self::Session;

    /// # Errors
    ///
    /// The first statement's that failed; those before it are done.
    fn execute(
        &self,
        session: &mut Self::Session,
        sql: &str,
    ) -> impl Future<Output = Result<Vec<Answer>, ServerError>> + Send;
}

#[derive(Clone)]
pub struct Shared {
    admin: Arc<Mutex<Admin>>,
    /// Those of `admin-stats_credentials`.
    stats_users: Arc<[String]>,
    connections: Arc<AtomicU64>,
}

impl Shared {
    pub fn new(admin: Admin, stats_users: impl IntoIterator<Item = String>) -> Self {
        Self {
            admin: Arc::new(Mutex::new(admin)),
            stats_users: stats_users.into_iter().collect(),
            connections: Arc::default(),
        }
    }
}

impl Engine for Shared {
    type Session = Session;

    fn session(&self, user: &str) -> Session {
        let role = if self.stats_users.iter().any(|known| known == user) { Role::Stats } else { Role::Admin };
        Session::new(role, user, 1 + self.connections.fetch_add(1, Relaxed))
    }

    async fn execute(&self, session: &mut Session, sql: &str) -> Result<Vec<Answer>, ServerError> {
        let (admin, mut mine, sql) = (self.admin.clone(), session.clone(), sql.to_owned());
        let work = move || {
            let answers = admin.lock().unwrap_or_else(PoisonError::into_inner).execute(&mut mine, &sql);
            (answers, mine)
        };
        let (answers, mine) = tokio::task::spawn_blocking(work).await.map_err(|error| {
            ServerError::new(1105, b"HY000", format!("the admin interface failed within itself: {error}"))
        })?;
        *session = mine;
        answers.map_err(|error| told(&error))
    }
}

fn told(error: &AdminError) -> ServerError {
    let state = error.sqlstate.as_bytes().try_into().unwrap_or(*b"HY000");
    ServerError::new(error.code, &state, error.message.as_str())
}
