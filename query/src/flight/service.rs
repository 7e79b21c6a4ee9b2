//! The calls of Flight SQL.

use std::pin::Pin;
use std::sync::Arc;

use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::server::{FlightSqlService, PeekableFlightDataStream};
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult, CommandGetCatalogs, CommandGetDbSchemas, CommandGetSqlInfo,
    CommandGetTableTypes, CommandGetTables, CommandPreparedStatementQuery, CommandPreparedStatementUpdate,
    CommandStatementQuery, CommandStatementUpdate, DoPutPreparedStatementResult, ProstMessageExt, SqlInfo,
    TicketStatementQuery,
};
use arrow_flight::{
    Action, FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest, HandshakeResponse, IpcMessage,
    SchemaAsIpc, Ticket,
};
use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::ipc::writer::IpcWriteOptions;
use datafusion::scalar::ScalarValue;
use depthlake_dialect::types::TrinoType;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::handle::Prepared;
use super::{listings, status};
use crate::access::{Access, Principal};
use crate::catalog::CATALOG;
use crate::session::{Answer, Column, Database, Door, Session, SessionSettings};

/// The headers by which a client says where names are looked up.
const CATALOG_HEADER: &str = "catalog";
const SCHEMA_HEADER: &str = "schema";

#[derive(Clone)]
pub(super) struct Service {
    pub(super) database: Database,
    pub(super) access: Access,
}

type Batches = <Service as FlightService>::DoGetStream;
type Handshakes = Pin<Box<dyn Stream<Item = Result<HandshakeResponse, Status>> + Send>>;

impl Service {
    async fn principal(&self, metadata: &MetadataMap) -> Result<Principal, Status> {
        let headers = metadata.clone().into_headers();
        self.access.authenticate(&headers).await.map_err(|denied| status::of_denied(&denied))
    }

    async fn session(&self, metadata: &MetadataMap) -> Result<Session, Status> {
        let header = |name| metadata.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut settings = SessionSettings::new(self.principal(metadata).await?, Door::Flight);
        settings.catalog = Some(header(CATALOG_HEADER).unwrap_or_else(|| CATALOG.to_owned()));
        settings.schema = header(SCHEMA_HEADER);
        settings.source = header("user-agent");
        Ok(self.database.session(settings))
    }

    async fn execute(
        &self,
        metadata: &MetadataMap,
        text: &str,
        values: Vec<ScalarValue>,
    ) -> Result<Answer, Status> {
        let session = self.session(metadata).await?;
        let answer = session.execute_with(self.database.queries().next_id(), text, values).await;
        answer.map_err(|error| status::of_query(&error))
    }

    /// The rows of a statement, as messages.
    async fn rows(
        &self,
        metadata: &MetadataMap,
        text: &str,
        values: Vec<ScalarValue>,
    ) -> Result<Response<Batches>, Status> {
        let answer = self.execute(metadata, text, values).await?;
        let schema = schema_of(&answer.columns);
        let announced = Arc::clone(&schema);
        let batches = answer.rows.map(move |batch| {
            let batch = batch.map_err(|error| FlightError::Tonic(Box::new(status::of_query(&error))))?;
            fitted(&batch, &announced)
        });
        Ok(encoded(schema, batches))
    }

    /// Runs a statement for what it does.
    async fn update(
        &self,
        metadata: &MetadataMap,
        text: &str,
        values: Vec<ScalarValue>,
    ) -> Result<i64, Status> {
        let mut answer = self.execute(metadata, text, values).await?;
        while let Some(batch) = answer.rows.next().await {
            batch.map_err(|error| status::of_query(&error))?;
        }
        let count = answer.update.and_then(|update| update.count);
        Ok(count.and_then(|count| i64::try_from(count).ok()).unwrap_or(-1))
    }
}

