//! CronJob controller: a Job at each scheduled time, named after that time, so that none is started twice.
//!
//! Invariant: the last scheduled time in the status is written after the Job is made; a crash in between finds the Job
//! by its name.
//!
//! Upstream: `pkg/controller/cronjob/cronjob_controllerv2.go`.

mod schedule;
mod told;

use crate::owned::OwnerKind;
use crate::{Action, Announce, Change, Controller, Plan, View, Wanted};
use apimachinery::{Object, Value, time};
use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, Job};
use kinds::resources::{CRON_JOBS, JOBS};
use schedule::{Schedule, Unreadable};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use stdx::Timestamp;

const KIND: OwnerKind = OwnerKind { api_version: "batch/v1", kind: "CronJob" };

/// The time a Job was scheduled for. Upstream: `CronJobScheduledTimestampAnnotation`.
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

pub struct CronJobs;

/// A Job of ours.
struct Run {
    object: Arc<Object>,
    job: Job,
}

struct Round {
    object: Arc<Object>,
    cron: CronJob,
    spec: CronJobSpec,
    runs: Vec<Run>,
    now: Timestamp,
}

impl Controller for CronJobs {
    fn name(&self) -> &'static str {
        "cronjob-controller"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&CRON_JOBS, &JOBS] }
    }

    fn affected(&self, change: Change<'_>, _: &dyn View) -> Vec<String> {
        if *change.of == JOBS { KIND.owners(change) } else { Vec::new() }
    }

    fn reconcile(&self, key: &str, view: &dyn View, now: Timestamp) -> Plan {
        let Some(object) = view.get(&CRON_JOBS, key).filter(|object| !object.head.is_deleting()) else {
            return Plan::rest();
        };
        let Ok(cron) = object.decode::<CronJob>() else { return Plan::rest() };
        let Some(spec) = cron.spec.clone() else { return Plan::rest() };
        let runs = view.owned_by(&JOBS, &object.head.uid).into_iter();
        let runs = runs.filter_map(|object| Some(Run { job: object.decode().ok()?, object })).collect();
        Round { object, cron, spec, runs, now }.plan()
    }
}

impl Run {
    /// The terminal condition, once there is one.
    fn end(&self) -> Option<&str> {
        let conditions = self.job.status.as_ref()?.conditions.as_ref()?;
        let terminal = |name: &str| matches!(name, "Complete" | "Failed");
        let found = conditions.iter().find(|condition| terminal(&condition.type_) && condition.status == "True");
        found.map(|condition| condition.type_.as_str())
    }

    /// Whether we made it.
    fn is_scheduled(&self) -> bool {
        self.job.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(SCHEDULED))
    }

    fn started(&self) -> i64 {
        let start = self.job.status.as_ref().and_then(|status| status.start_time.as_ref());
        start.or(self.job.metadata.creation_timestamp.as_ref()).map_or(0, |at| at.0.as_second())
    }

    fn completed(&self) -> Option<i64> {
        let at = self.job.status.as_ref()?.completion_time.as_ref()?;
        (self.end() == Some("Complete")).then(|| at.0.as_second())
    }

    fn delete(&self) -> Action {
        Action::delete_by(&JOBS, &self.object, Some("Background"), None)
    }

    fn reference(&self) -> Value {
        let head = &self.object.head;
        json!({"apiVersion": "batch/v1", "kind": "Job", "name": head.name, "namespace": head.namespace, "uid": head.uid,
            "resourceVersion": head.revision.to_string()})
    }
}

/// What the status will say; starts as what it says.
struct Status {
    last_schedule: Option<i64>,
    last_success: Option<i64>,
}

impl Round {
    fn plan(&self) -> Plan {
        let mut plan = Plan::default();
        let mut status = self.old_status();
        status.last_success = self.runs.iter().filter_map(Run::completed).chain(status.last_success).max();
        plan.actions.extend(self.seen_ends());
        plan.actions.extend(self.surprises());
        plan.actions.extend(self.history());
        let gone = if self.suspended() { Vec::new() } else { self.start(&mut status, &mut plan) };
        plan.actions.extend(self.write_status(&status, &gone));
        plan
    }

