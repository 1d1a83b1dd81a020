//! The end of the process: signals, and how clients are let go.
//!
//! As a pod behind a Service it goes like this. A rolling update deletes the pod; at the same moment its node sends
//! SIGTERM, and the Service's endpoints begin to change. Until the last node has heard of the change, new connections
//! still come here: a process that no longer listened would refuse them. So
//!
//! 1. for a while all is as before: who connects is served ([`Drain`]);
//! 2. then nobody is let in any more, and who has nothing open leaves: where these connect again, it is to another pod;
//! 3. who has a transaction or a temporary table open leaves when it is ended, at the latest after [`PATIENCE`].
//!
//! Together that is less than the half minute after which Kubernetes kills. Where there is no Service, nobody need wait:
//! `barque sql` begins with the second step.

use super::client::local::end_statement;
use super::log;
use super::runtime::Order;
use super::shared::Shared;
use super::tls::Acceptor;
use super::web::Site;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// For clients with something open. Kubernetes and systemd give half a minute in all, [`Drain::LONGEST`] goes before.
const PATIENCE: Duration = Duration::from_secs(15);

/// Between two looks at who is still there.
const LOOK: Duration = Duration::from_millis(20);

/// The signals that end it. Caught from the first moment on: a container's first process is not ended by what it does
/// not catch, so that a pod deleted while it starts would be waited for, and killed.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// # Errors
    /// Where the system gives none.
    pub fn catch() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The next of either.
    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::Drain,
            _ = self.interrupt.recv() => Wish::Now,
        }
    }
}

/// How it is to end.
enum Wish {
    /// With the first step.
    Drain,
    /// With the second.
    Now,
}

/// How long new clients are served after SIGTERM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// At least. Zero: not at all.
    least: Duration,
}

impl Drain {
    /// In a pod. Endpoints change within a second or two, on large clusters too.
    const POD: Duration = Duration::from_secs(3);
    /// At most, whoever still comes.
    const LONGEST: Duration = Duration::from_secs(10);
    /// So long nobody has logged in before nobody is expected any more.
    const QUIET: Duration = Duration::from_secs(1);

    /// As the command line says, or as is right where it runs: each pod is told where the API is.
    pub fn of(given: Option<Duration>) -> Self {
        let usual = || if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() { Self::POD } else { Duration::ZERO };
        Self { least: given.unwrap_or_else(usual) }
    }

    /// Whether it is over: `since` the signal, and since somebody logged in last.
    fn is_over(self, since: Duration, quiet: Duration) -> bool {
        let longest = Self::LONGEST.max(self.least);
        since >= longest || since >= self.least && (quiet >= Self::QUIET || self.least.is_zero())
    }
}

/// What the end is waited for with.
pub struct Ending<'a> {
    pub shared: &'a Arc<Shared>,
    pub site: &'a Site,
    pub datadir: &'a Path,
    pub orders: &'a mut mpsc::UnboundedReceiver<Order>,
    pub signals: &'a mut Signals,
    pub drain: Drain,
}

