//! Tables made by another version: earlier, with fewer columns, or later, with more.

use arrow_array::{RecordBatch, new_null_array};
use iceberg::MetadataLocation;
use iceberg::spec::{NestedField, NestedFieldRef, PrimitiveType, Type};

use super::super::catalog::TableMove;
use super::*;

/// Puts tables with other columns, and no rows, in the place of those of a lake.
async fn relay(lake: &Lake, changed: impl Fn(Table, Vec<NestedFieldRef>) -> Vec<NestedFieldRef>) {
    let pointers = lake.inner.catalog.pointers().await.unwrap();
    let mut moves = Vec::new();
    for &table in pointers.keys() {
        let base = lake.inner.version(table, &pointers).await.unwrap();
        let location = base.metadata.location().to_owned();
        let columns = iceberg_schema(table).unwrap().as_struct().fields().to_vec();
        let schema = Schema::builder().with_fields(changed(table, columns)).build().unwrap();
        let metadata = metadata_with(table, schema, location.clone()).unwrap();
        let file = MetadataLocation::new_with_metadata(location, &metadata);
        metadata.write_to(&lake.inner.file_io, &file).await.unwrap();
        moves.push(TableMove { base, to: file.to_string(), updates: Vec::new() });
    }
    lake.inner.catalog.advance(moves, &[]).await.unwrap();
}

/// How many columns a table had at first: those that were added since are optional and stand at the end.
fn first_columns(table: Table) -> usize {
    let schema = table.arrow_schema();
    schema.fields().iter().rposition(|field| !field.is_nullable()).unwrap() + 1
}

/// Makes the tables what they were at first.
async fn make_first_version(lake: &Lake) {
    relay(lake, |table, mut columns| {
        columns.truncate(first_columns(table));
        columns
    })
    .await;
}

/// The records `start..end` as a writer has them that knows nothing of later columns.
fn first_version_rows(table: Table, start: u64, end: u64) -> TableChange {
    let mut change = samples::append(table, start, end);
    for batch in &mut change.added {
        let schema = batch.schema();
        let columns =
            schema.fields().iter().zip(batch.columns()).enumerate().map(|(place, (field, column))| {
                let is_first = place < first_columns(table);
                if is_first { Arc::clone(column) } else { new_null_array(field.data_type(), column.len()) }
            });
        *batch = RecordBatch::try_new(batch.schema(), columns.collect()).unwrap();
    }
    change
}

async fn column_names(lake: &Lake, table: Table) -> Vec<String> {
    let pointers = lake.inner.catalog.pointers().await.unwrap();
    let version = lake.inner.version(table, &pointers).await.unwrap();
    version.metadata.current_schema().as_struct().fields().iter().map(|field| field.name.clone()).collect()
}

fn declared_names(table: Table) -> Vec<String> {
    table.arrow_schema().fields().iter().map(|field| field.name().clone()).collect()
}

/// A lake with ten rows a table that the first version wrote.
async fn first_version_lake(place: &Place) {
    let lake = place.open().await;
    make_first_version(&lake).await;
    lake.change(Table::ALL.map(|table| first_version_rows(table, 0, 10)).into()).await.unwrap();
    assert_ne!(column_names(&lake, Table::Trades).await, declared_names(Table::Trades));
}

#[tokio::test]
async fn old_tables_get_the_columns_they_lack_and_keep_their_rows() {
    let place = Place::new();
    first_version_lake(&place).await;

    let lake = place.open().await;
    for table in Table::ALL {
        assert_eq!(column_names(&lake, table).await, declared_names(table), "{table}");
        assert_eq!(position(&lake, table).await, Some(10), "{table}");
    }
    lake.change(Table::ALL.map(|table| samples::append(table, 10, 16)).into()).await.unwrap();
    for table in Table::ALL {
        assert_eq!(count_rows(&lake, table).await, 16, "{table}");
    }
    assert_engines_agree(&place, &Table::ALL.map(|table| (table, 16)));

    let again = place.open().await;
    let pointers = again.inner.catalog.pointers().await.unwrap();
    let trades = again.inner.version(Table::Trades, &pointers).await.unwrap();
    assert_eq!((trades.metadata.schemas_iter().count(), trades.metadata.current_schema_id()), (2, 1));
}

