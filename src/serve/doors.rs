//! The doors of a program: its listeners, opened before anything else begins, and served once there is something to show.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use depthlake_engine::events::EventFeed;
use depthlake_lake::address::S3Credentials;
use depthlake_query::access::Access;
use depthlake_query::postgres::{self, PostgresOptions};
use depthlake_query::server::{self, Router, Server, ServerError, ServerOptions};
use depthlake_query::{Database, api, flight, iceberg_rest, live, metrics, page, trino};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::configuration::ServeConfiguration;
use crate::messages::say;
use crate::run::observing::Observing;

/// Where clients are waited for if nobody says otherwise.
pub const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8_080);

/// Listeners that wait for what they serve.
pub struct Doors {
    access: Access,
    http: Option<Server>,
    postgres: Option<(TcpListener, PostgresOptions)>,
    /// What clients of the Iceberg catalog read a bucket with.
    reader: Option<S3Credentials>,
}

/// What is served.
pub struct Served {
    /// `None` where this process has no lake: then there are only figures to show.
    pub database: Option<Database>,
    pub market: live::Market,
    /// The events of an engine in this process.
    pub events: Option<EventFeed>,
}

/// Doors that are being served, until they are closed.
pub struct Serving {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Doors {
    /// Takes the addresses, within a runtime. `listen` goes before the configuration. That the default address is taken is only told: two
    /// runs on one machine are nothing unusual.
    ///
    /// # Errors
    /// Where an address that was asked for is taken, or users, certificate or limits cannot be used.
    pub fn open(listen: Option<SocketAddr>, configuration: &ServeConfiguration) -> Result<Self> {
        let access = configuration.access()?;
        let asked = listen.or(configuration.listen);
        let options = ServerOptions {
            listen: asked.unwrap_or(DEFAULT),
            tls: configuration.tls(),
            limits: configuration.connections(),
        };
        let http = match Server::bind(options) {
            Ok(server) => Some(server),
            Err(ServerError::Listen { address, source })
                if asked.is_none() && source.kind() == ErrorKind::AddrInUse =>
            {
                say!(
                    "{address} is taken, so nothing is served: --listen ADDRESS names another, --listen 127.0.0.1:0 takes any"
                );
                None
            }
            Err(error) => return Err(error).context("serve"),
        };
        let postgres = match configuration.postgres {
            None => None,
            Some(address) => Some((bound(address)?, postgres_options(configuration)?)),
        };
        let doors = Self { access, http, postgres, reader: configuration.reader() };
        doors.tell(configuration)?;
        Ok(doors)
    }

    /// Says where clients find what, and what everybody on the network could do.
    fn tell(&self, configuration: &ServeConfiguration) -> Result<()> {
        let mut addresses = Vec::new();
        if let Some(server) = &self.http {
            let address = server.address()?;
            say!("listening on {}://{address}", if server.is_secure() { "https" } else { "http" });
            addresses.push(address);
        }
        if let Some((listener, _)) = &self.postgres {
            let address = listener.local_addr()?;
            say!("listening on postgres://{address}");
            addresses.push(address);
        }
        for address in addresses.into_iter().filter(|address| !address.ip().is_loopback()) {
            if self.access.is_open() {
                tracing::warn!(%address, "whoever reaches this address may read everything: [serve.users] names who may");
            } else if configuration.tls.is_none() {
                tracing::warn!(%address, "passwords and tokens come unencrypted: [serve.tls] names a certificate");
            }
        }
        Ok(())
    }

    /// Begins to serve.
    ///
    /// # Errors
    /// Where there is no thread to be had.
    pub fn serve(self, served: Served, observing: &Observing) -> Result<Serving> {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        if let Some(server) = self.http {
            let routers = routers(&self.access, &served, self.reader, observing)?;
            tasks.spawn(server.serve(routers, until(stopped.clone())));
        }
        if let (Some((listener, options)), Some(database)) = (self.postgres, served.database) {
            let serving = postgres::serve(listener, database, self.access, options, until(stopped));
            tasks.spawn(async {
                if let Err(error) = serving.await {
                    tracing::error!(%error, "PostgreSQL clients are no longer served");
                }
            });
        }
        Ok(Serving { stop, tasks })
    }
}

impl Serving {
    /// Lets nobody in any more and waits for who is in.
    pub async fn close(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

fn routers(
    access: &Access,
    served: &Served,
    reader: Option<S3Credentials>,
    observing: &Observing,
) -> Result<Vec<Router>> {
    let figures = metrics::router(observing.metrics.clone());
    let Some(database) = &served.database else { return Ok(vec![figures]) };
    let (lake, access) = (database.lake().clone(), access.clone());
    let parts = api::ApiParts {
        market: served.market.clone(),
        database: database.clone(),
        health: observing.health.clone(),
        access: access.clone(),
        events: served.events.clone(),
    };
    let state = api::ApiState::start(parts).context("the API")?;
    observing.metrics.add(Arc::new(metrics::QueryFigures::of(database.clone())));
    observing.metrics.add(Arc::new(metrics::StreamFigures::of(state.stream_counts())));
    if let Some(tail) = database.tables().tail() {
        observing.metrics.add(Arc::new(metrics::TailFigures::of(tail.clone())));
    }
    let routers = [
        flight::router(database.clone(), access.clone()),
        trino::router(database.clone(), access.clone()),
        iceberg_rest::router(iceberg_rest::IcebergCatalog { lake, access, reader }),
        api::router(state),
        figures,
        page::router(),
    ];
    Ok(routers.into_iter().map(|router| metrics::counted(router, &observing.requests)).collect())
}

fn bound(address: SocketAddr) -> Result<TcpListener> {
    server::listen(address).with_context(|| format!("serve: cannot listen at {address} for PostgreSQL"))
}

fn postgres_options(configuration: &ServeConfiguration) -> Result<PostgresOptions> {
    let tls = configuration.tls().as_ref().map(server::server_config).transpose().context("serve.tls")?;
    Ok(PostgresOptions { tls: tls.map(Arc::new), ..PostgresOptions::default() })
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // Who drops the sender wants the end as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
