//! The live books as tables: `live.book_ticker`, one row a symbol, and `live.depth`, one row a level.
//!
//! A scan reads the board, and the full depth beside it, as they are at that moment; each row is of one consistent read of its
//! symbol. Where nobody writes the board, its rows say so in `state`; where there is none, there are no rows.

use std::any::Any;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, BooleanArray, StringViewArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::TableProviderFilterPushDown;
use datafusion::physical_optimizer::pruning::PruningStatistics;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::Expr;
use depthlake_engine::board::{BoardError, Reader, SlotIndex};
use depthlake_orderbook::symbol::Symbol;
use tokio::task::spawn_blocking;

use super::bounds::may_pass;

mod rows;

/// A table of live books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LiveTable {
    BookTicker,
    Depth,
}

impl LiveTable {
    pub(super) const ALL: [Self; 2] = [Self::BookTicker, Self::Depth];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::BookTicker => "book_ticker",
            Self::Depth => "depth",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// The table over the board in a file; without rows where there is none.
    pub(super) fn provider(self, board: Option<PathBuf>) -> Arc<dyn TableProvider> {
        Arc::new(LiveProvider { table: self, board, schema: rows::schema(self) })
    }
}

#[derive(Debug)]
struct LiveProvider {
    table: LiveTable,
    board: Option<PathBuf>,
    schema: SchemaRef,
}

#[async_trait]
impl TableProvider for LiveProvider {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters tell which symbols need not be read.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let reader = self.board.as_deref().map(open).transpose()?.flatten();
        let mut batches = Vec::new();
        if let Some(reader) = reader {
            let wanted = self.wanted(&reader, state, filters)?;
            let table = self.table;
            let read = spawn_blocking(move || rows::read(table, &reader, &wanted)).await;
            batches.push(read.map_err(|error| DataFusionError::External(Box::new(error)))??);
        }
        let source = MemorySourceConfig::try_new(&[batches], self.schema(), projection.cloned())?;
        Ok(datafusion::datasource::source::DataSourceExec::from_data_source(source))
    }
}

impl LiveProvider {
    /// The symbols that the filters leave.
    fn wanted(
        &self,
        reader: &Reader,
        state: &dyn Session,
        filters: &[Expr],
    ) -> Result<Vec<(Symbol, SlotIndex)>> {
        let symbols = SymbolBounds::of(reader.symbols());
        let stays = may_pass(&symbols, state, &self.schema, filters)?;
        Ok(reader.iter().zip(stays).filter_map(|(symbol, stays)| stays.then_some(symbol)).collect())
    }
}

/// The board in a file; `None` where there is none yet.
fn open(path: &Path) -> Result<Option<Reader>> {
    match Reader::open(path) {
        Ok(reader) => Ok(Some(reader)),
        Err(BoardError::Missing { .. }) => Ok(None),
        Err(error) => Err(DataFusionError::External(Box::new(error))),
    }
}

/// Containers of one symbol each.
struct SymbolBounds {
    symbols: ArrayRef,
}

impl SymbolBounds {
    fn of(symbols: &[Symbol]) -> Self {
        Self { symbols: Arc::new(StringViewArray::from_iter_values(symbols.iter().map(Symbol::as_str))) }
    }

    fn bound(&self, column: &Column) -> Option<ArrayRef> {
        (column.name == "symbol").then(|| Arc::clone(&self.symbols))
    }
}

impl PruningStatistics for SymbolBounds {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column)
    }

    fn num_containers(&self) -> usize {
        self.symbols.len()
    }

    fn null_counts(&self, _: &Column) -> Option<ArrayRef> {
        None
    }

    fn row_counts(&self, _: &Column) -> Option<ArrayRef> {
        None
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
