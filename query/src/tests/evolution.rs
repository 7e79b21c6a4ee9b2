//! Tables that an earlier version of the program made and wrote to.

use std::io::Read;
use std::path::Path;

use depthlake_lake::table::Table;
use flate2::read::GzDecoder;
use serde_json::Value as Json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;

use super::{rows, value};
use crate::samples::{append, catalog_of, empty_lake, open, trades};
use crate::session::Session;

/// Gives a table, which has no rows yet, the columns it had at first: up to the last that is required.
async fn make_first_version(folder: &TempDir, table: Table) {
    let options = SqliteConnectOptions::new().filename(catalog_of(folder));
    let mut catalog = SqliteConnection::connect_with(&options).await.unwrap();
    let location: String =
        sqlx::query_scalar("SELECT metadata_location FROM iceberg_tables WHERE table_name = ?")
            .bind(table.name())
            .fetch_one(&mut catalog)
            .await
            .unwrap();
    let path = location.strip_prefix("file://").unwrap();
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let mut metadata: Json = serde_json::from_str(&text).unwrap();
    let columns = metadata["schemas"][0]["fields"].as_array_mut().unwrap();
    let last = columns.iter().rposition(|column| column["required"] == true).unwrap();
    columns.truncate(last + 1);
    metadata["last-column-id"] = columns.len().into();
    let earlier = path.replace(".gz.metadata.json", ".metadata.json");
    std::fs::write(Path::new(&earlier), metadata.to_string()).unwrap();
    let moved = sqlx::query("UPDATE iceberg_tables SET metadata_location = ? WHERE metadata_location = ?");
    let moved = moved.bind(format!("file://{earlier}")).bind(&location).execute(&mut catalog).await.unwrap();
    assert_eq!(moved.rows_affected(), 1);
}

#[tokio::test]
async fn a_column_younger_than_a_row_is_null_in_it() {
    let lake = empty_lake().await;
    make_first_version(&lake.folder, Table::Trades).await;
    let mut old = trades(0, 1_000);
    for trade in &mut old {
        trade.quote_quantity = None;
    }
    append(&lake.lake, Table::Trades, &old).await;

    let lake = (open(&lake.folder).await, lake.folder);
    let session = Session::new(lake.0.clone()).unwrap();
    let known = "SELECT count(*), count(quote_quantity), count(price) FROM normalized.trades";
    assert_eq!(rows(&session, known).await, [["1000", "0", "1000"]]);

    append(&lake.0, Table::Trades, &trades(1_000, 10)).await;
    assert_eq!(rows(&session, known).await, [["1010", "10", "1010"]]);
    for (filter, expected) in [
        ("quote_quantity IS NULL", 1_000),
        ("quote_quantity IS NOT NULL", 10),
        ("quote_quantity = price * quantity", 10),
        ("quote_quantity IS NULL AND trade_id >= 990", 10),
    ] {
        let query = format!("SELECT count(*) FROM normalized.trades WHERE {filter}");
        assert_eq!(value::<i64>(&session, &query).await, expected, "{filter}");
    }
    let about = "SELECT trade_id, quote_quantity IS NULL FROM normalized.trades WHERE trade_id IN (999, 1000) ORDER BY 1";
    assert_eq!(rows(&session, about).await, [["999", "true"], ["1000", "false"]]);
}