    fn old_status(&self) -> Status {
        let status = self.cron.status.as_ref();
        Status {
            last_schedule: status.and_then(|status| Some(status.last_schedule_time.as_ref()?.0.as_second())),
            last_success: status.and_then(|status| Some(status.last_successful_time.as_ref()?.0.as_second())),
        }
    }

    fn suspended(&self) -> bool {
        self.spec.suspend.unwrap_or(false)
    }

    fn is_listed(&self, uid: &str) -> bool {
        let active = self.cron.status.iter().filter_map(|status| status.active.as_ref()).flatten();
        active.into_iter().any(|reference| reference.uid.as_deref() == Some(uid))
    }

    /// Finished Jobs beyond the limits go, oldest first.
    fn history(&self) -> Vec<Action> {
        let limits = [
            ("Complete", self.spec.successful_jobs_history_limit.unwrap_or(3)),
            ("Failed", self.spec.failed_jobs_history_limit.unwrap_or(1)),
        ];
        let surplus = limits.into_iter().flat_map(|(end, limit)| {
            let live = self.runs.iter().filter(|run| !run.object.head.is_deleting());
            let mut ended: Vec<&Run> = live.filter(|run| run.end() == Some(end)).collect();
            ended.sort_by_key(|run| (run.started(), run.object.head.name.clone()));
            let surplus = ended.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
            ended.truncate(surplus);
            ended
        });
        let runs: Vec<&Run> = surplus.collect();
        runs.iter().flat_map(|run| [run.delete(), self.deleted(run)]).collect()
    }

    fn deleted(&self, run: &Run) -> Action {
        self.event(false, "SuccessfulDelete", format!("Deleted job {}", run.object.head.name))
    }

    /// Starts what is due; returns the uids of Jobs that are replaced.
    fn start(&self, status: &mut Status, plan: &mut Plan) -> Vec<String> {
        let schedule = match Schedule::parse(&self.spec.schedule, self.spec.time_zone.as_deref()) {
            Ok(schedule) => schedule,
            Err(Unreadable::Schedule(why)) => {
                let message = format!("unparseable schedule: {:?} : {why}", self.spec.schedule);
                plan.actions.push(self.event(true, "UnparseableSchedule", message));
                return Vec::new();
            }
            Err(Unreadable::Zone(why)) => {
                let zone = self.spec.time_zone.as_deref().unwrap_or_default();
                plan.actions.push(self.event(true, "UnknownTimeZone", format!("invalid timeZone: {zone:?}: {why}")));
                return Vec::new();
            }
        };
        if self.spec.schedule.contains("TZ") {
            let message = format!(
                "CRON_TZ or TZ used in schedule {:?} is not officially supported, see \
                 https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details",
                self.spec.schedule
            );
            plan.actions.push(self.event(true, "UnsupportedSchedule", message));
        }
        if let Some(next) = schedule.next(self.now) {
            plan.look_again(next.since(self.now));
        }
        let due = schedule.due(self.since(status), self.now);
        if due.too_many {
            let message =
                "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
            plan.actions.push(self.event(true, "TooManyMissedTimes", message.to_owned()));
        }
        let Some(at) = due.latest else { return Vec::new() };
        if self.deadline().is_some_and(|deadline| at + deadline < self.now) {
            let message = format!("Missed scheduled time to start a job: {}", schedule::rfc1123(at));
            plan.actions.push(self.event(true, "MissSchedule", message));
            return Vec::new();
        }
        self.run(at, status, plan)
    }