/// The Arrow schema of an answer, which follows from its types alone: the same for a description and for rows.
fn schema_of(columns: &[Column]) -> SchemaRef {
    let fields = columns.iter().map(|column| column.r#type.to_field(&column.name));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn fitted(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, FlightError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns: Vec<ArrayRef> =
        columns.map(|(column, field)| cast(column, field.data_type())).collect::<Result<_, _>>()?;
    let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

fn encoded(
    schema: SchemaRef,
    batches: impl Stream<Item = Result<RecordBatch, FlightError>> + Send + 'static,
) -> Response<Batches> {
    let messages = FlightDataEncoderBuilder::new().with_schema(schema).build(batches);
    Response::new(Box::pin(messages.map_err(Status::from)))
}

fn ready(batch: RecordBatch) -> Response<Batches> {
    encoded(batch.schema(), stream::iter([Ok(batch)]))
}

/// Where rows of this schema are to be had: here, by the ticket.
fn info(
    schema: &Schema,
    ticket: Vec<u8>,
    descriptor: FlightDescriptor,
) -> Result<Response<FlightInfo>, Status> {
    let endpoint = FlightEndpoint::new().with_ticket(Ticket { ticket: ticket.into() });
    let info = FlightInfo::new().try_with_schema(schema).map_err(status::internal)?;
    Ok(Response::new(info.with_endpoint(endpoint).with_descriptor(descriptor)))
}

fn schema_bytes(schema: &Schema) -> Result<Bytes, Status> {
    let message = SchemaAsIpc::new(schema, &IpcWriteOptions::default()).try_into();
    let IpcMessage(bytes) =
        message.map_err(|error: datafusion::arrow::error::ArrowError| status::internal(error))?;
    Ok(bytes)
}

fn prepared(handle: &[u8]) -> Result<Prepared, Status> {
    Prepared::of_handle(handle).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn bound(prepared: &Prepared) -> Result<Vec<ScalarValue>, Status> {
    prepared.values().map_err(|error| Status::invalid_argument(error.to_string()))
}

#[tonic::async_trait]
impl FlightSqlService for Service {
    type FlightService = Self;

    /// Clients that log in first are handed back what they showed, to show it with every call.
    async fn do_handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Handshakes>, Status> {
        self.principal(request.metadata()).await?;
        let shown = request.metadata().get("authorization").cloned();
        let answer = HandshakeResponse { protocol_version: 0, payload: Bytes::new() };
        let answers: Handshakes = Box::pin(stream::iter([Ok(answer)]));
        let mut response = Response::new(answers);
        if let Some(shown) = shown {
            response.metadata_mut().insert("authorization", shown);
        }
        Ok(response)
    }

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let session = self.session(request.metadata()).await?;
        let described = session.describe(&query.query).await.map_err(|error| status::of_query(&error))?;
        let ticket = TicketStatementQuery { statement_handle: query.query.into() };
        info(&schema_of(&described.columns), ticket.as_any().encode_to_vec(), request.into_inner())
    }

    async fn do_get_statement(
        &self,
        ticket: TicketStatementQuery,
        request: Request<Ticket>,
    ) -> Result<Response<Batches>, Status> {
        let text = std::str::from_utf8(&ticket.statement_handle);
        let text = text.map_err(|_| Status::invalid_argument("the statement is not UTF-8"))?;
        self.rows(request.metadata(), text, Vec::new()).await
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let session = self.session(request.metadata()).await?;
        let described = session.describe(&query.query).await.map_err(|error| status::of_query(&error))?;
        let parameters = described.parameters.iter().enumerate().map(|(index, told)| {
            let told = if *told == TrinoType::Unknown { &TrinoType::Varchar { length: None } } else { told };
            told.to_field(&format!("${}", index + 1))
        });
        let parameters = Schema::new(parameters.collect::<Vec<_>>());
        let handle =
            Prepared { text: query.query, parameters: None }.to_handle().map_err(status::internal)?;
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: handle,
            dataset_schema: schema_bytes(&schema_of(&described.columns))?,
            parameter_schema: schema_bytes(&parameters)?,
        })
    }

    async fn do_action_close_prepared_statement(
        &self,
        _: ActionClosePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<(), Status> {
        self.principal(request.metadata()).await.map(drop)
    }

    async fn do_put_prepared_statement_query(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        self.principal(request.metadata()).await?;
        let messages = request.into_inner().map_err(|error| FlightError::Tonic(Box::new(error)));
        let batches: Vec<_> = FlightRecordBatchStream::new_from_flight_data(messages).try_collect().await?;
        let bound = prepared(&query.prepared_statement_handle)?.bound(batches);
        let bound = bound.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let handle = bound.to_handle().map_err(status::internal)?;
        Ok(DoPutPreparedStatementResult { prepared_statement_handle: Some(handle) })
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let session = self.session(request.metadata()).await?;
        let text = prepared(&query.prepared_statement_handle)?.text;
        let described = session.describe(&text).await.map_err(|error| status::of_query(&error))?;
        info(&schema_of(&described.columns), query.as_any().encode_to_vec(), request.into_inner())
    }

    async fn do_get_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<Ticket>,
    ) -> Result<Response<Batches>, Status> {
        let prepared = prepared(&query.prepared_statement_handle)?;
        self.rows(request.metadata(), &prepared.text, bound(&prepared)?).await
    }

    async fn do_put_statement_update(
        &self,
        update: CommandStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        self.update(request.metadata(), &update.query, Vec::new()).await
    }

    async fn do_put_prepared_statement_update(
        &self,
        update: CommandPreparedStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        let prepared = prepared(&update.prepared_statement_handle)?;
        self.update(request.metadata(), &prepared.text, bound(&prepared)?).await
    }

    async fn get_flight_info_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any().encode_to_vec();
        info(&query.into_builder().schema(), ticket, request.into_inner())
    }

    async fn do_get_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<Ticket>,
    ) -> Result<Response<Batches>, Status> {
        let session = self.session(request.metadata()).await?;
        let mut builder = query.into_builder();
        builder.append(listings::catalog(&session));
        Ok(ready(builder.build().map_err(status::internal)?))
    }

    async fn get_flight_info_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any().encode_to_vec();
        info(&query.into_builder().schema(), ticket, request.into_inner())
    }

    async fn do_get_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<Ticket>,
    ) -> Result<Response<Batches>, Status> {
        let session = self.session(request.metadata()).await?;
        Ok(ready(listings::schemas(&session, query).await?))
    }

    async fn get_flight_info_tables(
        &self,
        query: CommandGetTables,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any().encode_to_vec();
        info(&query.into_builder().schema(), ticket, request.into_inner())
    }

    async fn do_get_tables(
        &self,
        query: CommandGetTables,
        request: Request<Ticket>,
    ) -> Result<Response<Batches>, Status> {
        let session = self.session(request.metadata()).await?;
        Ok(ready(listings::tables(&session, query).await?))
    }

    async fn get_flight_info_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        info(&table_types()?.schema(), query.as_any().encode_to_vec(), request.into_inner())
    }

    async fn do_get_table_types(
        &self,
        _: CommandGetTableTypes,
        request: Request<Ticket>,
    ) -> Result<Response<Batches>, Status> {
        self.principal(request.metadata()).await?;
        Ok(ready(table_types()?))
    }

    async fn get_flight_info_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let server = listings::SERVER.as_ref().map_err(status::internal)?;
        let ticket = query.as_any().encode_to_vec();
        info(&query.into_builder(server).schema(), ticket, request.into_inner())
    }

    async fn do_get_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<Ticket>,
    ) -> Result<Response<Batches>, Status> {
        self.principal(request.metadata()).await?;
        let server = listings::SERVER.as_ref().map_err(status::internal)?;
        Ok(ready(query.into_builder(server).build().map_err(status::internal)?))
    }

    async fn register_sql_info(&self, _: i32, _: &SqlInfo) {}
}

fn table_types() -> Result<RecordBatch, Status> {
    let schema = Arc::new(Schema::new(vec![Field::new("table_type", DataType::Utf8, false)]));
    let names: ArrayRef = Arc::new(StringArray::from(vec!["TABLE", "VIEW"]));
    RecordBatch::try_new(schema, vec![names]).map_err(status::internal)
}
