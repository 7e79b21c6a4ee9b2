//! How a client gets in: its name, its database, and its password where users are configured.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use async_trait::async_trait;
use futures::Sink;
use futures::SinkExt;
use pgwire::api::auth::{
    ServerParameterProvider, StartupHandler, finish_authentication, protocol_negotiation,
    save_startup_parameters_to_metadata,
};
use pgwire::api::{
    ClientInfo, METADATA_APPLICATION_NAME, METADATA_DATABASE, METADATA_USER, PgWireConnectionState,
};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::startup::{Authentication, SecretKey};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use uuid::Uuid;

use super::cancel::{Cancellations, Running};
use super::connection::{Connection, first_schema};
use super::settings::Settings;
use super::{Door, error};
use crate::access::Principal;
use crate::catalog::CATALOG;
use crate::server::connections::Requests;
use crate::session::{Door as Way, SessionSettings};

/// Databases that clients name when they have nothing else to name.
const DEFAULT_DATABASES: [&str; 2] = ["postgres", "template1"];

static NEXT_PROCESS: AtomicI32 = AtomicI32::new(1);

pub(super) struct Startup {
    pub(super) door: Arc<Door>,
    pub(super) requests: Requests,
}

#[async_trait]
impl StartupHandler for Startup {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        match message {
            PgWireFrontendMessage::Startup(startup) => {
                protocol_negotiation(client, &startup).await?;
                save_startup_parameters_to_metadata(client, &startup);
                if self.door.access.is_open() {
                    let user = user_of(client).to_owned();
                    return self.let_in(client, "", &user).await;
                }
                self.check_privacy(client)?;
                client.set_state(PgWireConnectionState::AuthenticationInProgress);
                let ask = PgWireBackendMessage::Authentication(Authentication::CleartextPassword);
                client.send(ask).await?;
                Ok(())
            }
            PgWireFrontendMessage::PasswordMessageFamily(message) => {
                let password = message.into_password()?.password;
                let user = user_of(client).to_owned();
                self.let_in(client, &password, &user).await
            }
            _ => Err(error::fatal("08P01", "expected a startup message or a password")),
        }
    }
}

impl Startup {
    /// Passwords are sent as they are, so they need a line that nobody else reads.
    fn check_privacy(&self, client: &impl ClientInfo) -> PgWireResult<()> {
        if client.is_secure() || client.socket_addr().ip().is_loopback() {
            return Ok(());
        }
        let hint =
            if self.door.has_tls { "connect with sslmode=require" } else { "the server has no certificate" };
        Err(error::fatal("28000", format!("passwords are taken over TLS only: {hint}")))
    }

    async fn let_in<C>(&self, client: &mut C, password: &str, user: &str) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let principal = self.door.access.with_password(user, password).await;
        let principal = principal.map_err(|_| {
            error::fatal("28P01", format!("password authentication failed for user \"{user}\""))
        })?;
        let process = NEXT_PROCESS.fetch_add(1, Ordering::Relaxed);
        let (high, low) = Uuid::new_v4().as_u64_pair();
        let [a, b, c, d, ..] = (high ^ low).to_be_bytes();
        let key = SecretKey::I32(i32::from_be_bytes([a, b, c, d]));
        client.set_pid_and_secret_key(process, key.clone());
        let settings = startup_settings(client)?;
        let session = session_settings(client, principal, &settings);
        let running = Running::default();
        let listed = Cancellations::enter(&self.door, process, key, Arc::clone(&running));
        let parameters = Parameters(settings.clone());
        let requests = self.requests.clone();
        // From here on it counts as one that has asked for something.
        drop(requests.begin());
        let connection = Connection::new(session, settings, process, running, listed, requests);
        client.session_extensions().insert(connection);
        finish_authentication(client, &parameters).await
    }
}

fn user_of(client: &impl ClientInfo) -> &str {
    client.metadata().get(METADATA_USER).map_or("", String::as_str)
}

/// Settings that come with the startup message, by name or as `options=-c name=value`.
fn startup_settings(client: &impl ClientInfo) -> PgWireResult<Settings> {
    let mut settings = Settings::new();
    for (name, value) in client.metadata() {
        settings.set(name, Some(value));
    }
    let options = client.metadata().get("options").map_or("", String::as_str);
    for option in options.split("-c").map(str::trim).filter(|option| !option.is_empty()) {
        let option = option.strip_prefix('-').unwrap_or(option);
        let (name, value) = option
            .split_once('=')
            .ok_or_else(|| error::fatal("22023", format!("the option {option:?} is not -c name=value")))?;
        settings.set(name.trim(), Some(value.trim()));
    }
    Ok(settings)
}

fn session_settings(client: &impl ClientInfo, principal: Principal, settings: &Settings) -> SessionSettings {
    let metadata = client.metadata();
    let database = metadata.get(METADATA_DATABASE).filter(|name| {
        // A client that names no database sends its user's name.
        !DEFAULT_DATABASES.contains(&name.as_str()) && **name != principal.user
    });
    let mut session = SessionSettings::new(principal, Way::Postgres);
    session.catalog = Some(database.map_or(CATALOG, String::as_str).to_owned());
    session.source = metadata.get(METADATA_APPLICATION_NAME).cloned();
    session.schema = settings.get("search_path").and_then(first_schema);
    session.time_zone = settings.get("timezone").map(str::to_owned);
    session
}

/// What a client is told of the settings before its first statement.
struct Parameters(Settings);

const TOLD: [(&str, &str); 11] = [
    ("server_version", "server_version"),
    ("server_encoding", "server_encoding"),
    ("client_encoding", "client_encoding"),
    ("DateStyle", "datestyle"),
    ("IntervalStyle", "intervalstyle"),
    ("TimeZone", "timezone"),
    ("integer_datetimes", "integer_datetimes"),
    ("standard_conforming_strings", "standard_conforming_strings"),
    ("is_superuser", "is_superuser"),
    ("default_transaction_read_only", "default_transaction_read_only"),
    ("application_name", "application_name"),
];

impl ServerParameterProvider for Parameters {
    fn server_parameters<C: ClientInfo>(&self, _: &C) -> Option<HashMap<String, String>> {
        let told =
            TOLD.iter().filter_map(|(told, name)| Some(((*told).to_owned(), self.0.get(name)?.to_owned())));
        Some(told.collect())
    }
}
