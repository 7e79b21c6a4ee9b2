//! Rows that are there more than once, and nothing else tells that they are: found by their numbers, told apart by all their
//! columns, and taken out but for one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use arrow_array::{BooleanArray, RecordBatch};
use arrow_row::OwnedRow;
use arrow_schema::ArrowError;
use arrow_select::filter::filter_record_batch;

use super::compare::KeyReader;
use super::extent::Extent;
use super::repair::{ATTEMPTS, RepairError, rows_at};
use crate::commit::{CommitError, Lake, TableChange};
use crate::table::Table;

/// Numbers in one of [`OffsetSet`]'s pages.
const PAGE: i64 = 1 << 16;
const WORDS: usize = 1 << 10;

/// A set of offsets, a bit each.
#[derive(Debug, Default)]
pub struct OffsetSet {
    pages: HashMap<i64, Box<[u64; WORDS]>>,
}

/// Rows apart by whether others have their key.
#[derive(Debug, Clone, PartialEq)]
pub struct Copies {
    /// Of each key with several rows, all of them the same, the first row.
    pub first: RecordBatch,
    /// The other rows of these keys.
    pub surplus: Vec<usize>,
    /// All rows of keys whose rows differ.
    pub disputed: Vec<usize>,
}

impl OffsetSet {
    /// Puts an offset in; `false` where it was in before.
    pub fn insert(&mut self, offset: i64) -> bool {
        let page = self.pages.entry(offset.div_euclid(PAGE)).or_insert_with(|| Box::new([0; WORDS]));
        let at = usize::try_from(offset.rem_euclid(PAGE)).unwrap_or(0);
        let bit = 1_u64 << (at % 64);
        let Some(word) = page.get_mut(at / 64) else { return true };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

/// Tells copies apart from rows that have the same key and say otherwise.
///
/// # Errors
/// [`ArrowError`] where a column of the key is missing.
pub fn copies(rows: &RecordBatch, key: &[&str]) -> Result<Copies, ArrowError> {
    let schema = rows.schema();
    let all: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let keys = KeyReader::new(&schema, key)?.read(rows)?;
    let whole = KeyReader::new(&schema, &all)?.read(rows)?;
    let mut by_key: BTreeMap<OwnedRow, Vec<usize>> = BTreeMap::new();
    for (row, key) in keys.iter().enumerate() {
        by_key.entry(key.owned()).or_default().push(row);
    }
    let (mut first_rows, mut surplus, mut disputed) = (BTreeSet::new(), Vec::new(), Vec::new());
    for rows in by_key.into_values() {
        let Some((&first, others @ [_, ..])) = rows.split_first() else { continue };
        if others.iter().all(|&other| whole.row(other) == whole.row(first)) {
            first_rows.insert(first);
            surplus.extend(others);
        } else {
            disputed.extend(rows);
        }
    }
    Ok(Copies { first: rows_at(rows, first_rows)?, surplus, disputed })
}

/// Takes rows out of a table until each of some keys is there once; `rows` has one row of each, of which all others are known
/// to be copies. A file at a time, each in a commit of its own.
///
/// # Errors
/// [`RepairError`] where the table cannot be read or changed. What was taken out before stays out.
pub async fn remove_copies(
    lake: &Lake,
    table: Table,
    key: &[&str],
    rows: &RecordBatch,
) -> Result<usize, RepairError> {
    let unfit = |source| RepairError::Rows { table, source };
    let read = |rows: &RecordBatch| KeyReader::new(&rows.schema(), key)?.read(rows);
    let keys: HashSet<OwnedRow> = read(rows).map_err(unfit)?.iter().map(|row| row.owned()).collect();
    let extent = Extent::of(table, rows).map_err(unfit)?;
    let mut removed = 0;
    'attempts: for _ in 0..ATTEMPTS {
        let mut seen = HashSet::with_capacity(keys.len());
        for file in lake.data_files(table).await?.files.into_iter().filter(|file| extent.touches(file)) {
            let mut kept = Vec::new();
            let mut surplus = 0;
            for batch in lake.read_rows(&file, table).await? {
                let mut stays = |key: OwnedRow| !keys.contains(&key) || seen.insert(key);
                let found = read(&batch).map_err(unfit)?;
                let stays: BooleanArray = found.iter().map(|key| Some(stays(key.owned()))).collect();
                surplus += batch.num_rows() - stays.true_count();
                kept.push(filter_record_batch(&batch, &stays).map_err(unfit)?);
            }
            if surplus == 0 {
                continue;
            }
            match lake.change(vec![TableChange::overwrite(table, vec![file], kept)]).await {
                Err(CommitError::FilesGone { .. }) => continue 'attempts,
                Err(error) => return Err(error.into()),
                Ok(_) => removed += surplus,
            }
        }
        return Ok(removed);
    }
    Err(CommitError::Contended { attempts: ATTEMPTS }.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    #[test]
    fn offsets_are_in_once() {
        let mut set = OffsetSet::default();
        for offset in [0, 63, 64, PAGE - 1, PAGE, -1, i64::MAX, i64::MIN] {
            assert!(set.insert(offset), "{offset}");
            assert!(!set.insert(offset), "{offset}");
        }
    }

    #[test]
    fn copies_are_the_same_in_every_column() {
        let offsets = Int64Array::from(vec![3, 1, 1, 2, 2, 3, 1]);
        let payloads = StringArray::from(vec!["c", "a", "a", "b", "x", "c", "a"]);
        let columns: [(&str, ArrayRef); 2] = [("offset", Arc::new(offsets)), ("payload", Arc::new(payloads))];
        let rows = RecordBatch::try_from_iter(columns).unwrap();
        let Copies { first, surplus, disputed } = copies(&rows, &["offset"]).unwrap();
        assert_eq!(first, rows.slice(0, 2), "of 3 and of 1");
        assert_eq!((surplus, disputed), (vec![2, 6, 5], vec![3, 4]));
    }
}
