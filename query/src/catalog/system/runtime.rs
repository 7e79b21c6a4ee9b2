//! `system.runtime`.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use depthlake_dialect::functions::VERSION;

use super::Tables;
use crate::catalog::Directory;
use crate::catalog::sheet::{Cell, Kind};
use crate::session::QueryInfo;

pub(super) const TABLES: Tables = &[
    (
        "nodes",
        &[
            ("node_id", Kind::Text),
            ("http_uri", Kind::Text),
            ("node_version", Kind::Text),
            ("coordinator", Kind::Flag),
            ("state", Kind::Text),
        ],
    ),
    (
        "queries",
        &[
            ("query_id", Kind::Text),
            ("state", Kind::Text),
            ("user", Kind::Text),
            ("source", Kind::Text),
            ("query", Kind::Text),
            ("resource_group_id", Kind::Texts),
            ("queued_time_ms", Kind::Number),
            ("analysis_time_ms", Kind::Number),
            ("planning_time_ms", Kind::Number),
            ("created", Kind::Time),
            ("started", Kind::Time),
            ("last_heartbeat", Kind::Time),
            ("end", Kind::Time),
            ("error_type", Kind::Text),
            ("error_code", Kind::Text),
        ],
    ),
    (
        "transactions",
        &[
            ("transaction_id", Kind::Text),
            ("isolation_level", Kind::Text),
            ("read_only", Kind::Flag),
            ("auto_commit_context", Kind::Flag),
            ("create_time", Kind::Time),
            ("idle_time_secs", Kind::Number),
            ("written_catalog", Kind::Text),
            ("catalogs", Kind::Texts),
        ],
    ),
];

/// Transactions are known to clients only, so there are no rows of them.
pub(super) fn rows(table: &str, directory: &Arc<Directory>) -> Vec<Vec<Cell>> {
    match table {
        "nodes" => vec![vec!["depthlake".into(), Cell::Null, VERSION.into(), true.into(), "active".into()]],
        "queries" => {
            let sees_all = directory.principal().grants.writes("system", "runtime");
            let user = &directory.principal().user;
            let known = directory.database().queries().list();
            known.iter().filter(|query| sees_all || query.user == *user).map(query).collect()
        }
        _ => Vec::new(),
    }
}

fn query(query: &QueryInfo) -> Vec<Cell> {
    let started = query.started.unwrap_or_else(SystemTime::now);
    let queued = started.duration_since(query.created).unwrap_or_default();
    vec![
        query.id.as_str().into(),
        query.state.name().into(),
        query.user.as_str().into(),
        query.source.clone().into(),
        query.text.as_str().into(),
        Cell::Texts(vec!["global".to_owned()]),
        i64::try_from(queued.as_millis()).unwrap_or(i64::MAX).into(),
        Cell::Null,
        Cell::Null,
        time(Some(query.created)),
        time(query.started),
        time(Some(query.ended.unwrap_or_else(SystemTime::now))),
        time(query.ended),
        query.error.as_ref().map(|error| error.kind).into(),
        query.error.as_ref().map(|error| error.name).into(),
    ]
}

fn time(time: Option<SystemTime>) -> Cell {
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let milliseconds = since.and_then(|since| i64::try_from(since.as_millis()).ok());
    milliseconds.map_or(Cell::Null, Cell::Time)
}
