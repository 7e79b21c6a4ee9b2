//! `PostgreSQL`'s wire protocol, for psql, drivers, and the tools that speak nothing else.
//!
//! A connection is a session: what it sets, its prepared statements and cursors live as long as it does. Its database is a
//! catalog. Questions about rows go to the session, those about `pg_catalog` and `information_schema` to `catalog`.
//!
//! Invariants:
//! - nobody is let in whom [`Access`] does not know, and no password crosses a network in the clear;
//! - rows are read as the client takes them, and a client that goes away or cancels stops its query;
//! - what is written of a row always has the type that was announced.

mod cancel;
mod catalog;
mod connection;
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

use pgwire::api::auth::StartupHandler;
use pgwire::api::cancel::CancelHandler;
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use pgwire::api::{ErrorHandler, PgWireServerHandlers};
use pgwire::tokio::process_socket;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::access::Access;
use crate::session::Database;

use cancel::Cancellations;
use catalog::Catalog;

/// How the door is kept.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// With it passwords may cross a network.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Connections at a time; more wait until one of them ends.
    pub connections: usize,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { tls: None, connections: 200 }
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
    let places = Arc::new(Semaphore::new(options.connections));
    let mut connections = tokio::task::JoinSet::new();
    tokio::pin!(stop);
    loop {
        let place = tokio::select! {
            () = &mut stop => return Ok(()),
            place = Arc::clone(&places).acquire_owned() => place.map_err(std::io::Error::other)?,
        };
        let accepted = tokio::select! {
            () = &mut stop => return Ok(()),
            accepted = listener.accept() => accepted,
        };
        let (socket, client) = match accepted {
            Ok(accepted) => accepted,
            // A client that was gone already, or too many files open: others go on.
            Err(error) => {
                tracing::debug!(%error, "a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                continue;
            }
        };
        let (door, tls) = (Arc::clone(&door), tls.clone());
        connections.spawn(async move {
            let _place = place;
            if let Err(error) = process_socket(socket, tls, Handlers(door)).await {
                tracing::debug!(%client, %error, "a PostgreSQL connection ended");
            }
        });
        while connections.try_join_next().is_some() {}
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

/// What is called as messages come.
struct Handlers(Arc<Door>);

impl PgWireServerHandlers for Handlers {
    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::new(simple::SimpleQueries(Arc::clone(&self.0)))
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::new(extended::ExtendedQueries::new(Arc::clone(&self.0)))
    }

    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::new(startup::Startup(Arc::clone(&self.0)))
    }

    fn error_handler(&self) -> Arc<impl ErrorHandler> {
        Arc::new(error::Codes)
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        Arc::new(cancel::Cancel(Arc::clone(&self.0)))
    }
}
