//! The door with the client of Arrow's own crate, and with ADBC.

use std::sync::Arc;

use arrow_flight::FlightInfo;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{CommandGetDbSchemas, CommandGetTables};
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use depthlake_lake::table::Table;
use futures::TryStreamExt;
use tonic::transport::{Channel, Endpoint};

use super::*;
use crate::samples::{LakeInFolder, append, empty_lake, trades};
use crate::session::DatabaseOptions;

struct Served {
    _lake: LakeInFolder,
    address: String,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn start() -> Self {
        let lake = empty_lake().await;
        append(&lake.lake, Table::Trades, &trades(0, 1_000)).await;
        let database = Database::open(lake.lake.clone(), DatabaseOptions::default()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = router(database, Access::open());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Self { _lake: lake, address, server }
    }

    async fn client(&self) -> FlightSqlServiceClient<Channel> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        FlightSqlServiceClient::new(endpoint.connect().await.unwrap())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn rows(client: &mut FlightSqlServiceClient<Channel>, info: FlightInfo) -> Vec<RecordBatch> {
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let announced = info.try_decode_schema().unwrap();
    let batches: Vec<RecordBatch> = client.do_get(ticket).await.unwrap().try_collect().await.unwrap();
    assert!(batches.iter().all(|batch| *batch.schema() == announced), "the schema that was announced");
    batches
}

fn number(batches: &[RecordBatch]) -> i64 {
    batches.iter().find(|batch| batch.num_rows() > 0).unwrap().column(0).as_primitive::<Int64Type>().value(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_answered_with_the_schema_announced() {
    let served = Served::start().await;
    let mut client = served.client().await;
    let info = client.execute("SELECT count(*) FROM normalized.trades".to_owned(), None).await.unwrap();
    assert_eq!(number(&rows(&mut client, info).await), 1_000);
    let all = "SELECT * FROM normalized.trades ORDER BY trade_id";
    let info = client.execute(all.to_owned(), None).await.unwrap();
    let batches = rows(&mut client, info).await;
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 1_000);
    let refused = client.execute("SELECT nothing FROM normalized.trades".to_owned(), None).await.unwrap_err();
    assert!(refused.to_string().contains("nothing"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_statement_takes_its_parameters() {
    let served = Served::start().await;
    let mut client = served.client().await;
    let text = "SELECT count(*) FROM normalized.trades WHERE trade_id < ?";
    let mut prepared = client.prepare(text.to_owned(), None).await.unwrap();
    for bound in [10, 500] {
        let value: ArrayRef = Arc::new(Int64Array::from(vec![bound]));
        prepared.set_parameters(RecordBatch::try_from_iter([("1", value)]).unwrap()).unwrap();
        let info = prepared.execute().await.unwrap();
        assert_eq!(number(&rows(&mut client, info).await), bound);
    }
    prepared.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_can_be_listed() {
    let served = Served::start().await;
    let mut client = served.client().await;
    let info = client.get_catalogs().await.unwrap();
    let catalogs = rows(&mut client, info).await;
    assert_eq!(catalogs[0].column(0).as_string::<i32>().value(0), "depthlake");
    let schemas = CommandGetDbSchemas { catalog: None, db_schema_filter_pattern: Some("norm%".to_owned()) };
    let info = client.get_db_schemas(schemas).await.unwrap();
    let schemas = rows(&mut client, info).await;
    assert_eq!(schemas[0].column(1).as_string::<i32>().value(0), "normalized");
    let tables = CommandGetTables {
        catalog: None,
        db_schema_filter_pattern: None,
        table_name_filter_pattern: Some("trades".to_owned()),
        table_types: vec!["TABLE".to_owned()],
        include_schema: true,
    };
    let info = client.get_tables(tables).await.unwrap();
    let tables = rows(&mut client, info).await;
    assert_eq!(
        tables.iter().map(RecordBatch::num_rows).sum::<usize>(),
        2,
        "normalized.trades and raw.trades"
    );
    let info = client.get_table_types().await.unwrap();
    assert_eq!(rows(&mut client, info).await[0].num_rows(), 2);
    let info = client.get_sql_info(vec![arrow_flight::sql::SqlInfo::FlightSqlServerName]).await.unwrap();
    assert_eq!(rows(&mut client, info).await[0].num_rows(), 1);
}
