//! What a client has set: who it is, where names are looked up, its properties and prepared statements.

use std::collections::BTreeMap;

use crate::access::{Grants, Principal};
use crate::session::answer::Effect;

/// The way by which a statement came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Trino's HTTP protocol.
    Trino,
    /// `PostgreSQL`'s wire protocol.
    Postgres,
    /// Arrow Flight SQL.
    Flight,
    /// The HTTP API.
    Api,
    /// A command or test of the same process.
    Local,
}

/// The source of statements that a person of this program asks a server, who gets the errors as they would be told locally.
pub const OWN_PROMPT: &str = "depthlake sql";

/// What is set for the statements of a client. It has no hidden part: a client that hands it back with its next statement
/// goes on where it was.
#[derive(Debug, Clone)]
pub struct SessionSettings {
    pub principal: Principal,
    pub door: Door,
    /// The program that asks, as it calls itself.
    pub source: Option<String>,
    /// The catalog of names that have none.
    pub catalog: Option<String>,
    /// The schema of names that have none.
    pub schema: Option<String>,
    /// The zone in which times without one are meant, such as `Europe/Berlin` or `+02:00`.
    pub time_zone: Option<String>,
    /// Session properties by name, as `SET SESSION` sets them.
    pub properties: BTreeMap<String, String>,
    /// The text of prepared statements by name.
    pub prepared: BTreeMap<String, String>,
    /// The transaction that is open, if any.
    pub transaction: Option<String>,
    pub client_tags: Vec<String>,
}

impl SessionSettings {
    /// The settings of a client that has set nothing yet.
    #[must_use]
    pub fn new(principal: Principal, door: Door) -> Self {
        Self {
            principal,
            door,
            source: None,
            catalog: None,
            schema: None,
            time_zone: None,
            properties: BTreeMap::new(),
            prepared: BTreeMap::new(),
            transaction: None,
            client_tags: Vec::new(),
        }
    }

    /// Those of a command of this process, which may do everything.
    #[must_use]
    pub fn local() -> Self {
        Self::new(Principal { user: "depthlake".to_owned(), grants: Grants::everything() }, Door::Local)
    }

    /// The zone in which times without one are meant.
    #[must_use]
    pub fn zone(&self) -> &str {
        self.time_zone.as_deref().unwrap_or("UTC")
    }

    /// Takes on what a statement has changed. Doors whose clients stay connected do so after each [`Answer`].
    ///
    /// [`Answer`]: crate::Answer
    pub fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::SetCatalog(catalog) => self.catalog = Some(catalog.clone()),
            Effect::SetSchema(schema) => self.schema = Some(schema.clone()),
            Effect::SetTimeZone(zone) => self.time_zone = Some(zone.clone()),
            Effect::SetSession(name, value) => {
                self.properties.insert(name.clone(), value.clone());
            }
            Effect::ClearSession(name) => {
                self.properties.remove(name);
            }
            Effect::Prepared { name, sql } => {
                self.prepared.insert(name.clone(), sql.clone());
            }
            Effect::Deallocated(name) => {
                self.prepared.remove(name);
            }
            Effect::StartedTransaction(id) => self.transaction = Some(id.clone()),
            Effect::ClearedTransaction => self.transaction = None,
            Effect::SetRole { .. } => {}
        }
    }
}
