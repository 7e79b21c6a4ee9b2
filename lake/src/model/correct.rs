//! Corrections: bars made again from the trades, where they differ from what is believed.
//!
//! A trade that comes after its minute was closed is landed but in no bar; a start in the middle of a minute splits its bar
//! in two. The model `int_bar_corrections` finds such bars, among the minutes touched by trades or bars that came since the
//! last run, and each becomes a new version of its bar.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, TimestampMicrosecondArray, new_null_array};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, Field};
use arrow_select::concat::concat_batches;
use depthlake_orderbook::time::Timestamp;

use super::build::{BARS, BuildError, Builder, by_day};
use super::pending::Pending;
use super::{Model, Touch};
use crate::bitemporal;
use crate::commit::{Changed, TableChange};
use crate::table::Table;

/// The model that finds what is to be corrected.
const CORRECTIONS: &str = "intermediate.int_bar_corrections";

/// What touches which minutes: trades, and bars themselves, so that each new one is compared once.
pub(super) fn touches() -> [Touch; 2] {
    let touch =
        |table: Table, from: &str| Touch { table: table.to_string(), from: from.to_owned(), until: None };
    [touch(Table::Trades, "trade_time"), touch(Table::Bars, "open_time")]
}

/// Opens a version, published at `now`, of each bar that differs, all in one commit; returns how many. `None` where another
/// run was first: the versions it opened are not known here, and would be opened twice.
pub(super) async fn correct(
    builder: &Builder,
    pending: &Pending,
    now: Timestamp,
) -> Result<Option<u64>, BuildError> {
    if pending.minutes.is_empty() {
        return Ok(Some(0));
    }
    let unfit = |source| BuildError::Rows { name: BARS.to_owned(), source };
    let schema = bitemporal::facts_schema(Table::Bars);
    let mut differing = Vec::new();
    if let Some(model) = Model::named(CORRECTIONS) {
        for minutes in pending.minutes.iter().flat_map(|minutes| by_day(*minutes)) {
            for rows in builder.ask(model, minutes).await? {
                differing.push(facts(&rows, now).map_err(unfit)?);
            }
        }
    }
    let facts = concat_batches(&schema, &differing).map_err(unfit)?;
    let opened = facts.num_rows() as u64;
    let not_committed = |source| BuildError::Commit { name: BARS.to_owned(), source };
    // The state waits for the first rows: engines stumble over a snapshot that lists nothing.
    let has_state =
        !pending.built.is_empty() && !builder.lake.data_files(Table::Bars).await?.files.is_empty();
    let mut change = match opened {
        0 if !has_state => return Ok(Some(0)),
        0 => TableChange::append(Table::Bars, Vec::new(), Vec::new()),
        _ => bitemporal::change(&builder.lake, Table::Bars, &facts).await.map_err(not_committed)?,
    };
    change.properties.clone_from(&pending.built);
    change.positions = vec![pending.range()];
    match builder.lake.change(vec![change]).await.map_err(not_committed)? {
        Changed::Committed(_) => Ok(Some(opened)),
        Changed::AlreadyCommitted => Ok(None),
    }
}

/// Rows of the model as facts that are published now.
fn facts(rows: &RecordBatch, now: Timestamp) -> Result<RecordBatch, ArrowError> {
    let exact = CastOptions { safe: false, ..CastOptions::default() };
    let schema = bitemporal::facts_schema(Table::Bars);
    let column = |field: &Arc<Field>| -> Result<ArrayRef, ArrowError> {
        if field.name() == "published_at" {
            let times = TimestampMicrosecondArray::from_value(now.microseconds(), rows.num_rows());
            return Ok(Arc::new(times.with_timezone("+00:00")));
        }
        match rows.column_by_name(field.name()) {
            Some(found) => cast_with_options(found, field.data_type(), &exact),
            None => Ok(new_null_array(field.data_type(), rows.num_rows())),
        }
    };
    let columns = schema.fields().iter().map(column).collect::<Result<_, _>>()?;
    RecordBatch::try_new(schema, columns)
}
