//! What of which source is in the lake, as the rows of `raw.history` tell.

use std::collections::{HashMap, HashSet};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use depthlake_orderbook::history::Source;

use super::{DerivedChunk, HISTORY_TOPIC, HistoryError, PARTITION};
use crate::commit::{Lake, PartitionOfTable};
use crate::table::Table;

const KEY_COLUMNS: [&str; 5] = ["source", "member", "sha256", "first_line", "lines"];

/// How far each source is landed, and the offset of the next row.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    next_offset: u64,
    next_lines: HashMap<Part, u64>,
    /// Files of the table that were looked at.
    seen: HashSet<String>,
}

/// What is landed once: the contents and the place in them, whatever the file is called. An answer has an address instead,
/// for its contents are known only once it has been asked for again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Part {
    OfFile { sha256: String, member: String },
    Answer { address: String },
}

impl Part {
    fn of(name: &str, member: &str, sha256: &str) -> Self {
        if name.contains("://") {
            return Self::Answer { address: name.to_owned() };
        }
        Self::OfFile { sha256: sha256.to_owned(), member: member.to_owned() }
    }

    fn of_source(source: &Source) -> Self {
        Self::of(&source.name, &source.member, &source.sha256)
    }
}

impl Progress {
    /// Looks at what has come since the last look. Cheap where nothing has but what was noted.
    pub(super) async fn refresh(&mut self, lake: &Lake) -> Result<(), HistoryError> {
        let of = PartitionOfTable {
            table: Table::RawHistory,
            topic: HISTORY_TOPIC.to_owned(),
            partition: PARTITION,
        };
        let position = lake.positions().await?.get(&of).copied().unwrap_or(0);
        if position == self.next_offset {
            return Ok(());
        }
        let contents = lake.data_files(Table::RawHistory).await?;
        for file in &contents.files {
            if self.seen.contains(&file.location) {
                continue;
            }
            for rows in lake.read_columns(file, Table::RawHistory, &KEY_COLUMNS).await? {
                self.add(&rows)?;
            }
            self.seen.insert(file.location.clone());
        }
        self.next_offset = contents.positions.get(&of).copied().unwrap_or(0);
        Ok(())
    }

    pub(super) const fn next_offset(&self) -> u64 {
        self.next_offset
    }

    pub(super) fn next_line(&self, source: &Source) -> u64 {
        self.next_lines.get(&Part::of_source(source)).copied().unwrap_or(1)
    }

    /// Drops the chunks that are in the lake, and looks that the rest goes on from there.
    pub(super) fn drop_known(&self, chunks: &mut Vec<DerivedChunk>) -> Result<(), HistoryError> {
        let mut next_lines = HashMap::new();
        let mut hole = None;
        chunks.retain(|DerivedChunk { chunk, .. }| {
            let next = next_lines
                .entry(Part::of_source(&chunk.source))
                .or_insert_with(|| self.next_line(&chunk.source));
            if chunk.next_line() <= *next {
                return false;
            }
            if chunk.first_line != *next && hole.is_none() {
                hole = Some(HistoryError::Hole {
                    source_name: chunk.source.name.clone(),
                    next_line: *next,
                    first_line: chunk.first_line,
                });
            }
            *next = chunk.next_line();
            true
        });
        hole.map_or(Ok(()), Err)
    }

    /// Notes chunks that this process has landed.
    pub(super) fn note(&mut self, chunks: &[DerivedChunk]) {
        self.next_offset += chunks.len() as u64;
        for DerivedChunk { chunk, .. } in chunks {
            self.reached(Part::of_source(&chunk.source), chunk.next_line());
        }
    }

    fn add(&mut self, rows: &RecordBatch) -> Result<(), HistoryError> {
        let texts = |column| {
            let found = rows.column_by_name(column).and_then(|found| found.as_string_opt::<i32>());
            found.ok_or(HistoryError::Column { table: Table::RawHistory, column })
        };
        let numbers = |column| {
            let found = rows.column_by_name(column).and_then(|found| found.as_primitive_opt::<Int64Type>());
            found.ok_or(HistoryError::Column { table: Table::RawHistory, column })
        };
        let (names, members, hashes) = (texts("source")?, texts("member")?, texts("sha256")?);
        let (first_lines, lines) = (numbers("first_line")?, numbers("lines")?);
        for row in 0..names.len() {
            let part = Part::of(names.value(row), members.value(row), hashes.value(row));
            let next = first_lines.value(row).saturating_add(lines.value(row));
            self.reached(part, next.unsigned_abs());
        }
        Ok(())
    }

    fn reached(&mut self, part: Part, next_line: u64) {
        let reached = self.next_lines.entry(part).or_insert(1);
        *reached = next_line.max(*reached);
    }
}
