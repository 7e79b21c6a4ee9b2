//! What operators rely on, tried on a running program: figures, rules, alerts, dashboards. With a real Prometheus where
//! there is one.

#[path = "../support/mod.rs"]
mod support;

mod alerts;
mod compose;
mod dashboards;
mod documents;
mod names;
mod program;
mod prometheus;
mod small_disk;
mod status;
mod storage;
mod traces;
