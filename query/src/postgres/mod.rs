//! `PostgreSQL`'s wire protocol, for psql, drivers, and the tools that speak nothing else.
//!
//! A connection is a session: what it sets, its prepared statements and cursors live as long as it does. Its database is a
//! catalog. Questions about rows go to the session, those about `pg_catalog` and `information_schema` to `catalog`.
//!
//! Invariants:
//! - nobody is let in whom [`Access`] does not know, and no password crosses a network in the clear;
//! - rows are read as the client takes them, and a client that goes away or cancels stops its query;
//! - who connects and says nothing keeps nobody out;
//! - what is written of a row always has the type that was announced.

mod cancel;
mod catalog;
mod connection;
mod copy;
mod dialect;
mod encode;
mod error;
mod extended;
mod numeric;
mod parameters;
mod request;
mod respond;
mod settings;
mod simple;
mod startup;
mod types;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use pgwire::api::auth::StartupHandler;
use pgwire::api::cancel::CancelHandler;
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use pgwire::api::{ErrorHandler, PgWireServerHandlers};
use pgwire::error::ErrorInfo;
use pgwire::messages::Message;
use pgwire::messages::response::ErrorResponse;
use pgwire::tokio::process_socket;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::access::Access;
use crate::server::Limits;
use crate::server::connections::{Connections, Requests};
use crate::session::Database;

use cancel::Cancellations;
use catalog::Catalog;

/// A connection that has been let in may be idle for as long as it likes while nobody needs its place; this only bounds what
/// clients leave behind that vanished.
const IDLE_TIME: Duration = Duration::from_hours(24);

/// How long a client that is refused may take to hear of it.
const REFUSAL_TIME: Duration = Duration::from_secs(1);

/// How the door is kept.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// With it passwords may cross a network.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Connections at a time. One more takes the place of an idle one, first of those that have not been let in, and is
    /// refused where all are at work.
    pub connections: usize,
    /// How long a client may take to be let in.
    pub startup_time: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { tls: None, connections: 200, startup_time: Duration::from_secs(10) }
    }
}

/// Serves clients of a listener until `stop` comes; connections that are open then are cut.
///
/// # Errors
/// Where the catalog cannot be made, or the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    database: Database,
    access: Access,
    options: PostgresOptions,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let catalog = Catalog::new().await.map_err(std::io::Error::other)?;
    let door = Arc::new(Door {
        database,
        access,
        catalog,
        cancellations: Cancellations::default(),
        has_tls: options.tls.is_some(),
    });
    let tls = options.tls.map(TlsAcceptor::from);
    let limits = Limits { header_time: options.startup_time, idle_time: IDLE_TIME, ..Limits::default() };
    let limits = Arc::new(limits);
    let connections = Connections::new(options.connections);
    let mut tasks = tokio::task::JoinSet::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => return Ok(()),
            accepted = listener.accept() => accepted,
        };
        let (socket, client) = match accepted {
            Ok(accepted) => accepted,
            // A client that was gone already, or too many files open: others go on.
            Err(error) => {
                tracing::debug!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        while tasks.try_join_next().is_some() {}
        let Some(connection) = connections.enter() else {
            tasks.spawn(async {
                let _ = tokio::time::timeout(REFUSAL_TIME, refuse(socket)).await;
            });
            continue;
        };
        let (tls, limits) = (tls.clone(), Arc::clone(&limits));
        let handlers = Handlers { door: Arc::clone(&door), requests: connection.requests() };
        tasks.spawn(async move {
            tokio::select! {
                ended = process_socket(socket, tls, handlers) => {
                    tracing::debug!(%client, ?ended, "a PostgreSQL connection ended");
                }
                ended = connection.ended(&limits) => {
                    tracing::debug!(%client, ?ended, "a PostgreSQL connection was closed");
                }
            }
        });
    }
}

/// Says why there is no place.
async fn refuse(mut socket: TcpStream) {
    let words = ErrorInfo::new("FATAL".to_owned(), "53300".to_owned(), "too many clients already".to_owned());
    let mut message = BytesMut::new();
    if ErrorResponse::from(words).encode(&mut message).is_ok() && socket.write_all(&message).await.is_ok() {
        let _ = socket.shutdown().await;
    }
}

/// What all connections share.
struct Door {
    database: Database,
    access: Access,
    catalog: Catalog,
    cancellations: Cancellations,
    has_tls: bool,
}

/// What is called as messages of one connection come.
struct Handlers {
    door: Arc<Door>,
    requests: Requests,
}

impl PgWireServerHandlers for Handlers {
    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::new(simple::SimpleQueries(Arc::clone(&self.door)))
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::new(extended::ExtendedQueries::new(Arc::clone(&self.door)))
    }

    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::new(startup::Startup { door: Arc::clone(&self.door), requests: self.requests.clone() })
    }

    fn error_handler(&self) -> Arc<impl ErrorHandler> {
        Arc::new(error::Codes)
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        Arc::new(cancel::Cancel(Arc::clone(&self.door)))
    }
}
