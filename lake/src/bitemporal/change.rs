//! New facts as a change of the table that keeps their versions.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;

use super::revise::{Revision, revise};
use super::version::{facts_schema, symbols, times};
use crate::commit::{ChangeKind, CommitError, Lake, StoredFile, TableChange};
use crate::table::Table;

/// The change that brings facts, in the order in which they were published, into a table of bars: versions are opened, and
/// files that have the versions before are written anew with them closed. It holds for the table as it is now: where it
/// fails with [`CommitError::FilesGone`], ask for it again.
///
/// # Errors
/// [`CommitError::Lake`] where the table cannot be read, [`CommitError::Malformed`] where the facts are not those of the
/// table.
pub async fn change(lake: &Lake, table: Table, facts: &RecordBatch) -> Result<TableChange, CommitError> {
    if facts.num_rows() == 0 {
        return change_of(lake, table, Vec::new(), facts).await;
    }
    let files = lake.data_files(table).await?.files;
    change_of(lake, table, files, facts).await
}

/// As [`change`], of the state in which the table has these files.
pub(crate) async fn change_of(
    lake: &Lake,
    table: Table,
    stored_files: Vec<StoredFile>,
    facts: &RecordBatch,
) -> Result<TableChange, CommitError> {
    let malformed = |error: ArrowError| CommitError::Malformed { table, reason: error.to_string() };
    let mut files = Vec::new();
    let mut stored = Vec::new();
    for file in touched_files(table, stored_files, facts)? {
        let rows = lake.read_rows(&file, table).await?;
        files.push((file, stored.len()..stored.len() + rows.len()));
        stored.extend(rows);
    }
    let Revision { kept, closed, opened } = revise(table, &stored, facts).map_err(malformed)?;
    let mut change = TableChange::append(table, vec![opened], Vec::new());
    for (file, batches) in files {
        if closed.get(batches.clone()).is_some_and(|closed| closed.iter().any(|&count| count > 0)) {
            change.removed.push(file);
            change.added.extend(kept.get(batches).into_iter().flatten().cloned());
            change.kind = ChangeKind::Overwrite;
        }
    }
    Ok(change)
}

/// The facts of versions that were just opened.
pub(crate) fn facts_of(table: Table, versions: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let facts = facts_schema(table);
    let project = |versions: &RecordBatch| {
        let column =
            |field: &std::sync::Arc<arrow_schema::Field>| versions.column_by_name(field.name()).cloned();
        let columns = facts.fields().iter().filter_map(column).collect();
        RecordBatch::try_new(facts.clone(), columns)
    };
    concat_batches(&facts, &versions.iter().map(project).collect::<Result<Vec<_>, _>>()?)
}

/// The files that may have versions of the bars that the facts are of.
pub(super) fn touched_files(
    table: Table,
    mut files: Vec<StoredFile>,
    facts: &RecordBatch,
) -> Result<Vec<StoredFile>, CommitError> {
    let malformed = |error: ArrowError| CommitError::Malformed { table, reason: error.to_string() };
    let opens = times(facts, "open_time").map_err(malformed)?.values();
    let symbols = symbols(facts).map_err(malformed)?;
    let (Some(&first), Some(&last)) = (opens.iter().min(), opens.iter().max()) else { return Ok(Vec::new()) };
    let (least, greatest) = (symbols.iter().flatten().min(), symbols.iter().flatten().max());
    files.retain(|file| {
        let in_time = file.times.as_ref().is_none_or(|times| times.least <= last && first <= times.greatest);
        in_time
            && file.symbols.as_ref().is_none_or(|symbols| {
                Some(symbols.least.as_str()) <= greatest && least <= Some(symbols.greatest.as_str())
            })
    });
    Ok(files)
}