impl Ending<'_> {
    /// Until it is told to end, and those who may have left.
    pub async fn run(mut self) {
        let mut order = self.wait().await;
        if order == Order::ShutdownSlow {
            let shared = self.shared;
            tokio::select! {
                () = leave(shared, None) => order = Order::Kill,
                // Somebody is in more of a hurry.
                next = self.wait() => order = next,
            }
        }
        if order != Order::Kill {
            leave(self.shared, Some(PATIENCE)).await;
        }
    }

    /// Until it is told to end and new clients need not be served any more.
    async fn wait(&mut self) -> Order {
        loop {
            tokio::select! {
                wish = self.signals.next() => match wish {
                    Wish::Now => {
                        log::info("interrupted");
                        return Order::Shutdown;
                    }
                    Wish::Drain => return self.serve_on().await,
                },
                order = self.orders.recv() => if let Some(end) = self.obey(order) { return end },
            }
        }
    }

    /// Until nobody new is sent here; the administrator is heard meanwhile, and a second signal ends it.
    async fn serve_on(&mut self) -> Order {
        if self.drain.least.is_zero() {
            log::info("told to stop");
            return Order::Shutdown;
        }
        log::info(&format!("told to stop: serves on for {:?}, while new clients may be sent here", self.drain.least));
        let began = Instant::now();
        let (mut came, mut last) = (self.shared.sessions.total.load(Relaxed), began);
        while !self.drain.is_over(began.elapsed(), last.elapsed()) {
            tokio::select! {
                _ = self.signals.next() => {
                    log::info("told to stop at once");
                    return Order::Shutdown;
                }
                order = self.orders.recv() => if let Some(end) = self.obey(order) { return end },
                () = tokio::time::sleep(LOOK) => {}
            }
            let total = self.shared.sessions.total.load(Relaxed);
            if total != came {
                (came, last) = (total, Instant::now());
            }
        }
        let (clients, late) = (self.shared.sessions.connected.load(Relaxed), last.duration_since(began).as_millis());
        let came =
            if late == 0 { "nobody came meanwhile".to_owned() } else { format!("the last came after {late} ms") };
        log::info(&format!("no new clients from now on, {came}; {clients} leave when they have nothing open"));
        Order::Shutdown
    }

    /// Does what it is told; gives it back where it is the end.
    fn obey(&self, order: Option<Order>) -> Option<Order> {
        match order {
            Some(Order::ReloadTls) => self.reload_tls(),
            Some(Order::EndStatement(id)) => {
                tokio::task::spawn_local(end_statement(self.shared.clone(), id));
            }
            Some(order) => {
                log::info("told by an administrator to stop");
                return Some(order);
            }
            None => return Some(Order::Shutdown),
        }
        None
    }

    fn reload_tls(&self) {
        match Acceptor::load(self.datadir) {
            Ok(acceptor) => {
                if let Err(error) = self.site.load_tls() {
                    log::error(&format!("TLS of the statistics page stays as it was: {error}"));
                }
                if self.shared.tls.load().is_some() {
                    self.shared.tls.store(Some(Arc::new(acceptor)));
                }
            }
            Err(error) => log::error(&format!("TLS stays as it was: {error}")),
        }
    }
}

/// Clients that have nothing open leave at once, others when they have ended it. Without a limit all of them stay as long
/// as they like; only nobody new comes.
async fn leave(shared: &Shared, limit: Option<Duration>) {
    if limit.is_some() {
        shared.stopping.store(true, Relaxed);
        shared.stop.notify_waiters();
    } else {
        shared.paused.send_replace(true);
    }
    let began = Instant::now();
    while shared.sessions.connected.load(Relaxed) > 0 && limit.is_none_or(|limit| began.elapsed() < limit) {
        tokio::time::sleep(LOOK).await;
    }
    let left = shared.sessions.connected.load(Relaxed);
    if left > 0 {
        log::warn(&format!("{left} clients had something open to the end"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_clients_are_served_while_they_come_but_not_for_ever() {
        let seconds = Duration::from_secs_f64;
        let pod = Drain { least: seconds(3.0) };
        let over = |since: f64, quiet: f64| pod.is_over(seconds(since), seconds(quiet));
        assert!(!over(0.0, 0.0) && !over(2.9, 2.9), "the least time");
        assert!(!over(3.0, 0.5) && !over(9.9, 0.0), "somebody was sent here just now");
        assert!(over(3.0, 1.0) && over(10.0, 0.0));
        let alone = Drain { least: Duration::ZERO };
        assert!(alone.is_over(Duration::ZERO, Duration::ZERO), "outside of pods nobody waits");
        let longer = Drain { least: seconds(20.0) };
        assert!(!longer.is_over(seconds(19.0), seconds(19.0)) && longer.is_over(seconds(20.0), seconds(1.0)));
    }
}
