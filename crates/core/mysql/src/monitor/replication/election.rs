//! Who is the writer.

use super::super::gtid::Relation;
use super::{Address, Group, Io, Retirement, Server, SlaveStatus};

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Writer {
        from: Option<Address>,
        to: Option<Address>,
        reason: Reason,
    },
    /// It has missed too many answers.
    Dead {
        server: Address,
    },
    Alive {
        server: Address,
    },
    /// An old writer follows the new one; it may be promoted again.
    Rejoined {
        server: Address,
    },
}

/// Why the writer changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The first answers say so.
    FirstSeen,
    /// The rows say so; nobody is writable yet.
    Configured,
    /// It was the writer before this process; nobody else is one.
    Remembered,
    /// It is writable, the writer does not answer and is not followed any longer.
    WriterUnreachable,
    /// It is writable, the writer is dead.
    WriterDead,
    /// It is writable, the writer is read-only.
    WriterReadOnly,
    /// The writer replicates from it.
    WriterFollows,
    /// The writer is no member of the group any more.
    Removed,
}

impl Reason {
    /// For logs: goes on after "A is the writer in place of B: ".
    pub fn words(self) -> &'static str {
        match self {
            Self::FirstSeen => "the first answers of all members say so",
            Self::Configured => "mysql_servers says so, and no member is writable",
            Self::Remembered => "it was the writer before, and no other member can be",
            Self::WriterUnreachable => "it was made writable, the writer does not answer",
            Self::WriterDead => "it is writable, the writer is dead",
            Self::WriterReadOnly => "it is writable, the writer is read-only",
            Self::WriterFollows => "it is writable, the writer replicates from it",
            Self::Removed => "the writer has no row in mysql_servers any more",
        }
    }
}

impl Group {
    /// Chooses the writer anew, after anything has changed.
    pub(super) fn elect(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        if !self.settled {
            events.extend(self.settle());
        } else if let Some((index, reason)) = self.successor() {
            events.push(self.enthrone(index, reason));
        }
        if !events.is_empty() {
            // An old writer may follow the new one already.
            events.extend((0..self.servers.len()).filter_map(|index| self.rejoin(index)).collect::<Vec<_>>());
        }
        self.note_rivals();
        events
    }

    /// Forgives the old writer once it follows the new one and has what that one had when it took over.
    pub(super) fn rejoin(&mut self, index: usize) -> Option<Event> {
        let server = &self.servers[index];
        let retirement = server.retired.as_ref()?;
        let replica = server.replica_of()?;
        let follows = server.answers() && self.incumbent.is_some() && self.root_of(index) == self.incumbent;
        let caught_up = match (&retirement.at, server.position()) {
            (Some(promotion), Some(position)) => position.contains_all(promotion),
            _ => true,
        };
        if !(follows && caught_up && replica.io == Io::Running && replica.sql_running) {
            return None;
        }
        let server = server.member.address.clone();
        self.servers[index].retired = None;
        Some(Event::Rejoined { server })
    }

    /// The first choice, when each member has answered or failed.
    fn settle(&mut self) -> Option<Event> {
        if !self.servers.iter().all(|server| server.asked) {
            return None;
        }
        let configured = self.servers.iter().position(|server| server.member.writer_row);
        let remembered = self.remembered.as_ref().and_then(|address| self.index_of(address));
        let mut best: Option<usize> = None;
        for index in (0..self.servers.len()).filter(|index| self.is_candidate(*index)) {
            if best.is_none_or(|best| self.outranks(index, best)) {
                best = Some(index);
            }
        }
        let (index, reason) = match best {
            Some(index) => (index, Reason::FirstSeen),
            None if remembered.is_some() => (remembered?, Reason::Remembered),
            None => (configured?, Reason::Configured),
        };
        self.settled = true;
        self.remembered = None;
        // The file may be older than the last failover: what it calls the writer may be an old one.
        let is_old = |old: &usize| {
            let server = &self.servers[*old];
            *old != index && !server.member.reader_row && server.retired.is_none()
        };
        if let Some(old) = configured.filter(is_old) {
            self.retire(old, index);
        }
        Some(self.enthrone(index, reason))
    }

    /// At the start: whether a candidate is more likely the writer than another.
    fn outranks(&self, index: usize, other: usize) -> bool {
        let followers =
            |master: usize| (0..self.servers.len()).filter(|at| self.master_of(*at) == Some(master)).count();
        let is_expected = |at: usize| match &self.remembered {
            Some(address) => self.servers[at].member.address == *address,
            None => self.servers[at].member.writer_row,
        };
        let rank = |at: usize| (followers(at), is_expected(at));
        let ahead = match (self.servers[index].position(), self.servers[other].position()) {
            (Some(mine), Some(its)) => match mine.compare(its) {
                Relation::Ahead => Some(true),
                Relation::Behind => Some(false),
                Relation::Equal | Relation::Diverged => None,
            },
            _ => None,
        };
        match (followers(index) == followers(other), ahead) {
            (true, Some(ahead)) => ahead,
            _ => rank(index) > rank(other),
        }
    }

