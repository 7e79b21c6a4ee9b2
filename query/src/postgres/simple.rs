//! Statements that come as text and are answered as text.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures::Sink;
use pgwire::api::portal::Format;
use pgwire::api::query::SimpleQueryHandler;
use pgwire::api::results::Response;
use pgwire::api::store::PortalStore;
use pgwire::api::{ClientInfo, ClientPortalStore};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;

use super::Door;
use super::connection::Connection;
use super::request::Request;
use super::respond::respond;
use crate::statement::split;

pub(super) struct SimpleQueries(pub(super) Arc<Door>);

#[async_trait]
impl SimpleQueryHandler for SimpleQueries {
    async fn do_query<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let connection = Connection::of(client)?;
        let statements = split(query);
        let mut responses = Vec::new();
        for text in statements.complete.iter().chain(&statements.rest) {
            let request = Request::of(text);
            match respond(&self.0, &connection, &request, text, Vec::new(), &Format::UnifiedText).await {
                Ok(response) => responses.push(response),
                // What came before it has been answered.
                Err(PgWireError::UserError(failed)) if !responses.is_empty() => {
                    responses.push(Response::Error(failed));
                    break;
                }
                Err(failed) => return Err(failed),
            }
        }
        if responses.is_empty() {
            responses.push(Response::EmptyQuery);
        }
        Ok(responses)
    }
}
