//! Arrow Flight SQL: rows as columns of Arrow, for ADBC and its like. It is gRPC, so it is a route of the HTTP server.
//!
//! Invariants:
//! - nothing is kept between two calls: a ticket holds its statement, the handle of a prepared one its parameters too;
//! - every call shows who it is by, and is answered for that one only;
//! - rows are computed as the client takes them, and have the schema that was announced.

mod handle;
mod listings;
mod service;
mod status;

#[cfg(test)]
mod tests;

use arrow_flight::flight_service_server::FlightServiceServer;
use axum::Router;

use crate::access::Access;
use crate::session::Database;

use service::Service;

/// Bytes of one message from a client: a statement, or a batch of parameters.
const MESSAGE_LIMIT: usize = 4 << 20;

/// The route of the service, `/arrow.flight.protocol.FlightService/*`. It needs HTTP/2.
pub fn router(database: Database, access: Access) -> Router {
    let service =
        FlightServiceServer::new(Service { database, access }).max_decoding_message_size(MESSAGE_LIMIT);
    // What to say of a path that nobody answers is not for this door.
    tonic::service::Routes::new(service).into_axum_router().reset_fallback()
}