    /// Who takes the writer's place now, if somebody has to. The furthest, if several could.
    fn successor(&self) -> Option<(usize, Reason)> {
        let mut best: Option<(usize, Reason)> = None;
        for index in 0..self.servers.len() {
            let Some(reason) = self.promotion(index) else { continue };
            if best.is_none_or(|(best, _)| self.outranks(index, best)) {
                best = Some((index, reason));
            }
        }
        best
    }

    /// Why a member takes the writer's place; `None` if it does not.
    fn promotion(&self, index: usize) -> Option<Reason> {
        if Some(index) == self.incumbent || !self.is_candidate(index) {
            return None;
        }
        let Some(incumbent) = self.incumbent else { return Some(Reason::FirstSeen) };
        let (server, writer) = (&self.servers[index], &self.servers[incumbent]);
        if writer.missed == 0 && writer.seen.is_some() {
            let follows = writer.refused.is_none() && self.follows(incumbent, index) && !self.follows(index, incumbent);
            return match () {
                () if writer.read_only() && writer.refused.is_none() => Some(Reason::WriterReadOnly),
                () if follows => Some(Reason::WriterFollows),
                () => None,
            };
        }
        // Refused from the start: it is there, and nobody can say how it is.
        if writer.missed == 0 {
            return None;
        }
        let let_go = self.has_let_go(server);
        if server.rival {
            return (self.is_dead(writer) && let_go).then_some(Reason::WriterDead);
        }
        match self.is_dead(writer) {
            true => Some(Reason::WriterDead),
            false => (let_go || self.is_cut_off(server)).then_some(Reason::WriterUnreachable),
        }
    }

    /// It answers, is writable, was not the writer before, and no writable member is its master.
    fn is_candidate(&self, index: usize) -> bool {
        let server = &self.servers[index];
        let answers = server.answers() && server.refused.is_none();
        answers && server.writable() && server.retired.is_none() && !self.is_held(index)
    }

    /// Its master is a member that answers and is writable, or refuses to tell, or at least is still connected to it.
    fn is_held(&self, index: usize) -> bool {
        let Some(master) = self.master_of(index) else { return false };
        if Some(master) == self.incumbent && self.follows(master, index) {
            // Each follows the other: who was the writer stays it, and that is decided elsewhere.
            return false;
        }
        let (server, master) = (&self.servers[index], &self.servers[master]);
        if master.seen.is_none() && master.refused.is_some() {
            // It is there; that it may be written to is what its replica lets suppose.
            return true;
        }
        let connected = server.replica_of().is_some_and(|replica| replica.io == Io::Running);
        master.writable() && (master.missed == 0 || connected && !self.is_dead(master))
    }

    /// A member's receiving thread runs, and gets from the other one.
    fn follows(&self, index: usize, master: usize) -> bool {
        let running = self.servers[index].replica_of().is_some_and(|replica| replica.io != Io::Stopped);
        running && self.master_of(index) == Some(master)
    }

    /// Somebody has stopped its replication, or taken it away.
    fn has_let_go(&self, server: &Server) -> bool {
        match server.seen.as_ref().map(|seen| &seen.slave) {
            Some(SlaveStatus::NotReplica) => true,
            Some(SlaveStatus::Replica(replica)) => replica.io == Io::Stopped,
            _ => false,
        }
    }

    /// It finds its master as little as we do.
    fn is_cut_off(&self, server: &Server) -> bool {
        server.replica_of().is_some_and(|replica| replica.io == Io::Connecting)
    }

    fn enthrone(&mut self, index: usize, reason: Reason) -> Event {
        let from = self.incumbent.replace(index);
        self.servers[index].retired = None;
        if let Some(old) = from {
            self.retire(old, index);
        }
        let address = |at: usize| self.servers[at].member.address.clone();
        Event::Writer { from: from.map(address), to: Some(address(index)), reason }
    }

    fn retire(&mut self, old: usize, successor: usize) {
        let at = self.servers[successor].position().cloned();
        self.servers[old].retired = Some(Retirement { at });
    }

    /// Remembers who was writable beside a writer that was well.
    fn note_rivals(&mut self) {
        let writer_is_well = self.incumbent.is_some_and(|at| self.servers[at].answers() && self.servers[at].writable());
        for (index, server) in self.servers.iter_mut().enumerate() {
            if Some(index) == self.incumbent || server.read_only() {
                server.rival = false;
            } else if writer_is_well && server.answers() && server.writable() {
                server.rival = true;
            }
        }
    }

    /// Whether somebody else could be the writer as well as it is.
    pub(super) fn has_rivals(&self) -> bool {
        (0..self.servers.len()).any(|index| Some(index) != self.incumbent && self.is_candidate(index))
    }
}
