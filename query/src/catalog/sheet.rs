//! Small tables that are computed when they are read: what there is, what runs, what is set.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, ListBuilder, RecordBatch, RecordBatchOptions,
    StringArray, StringBuilder, TimestampMillisecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::Expr;
use futures::future::BoxFuture;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Double,
    Flag,
    /// To the millisecond.
    Time,
    Texts,
}

/// A value, or NULL.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Text(String),
    Number(i64),
    Double(f64),
    Flag(bool),
    /// Milliseconds since 1970.
    Time(i64),
    Texts(Vec<String>),
}

/// The names and types of columns.
pub(crate) type Columns = &'static [(&'static str, Kind)];

/// Rows of cells. A cell that is not of its column's kind is NULL.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sheet {
    pub(crate) columns: Columns,
    pub(crate) rows: Vec<Vec<Cell>>,
}

impl Sheet {
    pub(crate) fn new(columns: Columns) -> Self {
        Self { columns, rows: Vec::new() }
    }

    pub(crate) fn of(columns: Columns, rows: Vec<Vec<Cell>>) -> Self {
        Self { columns, rows }
    }

    pub(crate) fn batch(&self) -> Result<RecordBatch> {
        let columns = (0..).zip(self.columns).map(|(place, (_, kind))| self.column(place, *kind)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        Ok(RecordBatch::try_new_with_options(schema_of(self.columns), columns, &options)?)
    }

    fn column(&self, place: usize, kind: Kind) -> ArrayRef {
        let cells = || self.rows.iter().map(move |row| row.get(place).unwrap_or(&Cell::Null));
        match kind {
            Kind::Text => Arc::new(cells().map(Cell::text).collect::<StringArray>()),
            Kind::Number => Arc::new(cells().map(Cell::number).collect::<Int64Array>()),
            Kind::Double => Arc::new(cells().map(Cell::double).collect::<Float64Array>()),
            Kind::Flag => Arc::new(cells().map(Cell::flag).collect::<BooleanArray>()),
            Kind::Time => {
                let times: TimestampMillisecondArray = cells().map(Cell::time).collect();
                Arc::new(times.with_timezone("UTC"))
            }
            Kind::Texts => {
                let mut lists = ListBuilder::new(StringBuilder::new());
                for cell in cells() {
                    if let Cell::Texts(texts) = cell {
                        for text in texts {
                            lists.values().append_value(text);
                        }
                        lists.append(true);
                    } else {
                        lists.append(false);
                    }
                }
                Arc::new(lists.finish())
            }
        }
    }
}

impl Cell {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn number(&self) -> Option<i64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    fn double(&self) -> Option<f64> {
        if let Self::Double(number) = self { Some(*number) } else { None }
    }

    fn flag(&self) -> Option<bool> {
        if let Self::Flag(flag) = self { Some(*flag) } else { None }
    }

    fn time(&self) -> Option<i64> {
        if let Self::Time(time) = self { Some(*time) } else { None }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

pub(crate) fn schema_of(columns: Columns) -> SchemaRef {
    let field = |(name, kind): &(&str, Kind)| Field::new(*name, kind.data_type(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

impl Kind {
    fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Number => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Flag => DataType::Boolean,
            Self::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            Self::Texts => DataType::new_list(DataType::Utf8, true),
        }
    }
}

/// Computes a sheet when asked.
pub(crate) type Compute = Arc<dyn Fn() -> BoxFuture<'static, Result<Sheet>> + Send + Sync>;

/// A sheet as a table.
pub(crate) struct SheetTable {
    schema: SchemaRef,
    compute: Compute,
}

impl SheetTable {
    pub(crate) fn new(columns: Columns, compute: Compute) -> Self {
        Self { schema: schema_of(columns), compute }
    }
}

impl fmt::Debug for SheetTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SheetTable").field("schema", &self.schema).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for SheetTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = (self.compute)().await?.batch()?;
        let plan = MemorySourceConfig::try_new_exec(&[vec![rows]], self.schema(), projection.cloned())?;
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_columns() {
        let columns: Columns = &[("a", Kind::Text), ("b", Kind::Number), ("c", Kind::Texts)];
        let texts = Cell::Texts(vec!["x".to_owned()]);
        let rows = vec![vec!["a".into(), 1.into(), texts], vec![Cell::Null, "no number".into()]];
        let batch = Sheet::of(columns, rows).batch().unwrap();
        assert_eq!((batch.num_rows(), batch.num_columns()), (2, 3));
        assert!(batch.columns().iter().all(|column| column.is_null(1) && !column.is_null(0)));
        assert_eq!(Sheet::new(columns).batch().unwrap().num_rows(), 0);
    }
}
