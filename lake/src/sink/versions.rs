//! Bars on their way into the lake: each closes the version before it of the same bar.

use crate::bitemporal;
use crate::commit::{CommitError, Lake, TableChange};
use crate::table::Table;

/// The same changes, in which the versions that new bars open close those before them.
pub(super) async fn closing_versions(
    lake: &Lake,
    mut changes: Vec<TableChange>,
) -> Result<Vec<TableChange>, CommitError> {
    for change in changes.iter_mut().filter(|change| change.table == Table::Bars) {
        let malformed = |error: arrow_schema::ArrowError| CommitError::Malformed {
            table: Table::Bars,
            reason: error.to_string(),
        };
        let facts = bitemporal::facts_of(Table::Bars, &change.added).map_err(malformed)?;
        if facts.num_rows() > 0 {
            let revised = bitemporal::change(lake, Table::Bars, &facts).await?;
            *change = TableChange { positions: std::mem::take(&mut change.positions), ..revised };
        }
    }
    Ok(changes)
}
