//! Statements that are prepared, described, bound and run, each by a message of its own.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use depthlake_dialect::types::TrinoType;
use futures::Sink;
use pgwire::api::portal::{Format, Portal};
use pgwire::api::query::ExtendedQueryHandler;
use pgwire::api::results::{FieldInfo, Response};
use pgwire::api::stmt::QueryParser;
use pgwire::api::store::PortalStore;
use pgwire::api::{ClientInfo, ClientPortalStore, Type};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;

use super::connection::Connection;
use super::request::Request;
use super::respond::{columns, respond};
use super::types::{ColumnType, fields};
use super::{Door, error, parameters};
use crate::session::Column;
use crate::statement::split;

/// A statement that is understood and described.
#[derive(Debug)]
pub(super) struct Prepared {
    request: Request,
    text: String,
    parameters: Vec<Type>,
    columns: Vec<Column>,
}

pub(super) struct ExtendedQueries {
    door: Arc<Door>,
    preparer: Arc<Preparer>,
}

pub(super) struct Preparer(Arc<Door>);

impl ExtendedQueries {
    pub(super) fn new(door: Arc<Door>) -> Self {
        Self { preparer: Arc::new(Preparer(Arc::clone(&door))), door }
    }
}

#[async_trait]
impl QueryParser for Preparer {
    type Statement = Arc<Prepared>;

    async fn parse_sql<C>(&self, client: &C, sql: &str, types: &[Option<Type>]) -> PgWireResult<Arc<Prepared>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let connection = Connection::of(client)?;
        let statements = split(sql);
        let mut texts = statements.complete.into_iter().chain(statements.rest);
        let text = texts.next().unwrap_or_default();
        if texts.next().is_some() {
            return Err(error::plain("42601", "cannot insert multiple commands into a prepared statement"));
        }
        let request = if text.is_empty() { Request::Nothing("") } else { Request::of(&text) };
        let (told, columns) = columns(&self.0, &connection, &request).await?;
        Ok(Arc::new(Prepared { request, text, parameters: parameter_types(types, &told), columns }))
    }

    fn get_parameter_types(&self, statement: &Arc<Prepared>) -> PgWireResult<Vec<Type>> {
        Ok(statement.parameters.clone())
    }

    fn get_result_schema(
        &self,
        statement: &Arc<Prepared>,
        format: Option<&Format>,
    ) -> PgWireResult<Vec<FieldInfo>> {
        Ok(fields(&statement.columns, format.unwrap_or(&Format::UnifiedText)))
    }
}

/// The types that the client gives, and those that the statement tells for the rest.
fn parameter_types(given: &[Option<Type>], told: &[TrinoType]) -> Vec<Type> {
    let count = given.len().max(told.len());
    let type_of = |index: usize| {
        let given = given.get(index).cloned().flatten().filter(|given| *given != Type::UNKNOWN);
        given.unwrap_or_else(|| match told.get(index) {
            None | Some(TrinoType::Unknown) => Type::TEXT,
            Some(told) => ColumnType::of(told).postgres,
        })
    };
    (0..count).map(type_of).collect()
}

#[async_trait]
impl ExtendedQueryHandler for ExtendedQueries {
    type Statement = Arc<Prepared>;
    type QueryParser = Preparer;

    fn query_parser(&self) -> Arc<Preparer> {
        Arc::clone(&self.preparer)
    }

    async fn do_query<C>(
        &self,
        client: &mut C,
        portal: &Portal<Arc<Prepared>>,
        _max_rows: usize,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Arc<Prepared>>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let connection = Connection::of(client)?;
        let prepared = &portal.statement.statement;
        let values = parameters::values(portal, &prepared.parameters)
            .map_err(|failed| error::of_parameter(&failed))?;
        respond(
            &self.door,
            &connection,
            &prepared.request,
            &prepared.text,
            values,
            &portal.result_column_format,
        )
        .await
    }
}
