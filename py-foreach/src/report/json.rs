//! `--report`: the run as one JSON object.

use std::path::Path;
use std::time::UNIX_EPOCH;

use common::json::Object;
use serde_json::{Value, json};

use crate::environment::Job;
use crate::job::Ending;
use crate::outcome::{Finished, Outcome};

/// The whole of it.
pub(crate) fn text(jobs: &[Job], outcome: &Outcome, status: u8) -> String {
    let facts = &outcome.facts;
    let peak = outcome.finished.iter().flatten().map(|job| job.peak).max();
    let fitted = facts
        .memory
        .zip(peak.filter(|&peak| peak > 0))
        .map(|(all, peak)| all / peak);
    let list: Vec<Value> = jobs
        .iter()
        .zip(&outcome.finished)
        .map(|(job, finished)| one(job, finished.as_ref(), facts.share))
        .collect();
    let report = Object::new()
        .with("status", status)
        .with("signal", outcome.signal)
        .with("wall_seconds", facts.wall.as_secs_f64())
        .with("slots", facts.slots)
        .with("pool", facts.pool)
        .with("slots_recovered", outcome.lost)
        .with("memory_available_bytes", facts.memory)
        .with("memory_peak_bytes", peak)
        .with("memory_would_have_fitted", fitted)
        .with("jobs", list);
    format!("{:#}\n", report.into_value())
}

fn one(job: &Job, finished: Option<&Finished>, share: usize) -> Value {
    let object = Object::new()
        .with_path("name", Path::new(&job.name))
        .with_path("id", Path::new(&job.id));
    let object = match job.record() {
        Some(record) => object.with_path("image", &record.image),
        None => object,
    };
    let Some(finished) = finished else {
        return object.with("ended", "never started").into_value();
    };
    let (ended, number) = ending(finished.ending);
    let start = finished
        .started
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let daemons: Vec<Value> = finished
        .daemons
        .iter()
        .map(|d| json!({"pid": d.pid, "name": d.name}))
        .collect();
    let errors: Vec<String> = finished.errors.iter().map(ToString::to_string).collect();
    object
        .with("ended", ended)
        .with("number", number)
        .with("start_unix_seconds", start.as_secs_f64())
        .with("wall_seconds", finished.wall.as_secs_f64())
        .with("user_seconds", finished.usage.user.as_secs_f64())
        .with("system_seconds", finished.usage.system.as_secs_f64())
        .with("peak_memory_bytes", finished.peak)
        .with("largest_process_bytes", finished.usage.largest)
        .with("output_bytes", finished.printed)
        .with("static_share", share)
        .with("without_pool", job.without_pool())
        .with_path("log", &finished.log)
        .with("daemons", daemons)
        .with("errors", errors)
        .into_value()
}

/// How it ended, and the status or the signal where there is one.
fn ending(ending: Ending) -> (&'static str, Option<i32>) {
    match ending {
        Ending::Exited(status) => ("exited", Some(status.into())),
        Ending::Signalled(signal) => ("signalled", Some(signal)),
        Ending::TimedOut => ("timed out", None),
        Ending::Stopped => ("stopped", None),
        Ending::Broken => ("could not be run", None),
    }
}