    fn run(&self, at: Timestamp, status: &mut Status, plan: &mut Plan) -> Vec<String> {
        let name = format!("{}-{}", self.object.head.name, at.secs() / 60);
        if self.runs.iter().any(|run| run.object.head.name == name) {
            // Made before a crash (or before the status was written).
            status.last_schedule = status.last_schedule.max(Some(at.secs()));
            return Vec::new();
        }
        let active: Vec<&Run> = self.runs.iter().filter(|run| run.end().is_none()).collect();
        let mut gone = Vec::new();
        match self.spec.concurrency_policy.as_deref() {
            Some("Forbid") if !active.is_empty() => {
                let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
                plan.actions.push(self.event(false, "JobAlreadyActive", message.to_owned()));
                return Vec::new();
            }
            Some("Replace") => {
                plan.actions.extend(active.iter().flat_map(|run| [run.delete(), self.deleted(run)]));
                gone = active.iter().map(|run| run.object.head.uid.clone()).collect();
            }
            _ => {}
        }
        plan.actions.push(self.create(name, at));
        status.last_schedule = Some(at.secs());
        gone
    }

    /// Times after this one may be due: the last scheduled, or the creation, but not before the starting deadline.
    fn since(&self, status: &Status) -> Timestamp {
        let created = self.cron.metadata.creation_timestamp.as_ref().map_or(0, |at| at.0.as_second());
        let since = status.last_schedule.unwrap_or(created).max(created);
        let since = Timestamp::from_secs(u64::try_from(since).unwrap_or(0));
        match self.deadline() {
            Some(deadline) => since.max(Timestamp(self.now.0.saturating_sub(deadline))),
            None => since,
        }
    }

    fn deadline(&self) -> Option<Duration> {
        Some(Duration::from_secs(u64::try_from(self.spec.starting_deadline_seconds?).unwrap_or(0)))
    }

    fn create(&self, name: String, at: Timestamp) -> Action {
        let template = self.object.to_value()["spec"]["jobTemplate"].take();
        let mut metadata = json!({
            "name": name, "namespace": self.object.head.namespace,
            "ownerReferences": [KIND.reference(&self.object)],
        });
        for field in ["labels", "annotations"] {
            if template["metadata"][field].is_object() {
                metadata[field] = template["metadata"][field].clone();
            }
        }
        metadata["annotations"][SCHEDULED] = self.shown_in_zone(at).into();
        let body = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]});
        Action::Create {
            of: &JOBS,
            namespace: self.object.head.namespace.clone(),
            body,
            announce: Some(Announce::job(KIND.regarding(&self.object))),
        }
    }

    /// RFC 3339 in the CronJob's time zone.
    fn shown_in_zone(&self, at: Timestamp) -> String {
        use k8s_openapi::jiff;
        let zone = self.spec.time_zone.as_deref().and_then(|name| jiff::tz::TimeZone::get(name).ok());
        let instant = jiff::Timestamp::from_second(at.secs()).unwrap_or_default();
        match zone {
            Some(zone) => instant.display_with_offset(zone.to_offset(instant)).to_string(),
            None => instant.to_string(),
        }
    }

    fn event(&self, warning: bool, reason: &'static str, message: String) -> Action {
        Action::Event { about: KIND.regarding(&self.object), warning, reason, message }
    }

    /// Only if something differs. A Job made in this round is listed in the next, when it is seen.
    fn write_status(&self, status: &Status, gone: &[String]) -> Option<Action> {
        let active = self.runs.iter().filter(|run| run.end().is_none() && !gone.contains(&run.object.head.uid));
        let listed: Vec<Value> = active.map(Run::reference).collect();
        let uids = |list: &[Value]| list.iter().map(|one| one["uid"].to_string()).collect::<Vec<_>>();
        let old = self.object.to_value()["status"]["active"].as_array().cloned().unwrap_or_default();
        let before = self.old_status();
        if uids(&old) == uids(&listed)
            && (before.last_schedule, before.last_success) == (status.last_schedule, status.last_success)
        {
            return None;
        }
        let shown = |at: Option<i64>| at.map(time::format_seconds);
        let active = if listed.is_empty() { Value::Null } else { listed.into() };
        let body = json!({"status": {"active": active,
            "lastScheduleTime": shown(status.last_schedule), "lastSuccessfulTime": shown(status.last_success)}});
        Some(Action::patch(&CRON_JOBS, &self.object, "status", body))
    }
}

#[cfg(test)]
mod tests;