#[tokio::test]
async fn other_engines_read_null_where_a_column_is_younger_than_the_row() {
    let place = Place::new();
    first_version_lake(&place).await;
    let lake = place.open().await;
    lake.change(vec![samples::append(Table::Trades, 10, 16)]).await.unwrap();
    let query = "select count(*) as rows, count(quote_quantity) as known, count(price) as prices \
                 from normalized.trades";
    let Some(row) = ask_duckdb(&place.catalog(), query) else { return };
    // Of the sample rows, the third and the sixth of each append have no quote quantity.
    assert_eq!(row, serde_json::json!({"rows": 16, "known": 6 - nulls_of(6), "prices": 16}));
}

fn nulls_of(rows: usize) -> usize {
    let batch = &samples::append(Table::Trades, 10, 10 + rows as u64).added[0];
    batch.column_by_name("quote_quantity").unwrap().null_count()
}

#[tokio::test]
async fn two_programs_that_open_an_old_lake_at_once_add_each_column_once() {
    let place = Place::new();
    first_version_lake(&place).await;
    let (one, other) = tokio::join!(place.open(), place.open());
    for table in Table::ALL {
        assert_eq!(column_names(&one, table).await, declared_names(table), "{table}");
        assert_eq!(column_names(&other, table).await, declared_names(table), "{table}");
    }
    one.change(vec![samples::append(Table::Trades, 10, 16)]).await.unwrap();
    other.change(vec![samples::append(Table::Trades, 16, 20)]).await.unwrap();
    assert_eq!(count_rows(&one, Table::Trades).await, 20);
}

#[tokio::test]
async fn a_column_of_a_later_version_is_kept_and_written_as_null() {
    let place = Place::new();
    let lake = place.open().await;
    let later =
        |id| Arc::new(NestedField::optional(id, "of_a_later_version", Type::Primitive(PrimitiveType::Long)));
    // It has the place and the id that a column of ours would have.
    relay(&lake, |_, mut columns| {
        let last = columns.pop().unwrap();
        let id = last.id;
        columns.push(later(id));
        if last.required {
            let moved = NestedField::required(id + 1, last.name.clone(), (*last.field_type).clone());
            columns.push(Arc::new(moved));
        }
        columns
    })
    .await;
    drop(lake);

    let lake = place.open().await;
    lake.change(Table::ALL.map(|table| samples::append(table, 0, 6)).into()).await.unwrap();
    let names = column_names(&lake, Table::Trades).await;
    let declared = declared_names(Table::Trades);
    let last = declared.last().unwrap();
    assert_eq!(names[names.len() - 2..], ["of_a_later_version", last]);
    assert_engines_agree(&place, &Table::ALL.map(|table| (table, 6)));
    let query =
        "select count(of_a_later_version) as later, count(quote_quantity) as known from normalized.trades";
    let Some(row) = ask_duckdb(&place.catalog(), query) else { return };
    assert_eq!(row, serde_json::json!({"later": 0, "known": 6 - nulls_of(6)}));
}

#[tokio::test]
async fn a_column_that_differs_is_refused_and_named() {
    let long = || Type::Primitive(PrimitiveType::Long);
    let of_trades = |name: &'static str, to: Option<NestedField>| {
        move |table: Table, mut columns: Vec<NestedFieldRef>| {
            let place =
                columns.iter().position(|column| column.name == name).filter(|_| table == Table::Trades);
            match (place, &to) {
                (Some(place), Some(to)) => columns[place] = Arc::new(to.clone()),
                (Some(place), None) => drop(columns.remove(place)),
                (None, _) => {}
            }
            columns
        }
    };
    for (changed, expected) in [
        (
            of_trades("taker_side", Some(NestedField::required(13, "taker_side", long()))),
            "column taker_side of table normalized.trades is required long, expected required string; it was made by \
             another version",
        ),
        (
            of_trades("trade_id", Some(NestedField::optional(8, "trade_id", long()))),
            "column trade_id of table normalized.trades is optional long, expected required long; it was made by another \
             version",
        ),
        (
            of_trades("price", None),
            "column price of table normalized.trades is missing, expected required decimal(18, 8); it was made by another \
             version",
        ),
        (
            of_trades("first_trade_id", Some(NestedField::required(9, "another", long()))),
            "column another of table normalized.trades is required long, expected no such column; it was made by another \
             version",
        ),
    ] {
        let place = Place::new();
        relay(&place.open().await, changed).await;
        assert_eq!(place.open_error().await.to_string(), expected);
    }
}
