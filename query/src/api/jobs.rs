//! What is done to the lake again and again: how each job's last run went, and what it did.

use depthlake_lake::commit::TableStatus;
use depthlake_lake::runs::{Figures, Job, JobRuns, Runs};
use depthlake_lake::table::Table;
use depthlake_orderbook::time::Timestamp;

use super::lake::{is_ingested, write_time};
use crate::json_text::JsonText;

/// Writes a list of all jobs.
pub(super) fn write_jobs(json: &mut JsonText, tables: &[TableStatus], runs: &Runs) {
    json.raw("[");
    for (index, job) in Job::ALL.into_iter().enumerate() {
        json.raw(if index == 0 { "" } else { "," });
        write_job(json, job, &runs.of(job), committed(job, tables));
    }
    json.raw("]");
}

/// Of a job that has not run in this process the tables may tell when it last changed them, whichever process that was.
fn write_job(json: &mut JsonText, job: Job, runs: &JobRuns, committed: Option<Timestamp>) {
    let (done, failure) = match runs.last.as_ref().map(|run| &run.result) {
        Some(Ok(done)) => (done.clone(), None),
        Some(Err(why)) => (Figures::new(), Some(why)),
        None => (Figures::new(), None),
    };
    let outcome = match (&runs.last, failure, committed) {
        (Some(_), Some(_), _) => "failed",
        (Some(_), None, _) => "done",
        (None, _, Some(_)) => "committed",
        (None, _, None) => "never",
    };
    json.raw("{\"name\":");
    json.plain(job.name());
    json.raw(",\"last_run\":");
    write_time(json, runs.last.as_ref().map(|run| run.ended).or(committed));
    json.raw(",\"duration_ms\":");
    json.double(runs.last.as_ref().map(|run| run.duration.as_secs_f64() * 1e3));
    json.raw(",\"outcome\":");
    json.plain(outcome);
    json.raw(",\"detail\":");
    match failure {
        Some(why) => json.string(why),
        None => json.raw("null"),
    }
    json.raw(",\"done\":");
    write_figures(json, &done);
    json.raw(",\"total\":");
    write_figures(json, &runs.total);
    json.raw("}");
}

fn committed(job: Job, tables: &[TableStatus]) -> Option<Timestamp> {
    let changes = |table: Table| match job {
        Job::Sink => is_ingested(table),
        Job::Maintenance => false,
        Job::Marts => table.namespace() == "marts",
        Job::Reconciliation => table == Table::ReconBreaks,
    };
    tables.iter().filter(|status| changes(status.table)).filter_map(|status| status.last_commit).max()
}

fn write_figures(json: &mut JsonText, figures: &Figures) {
    json.raw("{");
    for (index, (name, figure)) in figures.iter().enumerate() {
        json.raw(if index == 0 { "" } else { "," });
        json.plain(name);
        json.raw(":");
        json.integer(*figure);
    }
    json.raw("}");
}
