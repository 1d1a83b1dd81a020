//! What all actors share: the API, the time, chance, and the calls that are on their way.

use crate::agenda::{Agenda, Event, Who};
use crate::api::{Answer, Api, Call, Verb};
use crate::rng::Rng;
use crate::trace::Trace;
use apimachinery::{ApiError, GroupVersionResource as Gvr, Reason, Value};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use stdx::Timestamp;

/// Chances of a call, in permille.
const LOST: u64 = 30;
const ANSWER_LOST: u64 = 20;
const SLOW: u64 = 40;

/// One life of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Me {
    pub who: Who,
    pub life: u32,
}

/// What a job is for: its actor's business.
#[derive(Debug, Clone)]
pub enum Tag {
    Round { key: String, again: Option<Duration> },
    Told { key: String },
    Pod { uid: String, status: Option<Value> },
    Heartbeat { reported: bool },
}

/// One write, as the view will show it.
#[derive(Debug, Clone)]
pub enum Write {
    Revision(&'static Gvr, u64),
    Deletion(&'static Gvr, String, String),
}

/// Calls made one after the other.
#[derive(Debug)]
pub struct Job {
    pub me: Me,
    pub name: &'static str,
    pub tag: Tag,
    pub calls: VecDeque<Call>,
    pub written: Vec<Write>,
    /// The revision of the last answer.
    pub last: u64,
    pub error: Option<ApiError>,
}

impl Job {
    pub fn new(me: Me, name: &'static str, tag: Tag, calls: Vec<Call>) -> Self {
        Self { me, name, tag, calls: calls.into(), written: Vec::new(), last: 0, error: None }
    }
}

pub struct Ctx {
    pub api: Api,
    pub agenda: Agenda,
    pub rng: Rng,
    pub trace: Trace,
    /// No faults any more.
    pub calm: bool,
    /// Whom the network has cut off.
    pub cut: BTreeSet<Who>,
    jobs: BTreeMap<u64, Job>,
    count: u64,
}

impl Ctx {
    pub fn new(seed: u64, shown: bool) -> Self {
        let mut rng = Rng::new(seed);
        Self {
            api: Api::new(Rng::new(rng.next())),
            agenda: Agenda::default(),
            rng,
            trace: Trace::new(shown),
            calm: false,
            cut: BTreeSet::new(),
            jobs: BTreeMap::new(),
            count: 0,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.agenda.now
    }

    pub fn note(&mut self, text: &str) {
        let at = self.agenda.elapsed();
        self.trace.line(at, text);
    }

    fn latency(&mut self) -> Duration {
        let is_slow = !self.calm && self.rng.permille(SLOW);
        if is_slow { self.rng.millis(100, 3000) } else { self.rng.millis(1, 20) }
    }

    pub fn start(&mut self, job: Job) {
        self.count += 1;
        let (id, wait) = (self.count, self.latency());
        self.jobs.insert(id, job);
        self.agenda.after(wait, Event::Step { job: id });
    }

    pub fn job(&self, id: u64) -> Option<&Job> {
        self.jobs.get(&id)
    }

    pub fn finish(&mut self, id: u64) -> Option<Job> {
        self.jobs.remove(&id)
    }

    /// The next call of a job reaches the API, or does not. Of an actor that is dead by now no further call follows.
    pub fn step(&mut self, id: u64, is_alive: bool) {
        let Some(mut job) = self.jobs.remove(&id) else { return };
        let Some(call) = job.calls.pop_front() else {
            return self.answer(id, job);
        };
        if let Err(error) = self.send(&mut job, &call) {
            job.calls.retain(|next| next.batch == call.batch && call.batch != usize::MAX);
            job.error.get_or_insert(error);
        }
        if !is_alive {
            return;
        }
        if job.calls.is_empty() {
            return self.answer(id, job);
        }
        let wait = self.latency();
        self.jobs.insert(id, job);
        self.agenda.after(wait, Event::Step { job: id });
    }

    fn answer(&mut self, id: u64, job: Job) {
        let timed_out = job.error.as_ref().is_some_and(|error| error.reason() == Reason::Timeout);
        let wait = if timed_out { self.rng.millis(200, 8000) } else { self.latency() };
        self.jobs.insert(id, job);
        self.agenda.after(wait, Event::Done { job: id });
    }

    fn send(&mut self, job: &mut Job, call: &Call) -> Result<(), ApiError> {
        let timeout = || ApiError::new(Reason::Timeout, "the request was not answered in time");
        if self.cut.contains(&job.me.who) || (!self.calm && self.rng.permille(LOST)) {
            self.note(&format!("{} lost a request", job.name));
            return Err(timeout());
        }
        self.api.now = self.now();
        let answer = self.api.call(call, job.last, job.name);
        if let Err(error) = &answer {
            self.note(&format!("{} was refused: {error}", job.name));
        }
        let answer = answer?;
        if !self.calm && self.rng.permille(ANSWER_LOST) {
            self.note(&format!("{} lost an answer", job.name));
            return Err(timeout());
        }
        match (answer, &call.verb) {
            (Answer::Object(object), _) => {
                job.last = object.head.revision;
                job.written.push(Write::Revision(call.of, object.head.revision));
            }
            (Answer::Nothing, Verb::Delete(delete)) => {
                let key = crate::api::key(&delete.namespace, &delete.name);
                job.written.push(Write::Deletion(call.of, key, delete.uid.clone()));
            }
            (Answer::Nothing, _) => {}
        }
        Ok(())
    }
}
