//! What belongs to one connection: who it is, what it has set, its cursors, and the query it is busy with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::scalar::ScalarValue;
use pgwire::api::ClientInfo;
use pgwire::api::results::QueryResponse;
use pgwire::error::{PgWireError, PgWireResult};

use super::cancel::{Listed, Running};
use super::catalog::{CatalogPlan, World};
use super::settings::{Assigned, Settings};
use super::{Door, error};
use crate::listing::list;
use crate::server::connections::{Request, Requests};
use crate::session::{Answer, Session, SessionSettings};

/// The state of a connection that has been let in.
pub(super) struct Connection {
    process: i32,
    running: Running,
    set: Mutex<Set>,
    cursors: tokio::sync::Mutex<HashMap<String, QueryResponse>>,
    requests: Requests,
    /// Kept for what happens when it is dropped.
    _listed: Listed,
}

#[derive(Debug, Clone)]
struct Set {
    session: SessionSettings,
    settings: Settings,
}

impl Connection {
    pub(super) fn new(
        session: SessionSettings,
        settings: Settings,
        process: i32,
        running: Running,
        listed: Listed,
        requests: Requests,
    ) -> Self {
        let set = Mutex::new(Set { session, settings });
        Self { process, running, set, cursors: tokio::sync::Mutex::default(), requests, _listed: listed }
    }

    /// The connection of a client.
    ///
    /// # Errors
    /// Where it has not been let in.
    pub(super) fn of(client: &impl ClientInfo) -> PgWireResult<Arc<Self>> {
        client.session_extensions().get::<Self>().ok_or(PgWireError::NotReadyForQuery)
    }

    fn set(&self) -> std::sync::MutexGuard<'_, Set> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn session(&self, door: &Door) -> Session {
        door.database.session(self.set().session.clone())
    }

    pub(super) fn cursors(&self) -> &tokio::sync::Mutex<HashMap<String, QueryResponse>> {
        &self.cursors
    }

    /// While this is kept, the connection is at work, and nobody else gets its place.
    pub(super) fn busy(&self) -> Request {
        self.requests.begin()
    }

    pub(super) fn settings(&self) -> Settings {
        self.set().settings.clone()
    }

    /// Runs a statement of the session, and remembers what it changes.
    pub(super) async fn execute(
        &self,
        door: &Door,
        text: &str,
        values: Vec<ScalarValue>,
    ) -> PgWireResult<Answer> {
        let id = door.database.queries().next_id();
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.clone());
        let answer = self.session(door).execute_with(id, text, values).await;
        let answer = answer.map_err(|failed| error::of_query(&failed, text))?;
        let mut set = self.set();
        for effect in &answer.effects {
            set.session.apply(effect);
        }
        Ok(answer)
    }

    /// Plans a question about the catalog.
    pub(super) async fn plan(&self, door: &Door, text: &str) -> PgWireResult<CatalogPlan> {
        let world = self.world(door).await?;
        door.catalog.plan(text, &world).await.map_err(|failed| error::of_catalog(failed, text))
    }

    async fn world(&self, door: &Door) -> PgWireResult<World> {
        let Set { session, settings } = self.set().clone();
        let failed = |failed| error::of_query(&failed, "");
        let tables = list(&self.session(door)).await.map_err(failed)?;
        let database = session.catalog.clone().unwrap_or_else(|| crate::catalog::CATALOG.to_owned());
        Ok(World {
            user: session.principal.user,
            databases: vec![database.clone()],
            database,
            schema: session.schema,
            process: self.process,
            settings,
            tables,
        })
    }

    /// Sets a setting; `None` sets what it is at the start. One that is none of `PostgreSQL` may be one of the session.
    pub(super) async fn assign(
        &self,
        door: &Door,
        name: &str,
        value: Option<&str>,
        text: &str,
    ) -> PgWireResult<()> {
        let assigned = self.set().settings.set(name, value);
        match assigned {
            Assigned::Set => {
                self.follow(name, value);
                Ok(())
            }
            Assigned::Fixed => Err(error::plain("55P02", format!("parameter \"{name}\" cannot be changed"))),
            Assigned::Unknown => {
                let unknown =
                    || error::plain("42704", format!("unrecognized configuration parameter \"{name}\""));
                self.execute(door, text, Vec::new()).await.map(drop).map_err(|_| unknown())
            }
        }
    }

    /// Settings that the session has as well.
    fn follow(&self, name: &str, value: Option<&str>) {
        let mut set = self.set();
        match name.to_lowercase().as_str() {
            "timezone" => set.session.time_zone = value.map(str::to_owned),
            "application_name" => set.session.source = value.map(str::to_owned),
            "search_path" => set.session.schema = value.and_then(first_schema),
            _ => {}
        }
    }

    pub(super) fn reset(&self) {
        let mut set = self.set();
        set.settings = Settings::new();
        set.session.time_zone = None;
        set.session.schema = None;
    }
}

/// The first schema of a search path that is none of those every database of `PostgreSQL` has.
pub(super) fn first_schema(path: &str) -> Option<String> {
    let mut names = path.split(',').map(|name| name.trim().trim_matches('"'));
    names.find(|name| !matches!(*name, "" | "$user" | "public" | "pg_catalog")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_real_schema_of_a_path_counts() {
        assert_eq!(first_schema("\"$user\", public"), None);
        assert_eq!(first_schema("public, \"marts\", raw").as_deref(), Some("marts"));
    }
}
