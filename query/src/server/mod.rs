//! The HTTP server: one listener for Trino's protocol, the API, the catalog, metrics and the page.
//!
//! It speaks HTTP/1.1 and HTTP/2, plainly or under TLS, and is meant to stand where strangers can reach it:
//!
//! - whoever does not send a whole request in time is closed, and so is who sends none, or does not take the answer;
//! - there is a greatest number of connections, and when it is reached, the idle ones go first;
//! - a request's body has a greatest size, told before it is read where the client says it;
//! - a panic in one request is an answer 500 to that request, and nothing else.
//!
//! Invariant: no client can make another wait, except by the work it is allowed to ask for.

pub(crate) mod connections;
mod file_handles;
mod lingering;
mod listening;
mod options;
mod stalling;
mod tls;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use bytes::Bytes;
use futures::{StreamExt, stream};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

pub use axum::Router;
pub use listening::listen;
pub(crate) use options::MOST_BODY;
pub use options::{Limits, ServerOptions, TlsOptions};
pub use tls::{TlsError, server_config};

use connections::{Connection, Connections, Counted, Ended};
use lingering::{Linger, Lingering};
use stalling::Stalling;

/// How long a listener that cannot take a connection (no file handles are left) pauses.
const PAUSE: Duration = Duration::from_millis(50);

/// What HTTP/2 clients may send as headers. Prepared statements travel in them.
const HEADERS: u32 = 1 << 19;

/// A listener that waits for its routers.
pub struct Server {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    limits: Limits,
}

/// What a request came by; among its extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

/// Why there is no server.
#[derive(Debug, Error)]
pub enum ServerError {
    #[error("cannot listen at {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What is done with each connection.
#[derive(Clone)]
struct Handling {
    router: Router,
    tls: Option<TlsAcceptor>,
    limits: Arc<Limits>,
    http: Arc<Builder<TokioExecutor>>,
    connections: Connections,
    stop: watch::Receiver<bool>,
}

impl Scheme {
    /// The scheme as it is written in addresses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl Server {
    /// Takes the address. Clients can connect from here on and are answered once [`Server::serve`] runs. Must be called within a
    /// runtime.
    ///
    /// # Errors
    /// Where the address is taken or not ours, or the certificate or its key cannot be used.
    pub fn bind(options: ServerOptions) -> Result<Self, ServerError> {
        let tls = options.tls.as_ref().map(tls::acceptor).transpose()?;
        let address = options.listen;
        let listener = listen(address).map_err(|source| ServerError::Listen { address, source })?;
        Ok(Self { listener, tls, limits: options.limits })
    }

    /// Where it listens; with the port that was taken where the options left it open.
    ///
    /// # Errors
    /// Where the system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Whether clients need TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Answers requests by the routers until `stop` completes. Then nobody new is let in, requests under way are
    /// finished, and what takes longer than [`Limits::farewell`] is cut off.
    pub async fn serve(self, routers: Vec<Router>, stop: impl Future<Output = ()>) {
        let (stopping, stopped) = watch::channel(false);
        let connections = Connections::new(capacity(&self.limits));
        let handling = Handling {
            router: assembled(routers, &self.limits),
            tls: self.tls,
            http: Arc::new(http(&self.limits)),
            limits: Arc::new(self.limits),
            connections: connections.clone(),
            stop: stopped,
        };
        let farewell = handling.limits.farewell;
        tokio::select! {
            () = stop => {}
            () = accept(&self.listener, &handling) => {}
        }
        drop((self.listener, handling));
        stopping.send_replace(true);
        if tokio::time::timeout(farewell, connections.none_left()).await.is_err() {
            connections.close_all();
            connections.none_left().await;
        }
    }
}

/// One router of many, with what holds for all requests.
fn assembled(routers: Vec<Router>, limits: &Limits) -> Router {
    let all = routers.into_iter().fold(Router::new(), Router::merge);
    all.layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(limits.body))
        .layer(from_fn_with_state(limits.body, too_large_at_once))
        .layer(RequestBodyTimeoutLayer::new(limits.header_time))
        .layer(CatchPanicLayer::new())
}

/// Puts a body that is known to be too large away unread, and another in its place that is too large as well: so whoever wants
/// the body refuses it in its own words.
async fn too_large_at_once(State(limit): State<usize>, mut request: Request, next: Next) -> Response {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if length.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > limit) {
        request.headers_mut().remove(header::CONTENT_LENGTH);
        let blanks = Ok::<_, Infallible>(Bytes::from_static(&BLANKS));
        *request.body_mut() = Body::from_stream(stream::repeat(blanks).take(limit / BLANKS.len() + 1));
        if let Some(linger) = request.extensions().get::<Linger>() {
            linger.want();
        }
    }
    next.run(request).await
}

/// A piece of a body that says nothing.
static BLANKS: [u8; 32 << 10] = [b' '; 32 << 10];

/// As many connections as are allowed, and at most half of the handles that the process has, for files need some too.
fn capacity(limits: &Limits) -> usize {
    let possible = file_handles::limit().map_or(usize::MAX, |handles| handles / 2);
    if possible < limits.connections {
        tracing::info!(
            connections = possible,
            "the limit of open files allows fewer connections than configured"
        );
    }
    limits.connections.min(possible)
}

fn http(limits: &Limits) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    // Between requests this is the time until the next one is whole, hence the longer of the two.
    http.http1().timer(TokioTimer::new()).header_read_timeout(limits.idle_time.max(limits.header_time));
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(128)
        .max_header_list_size(HEADERS)
        .keep_alive_interval(limits.idle_time)
        .keep_alive_timeout(limits.header_time);
    http
}

async fn accept(listener: &TcpListener, handling: &Handling) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Some(connection) = handling.connections.enter() {
                    tokio::spawn(handling.clone().handle(stream, connection));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

impl Handling {
    async fn handle(self, stream: TcpStream, connection: Connection) {
        // Answers are written at once and whole.
        let _ = stream.set_nodelay(true);
        let ended = tokio::select! {
            ended = self.speak(stream, &connection) => ended,
            ended = connection.ended(&self.limits) => ended,
        };
        tracing::trace!(?ended, "a connection ended");
    }

    async fn speak(&self, stream: TcpStream, connection: &Connection) -> Ended {
        let linger = Linger::default();
        let stream = Lingering::new(stream, linger.clone());
        let stream = Stalling::new(stream, self.limits.write_time);
        match &self.tls {
            None => self.exchange(stream, connection, linger).await,
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => self.exchange(stream, connection, linger).await,
                Err(_) => Ended::ByClient,
            },
        }
    }

    async fn exchange<S>(&self, stream: S, connection: &Connection, linger: Linger) -> Ended
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let requests = connection.requests();
        let router = BoxCloneSyncService::new(self.router.clone());
        let scheme = if self.tls.is_some() { Scheme::Https } else { Scheme::Http };
        let service = tower::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            let counted = requests.begin();
            request.extensions_mut().insert(scheme);
            request.extensions_mut().insert(linger.clone());
            let answered = router.clone().oneshot(request.map(Body::new));
            let linger = linger.clone();
            async move {
                let response = answered.await?;
                if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
                    linger.want();
                }
                Ok::<_, Infallible>(response.map(|body| Counted::new(body, counted)))
            }
        });
        let served =
            self.http.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
        tokio::pin!(served);
        let mut stop = self.stop.clone();
        tokio::select! {
            _ = served.as_mut() => return Ended::ByClient,
            _ = stop.wait_for(|stop| *stop) => served.as_mut().graceful_shutdown(),
        }
        let _ = served.await;
        Ended::ByServer
    }
}

#[cfg(test)]
mod tests;
