//! Putting rows right: those of some keys are taken out of their files, and the right ones put in their place.

use std::collections::{BTreeSet, HashSet};

use arrow_array::{BooleanArray, RecordBatch, UInt64Array};
use arrow_row::OwnedRow;
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take_record_batch;
use thiserror::Error;

use super::compare::{Difference, KeyReader};
use super::extent::Extent;
use crate::commit::{CommitError, Lake, LakeError, StoredFile, TableChange};
use crate::table::Table;

/// How often files that another writer replaced meanwhile are read anew.
pub(super) const ATTEMPTS: usize = 10;

/// Why rows were not put right. The table has not changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RepairError {
    #[error("the rows of {table} cannot be compared")]
    Rows { table: Table, source: ArrowError },
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// What a repair did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repaired {
    pub removed_rows: usize,
    pub added_rows: usize,
    pub rewritten_files: usize,
}

/// Rows to be taken out of a table by their keys, and rows to be put in.
#[derive(Debug, Clone)]
pub struct Correction {
    /// All rows with the keys of these go.
    pub wrong: RecordBatch,
    /// These come.
    pub right: RecordBatch,
}

impl Correction {
    /// What makes the found rows equal to the expected ones where they differ.
    ///
    /// # Errors
    /// [`ArrowError`] where a column of the key is missing.
    pub fn of(
        key: &[&str],
        expected: &RecordBatch,
        found: &RecordBatch,
        differences: &[Difference],
    ) -> Result<Self, ArrowError> {
        let (mut of_expected, mut of_found) = (BTreeSet::new(), BTreeSet::new());
        for difference in differences {
            match *difference {
                Difference::Missing { expected } => {
                    of_expected.insert(expected);
                }
                Difference::Duplicate { found } | Difference::Unfounded { found } => {
                    of_found.insert(found);
                }
                Difference::Drift { expected, found, .. } => {
                    of_expected.insert(expected);
                    of_found.insert(found);
                }
            }
        }
        let wrong = [rows_at(expected, of_expected)?, rows_at(found, of_found)?];
        let wrong = concat_batches(&expected.schema(), &wrong)?;
        let mut reader = KeyReader::new(&expected.schema(), key)?;
        let keys: HashSet<_> = reader.read(&wrong)?.iter().map(|row| row.owned()).collect();
        let right = reader.read(expected)?;
        let is_right = right.iter().map(|row| Some(keys.contains(&row.owned()))).collect::<BooleanArray>();
        Ok(Self { right: filter_record_batch(expected, &is_right)?, wrong })
    }
}

pub(super) fn rows_at(batch: &RecordBatch, rows: BTreeSet<usize>) -> Result<RecordBatch, ArrowError> {
    let rows = rows.into_iter().filter_map(|row| u64::try_from(row).ok());
    take_record_batch(batch, &UInt64Array::from_iter_values(rows))
}

/// Corrects a table in one commit. Files that may have rows like the wrong ones, by the times and symbols they tell of, are
/// read whole.
///
/// # Errors
/// [`RepairError::Rows`] where a column is missing; [`RepairError::Lake`] and [`RepairError::Commit`] where the table cannot
/// be read or changed.
pub async fn repair(
    lake: &Lake,
    table: Table,
    key: &[&str],
    Correction { wrong, right }: &Correction,
) -> Result<Repaired, RepairError> {
    let unreadable = |source| RepairError::Rows { table, source };
    let keys: HashSet<OwnedRow> = {
        let mut reader = KeyReader::new(&wrong.schema(), key).map_err(unreadable)?;
        reader.read(wrong).map_err(unreadable)?.iter().map(|row| row.owned()).collect()
    };
    let extent = Extent::of(table, wrong).map_err(unreadable)?;
    for _ in 0..ATTEMPTS {
        let files = lake.data_files(table).await?.files;
        let mut repair = Repair { key, keys: &keys, removed: Vec::new(), kept: Vec::new(), removed_rows: 0 };
        for file in files.into_iter().filter(|file| extent.touches(file)) {
            let rows = lake.read_rows(&file, table).await?;
            repair.look_at(file, &rows).map_err(unreadable)?;
        }
        let repaired = Repaired {
            removed_rows: repair.removed_rows,
            added_rows: right.num_rows(),
            rewritten_files: repair.removed.len(),
        };
        let Repair { removed, mut kept, .. } = repair;
        kept.push(right.clone());
        match lake.change(vec![TableChange::overwrite(table, removed, kept)]).await {
            Err(CommitError::FilesGone { .. }) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(repaired),
        }
    }
    Err(CommitError::Contended { attempts: ATTEMPTS }.into())
}

struct Repair<'a> {
    key: &'a [&'a str],
    keys: &'a HashSet<OwnedRow>,
    /// Files that have rows with these keys.
    removed: Vec<StoredFile>,
    /// Their other rows.
    kept: Vec<RecordBatch>,
    removed_rows: usize,
}

impl Repair<'_> {
    fn look_at(&mut self, file: StoredFile, rows: &[RecordBatch]) -> Result<(), ArrowError> {
        let mut kept = Vec::with_capacity(rows.len());
        let mut removed_rows = 0;
        for batch in rows {
            let mut reader = KeyReader::new(&batch.schema(), self.key)?;
            let keys = reader.read(batch)?;
            let stays: BooleanArray =
                keys.iter().map(|key| Some(!self.keys.contains(&key.owned()))).collect();
            removed_rows += keys.num_rows() - stays.true_count();
            kept.push(filter_record_batch(batch, &stays)?);
        }
        if removed_rows > 0 {
            self.removed_rows += removed_rows;
            self.removed.push(file);
            self.kept.append(&mut kept);
        }
        Ok(())
    }
}
