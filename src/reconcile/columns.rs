//! The columns of the tables against those declared.

use depthlake_lake::commit::ColumnDrift;
use depthlake_lake::reconcile::{Break, BreakClass, Layer, ValueDrift};
use depthlake_lake::table::Table;

use super::judge::Judge;

impl Judge<'_> {
    /// Compares the columns of the layers' tables with those declared. Tables that cannot be read as declared are looked at no
    /// further; a column besides hinders nothing.
    pub async fn columns(&mut self, layers: &[Layer]) {
        for table in Table::ALL {
            let layer = layer_of(table);
            if !layers.contains(&layer) {
                continue;
            }
            match self.lake.column_drifts(table).await {
                Ok(drifts) => drifts.into_iter().for_each(|drift| self.drift(layer, drift)),
                Err(error) => {
                    self.unreadable.insert(table);
                    self.fail(format!("the columns of {table}"), &error.into());
                }
            }
        }
    }

    fn drift(&mut self, layer: Layer, ColumnDrift { table, column, expected, found }: ColumnDrift) {
        let detail = match (&expected, &found) {
            (None, _) => "this column was added",
            (_, None) => "this column was removed",
            _ => "this column was given another type",
        };
        if expected.is_some() {
            self.unreadable.insert(table);
        }
        let value = ValueDrift { column: column.clone(), expected, found, relative_difference: None };
        self.breaks.push(Break {
            layer,
            class: BreakClass::SchemaDrift,
            table: table.to_string(),
            key: column,
            value: Some(value),
            detail: detail.to_owned(),
            repaired_at: None,
        });
    }
}

/// The layer a table belongs to. Those of operation are derived of raw messages, as the normalized ones.
fn layer_of(table: Table) -> Layer {
    let named = Layer::ALL.into_iter().find(|layer| layer.name() == table.namespace());
    named.unwrap_or(Layer::Normalized)
}
