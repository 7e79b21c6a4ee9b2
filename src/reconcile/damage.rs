//! What cannot be compared: it is told, with the files at fault, and the rest goes on.

use anyhow::{Error, Result};
use depthlake_lake::reconcile::{Break, BreakClass, Layer};
use depthlake_lake::table::Table;

use super::judge::Judge;

impl Judge<'_> {
    /// Notes a comparison that has failed. The files of the tables that it reads are then looked at, each table once; those that
    /// cannot be read are breaks, for their rows are missing.
    pub(super) async fn go_on(&mut self, compared: Result<()>, what: &str, layer: Layer, reads: &[Table]) {
        let Err(error) = compared else { return };
        self.fail(what.to_owned(), &error);
        for &table in reads {
            if self.examined.insert(table) && !self.unreadable.contains(&table) {
                self.examine(layer, table).await;
            }
        }
    }

    /// Notes why something was not compared, of the same thing the first reason.
    pub(super) fn fail(&mut self, what: String, error: &Error) {
        self.failures.entry(what).or_insert_with(|| format!("{error:#}"));
    }

    async fn examine(&mut self, layer: Layer, table: Table) {
        let files = match self.lake.data_files(table).await {
            Ok(contents) => contents.files,
            Err(error) => return self.fail(format!("the files of {table}"), &error.into()),
        };
        for file in files {
            if let Err(error) = self.lake.check_rows(&file, table).await {
                self.breaks.push(Break {
                    layer,
                    class: BreakClass::Missing,
                    table: table.to_string(),
                    key: format!("file={}", file.location),
                    value: None,
                    detail: format!(
                        "this file cannot be read, nor its {} rows: {:#}; restore it from a copy",
                        file.rows,
                        Error::new(error)
                    ),
                    repaired_at: None,
                });
            }
        }
    }
}
