//! The rows, a batch at a time.

use std::fmt::{Display, Write};
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Date32Builder, Float64Builder, Int32Builder, Int64Builder, RecordBatch, StringViewBuilder,
};
use datafusion::error::Result;
use tpchgen::decimal::TPCHDecimal;
use tpchgen::generators::{
    Customer, CustomerGenerator, LineItem, LineItemGenerator, Nation, NationGenerator, Order, OrderGenerator,
    Part, PartGenerator, PartSupp, PartSuppGenerator, Region, RegionGenerator, Supplier, SupplierGenerator,
};

use super::columns::{ColumnKind, TpchTable};

const ROWS_OF_A_BATCH: usize = 8_192;

pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// The batches of a part of a table, generated as they are asked for.
pub(super) fn batches(table: TpchTable, scale: f64, part: i32, parts: i32) -> Batches {
    match table {
        TpchTable::Customer => of(table, CustomerGenerator::new(scale, part, parts).iter(), customer),
        TpchTable::LineItem => of(table, LineItemGenerator::new(scale, part, parts).iter(), line_item),
        TpchTable::Nation => of(table, NationGenerator::new(scale, part, parts).iter(), nation),
        TpchTable::Orders => of(table, OrderGenerator::new(scale, part, parts).iter(), order),
        TpchTable::Part => of(table, PartGenerator::new(scale, part, parts).iter(), part_row),
        TpchTable::PartSupp => of(table, PartSuppGenerator::new(scale, part, parts).iter(), part_supp),
        TpchTable::Region => of(table, RegionGenerator::new(scale, part, parts).iter(), region),
        TpchTable::Supplier => of(table, SupplierGenerator::new(scale, part, parts).iter(), supplier),
    }
}

fn of<T: 'static>(
    table: TpchTable,
    mut rows: impl Iterator<Item = T> + Send + 'static,
    write: fn(&mut Row<'_>, &T),
) -> Batches {
    Box::new(std::iter::from_fn(move || {
        let mut columns: Vec<Column> = table.columns().iter().map(|(_, kind)| Column::new(*kind)).collect();
        let mut count = 0;
        for row in rows.by_ref().take(ROWS_OF_A_BATCH) {
            write(&mut Row { columns: columns.iter_mut() }, &row);
            count += 1;
        }
        (count > 0).then(|| {
            let arrays = columns.into_iter().map(Column::finish).collect();
            Ok(RecordBatch::try_new(table.schema(), arrays)?)
        })
    }))
}

enum Column {
    Keys(Int64Builder),
    Counts(Int32Builder),
    Amounts(Float64Builder),
    Dates(Date32Builder),
    Texts(StringViewBuilder),
}

impl Column {
    fn new(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Key => Self::Keys(Int64Builder::new()),
            ColumnKind::Count => Self::Counts(Int32Builder::new()),
            ColumnKind::Amount => Self::Amounts(Float64Builder::new()),
            ColumnKind::Date => Self::Dates(Date32Builder::new()),
            ColumnKind::Text(_) => Self::Texts(StringViewBuilder::new()),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Keys(mut column) => Arc::new(column.finish()),
            Self::Counts(mut column) => Arc::new(column.finish()),
            Self::Amounts(mut column) => Arc::new(column.finish()),
            Self::Dates(mut column) => Arc::new(column.finish()),
            Self::Texts(mut column) => Arc::new(column.finish()),
        }
    }
}

/// A row that is written from left to right. Each value must be of its column's kind, or the batch is refused as uneven.
struct Row<'a> {
    columns: std::slice::IterMut<'a, Column>,
}

impl Row<'_> {
    fn key(&mut self, key: i64) -> &mut Self {
        if let Some(Column::Keys(column)) = self.columns.next() {
            column.append_value(key);
        }
        self
    }

    fn count(&mut self, count: i32) -> &mut Self {
        if let Some(Column::Counts(column)) = self.columns.next() {
            column.append_value(count);
        }
        self
    }

    fn amount(&mut self, amount: f64) -> &mut Self {
        if let Some(Column::Amounts(column)) = self.columns.next() {
            column.append_value(amount);
        }
        self
    }

    fn money(&mut self, amount: TPCHDecimal) -> &mut Self {
        self.amount(amount.as_f64())
    }

    fn date(&mut self, days: i32) -> &mut Self {
        if let Some(Column::Dates(column)) = self.columns.next() {
            column.append_value(days);
        }
        self
    }

    fn text(&mut self, text: impl Display) -> &mut Self {
        if let Some(Column::Texts(column)) = self.columns.next() {
            let mut written = String::new();
            // Writing to a text cannot fail.
            let _ = write!(written, "{text}");
            column.append_value(written);
        }
        self
    }
}

fn customer(row: &mut Row<'_>, it: &Customer<'_>) {
    row.key(it.c_custkey).text(it.c_name).text(&it.c_address).key(it.c_nationkey).text(&it.c_phone);
    row.money(it.c_acctbal).text(it.c_mktsegment).text(it.c_comment);
}

fn line_item(row: &mut Row<'_>, it: &LineItem<'_>) {
    row.key(it.l_orderkey).key(it.l_partkey).key(it.l_suppkey).count(it.l_linenumber);
    // At most 50, so that a double holds it exactly.
    row.amount(i32::try_from(it.l_quantity).map_or(f64::NAN, f64::from));
    row.money(it.l_extendedprice).money(it.l_discount).money(it.l_tax);
    row.text(it.l_returnflag).text(it.l_linestatus);
    row.date(it.l_shipdate.to_unix_epoch()).date(it.l_commitdate.to_unix_epoch());
    row.date(it.l_receiptdate.to_unix_epoch());
    row.text(it.l_shipinstruct).text(it.l_shipmode).text(it.l_comment);
}

fn nation(row: &mut Row<'_>, it: &Nation<'_>) {
    row.key(it.n_nationkey).text(it.n_name).key(it.n_regionkey).text(it.n_comment);
}

fn order(row: &mut Row<'_>, it: &Order<'_>) {
    row.key(it.o_orderkey).key(it.o_custkey).text(it.o_orderstatus).money(it.o_totalprice);
    row.date(it.o_orderdate.to_unix_epoch()).text(it.o_orderpriority).text(it.o_clerk);
    row.count(it.o_shippriority).text(it.o_comment);
}

fn part_row(row: &mut Row<'_>, it: &Part<'_>) {
    row.key(it.p_partkey).text(&it.p_name).text(it.p_mfgr).text(it.p_brand).text(it.p_type);
    row.count(it.p_size).text(it.p_container).money(it.p_retailprice).text(it.p_comment);
}

fn part_supp(row: &mut Row<'_>, it: &PartSupp<'_>) {
    row.key(it.ps_partkey).key(it.ps_suppkey).count(it.ps_availqty);
    row.money(it.ps_supplycost).text(it.ps_comment);
}

fn region(row: &mut Row<'_>, it: &Region<'_>) {
    row.key(it.r_regionkey).text(it.r_name).text(it.r_comment);
}

fn supplier(row: &mut Row<'_>, it: &Supplier) {
    row.key(it.s_suppkey).text(it.s_name).text(&it.s_address).key(it.s_nationkey).text(&it.s_phone);
    row.money(it.s_acctbal).text(&it.s_comment);
}
