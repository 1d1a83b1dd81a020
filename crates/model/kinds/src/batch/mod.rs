//! `batch/v1` and what is left of `batch/v1beta1`.

pub mod cron_job;
pub mod cron_job_v1beta1;
pub mod job;
mod rules;
pub mod schedule;
